"""Splitting and joining fields, the checks that every layer makes, and freezing of any module."""

import pytest
import torch

from tests.fibre.action import C4, D4, SO2
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError, TorsorError
from torsor.fibre import Expansion, Layer, freeze, join_fields, split_fields

TYPE = 2 * R.regular(C4) + R.standard(C4) + 3 * R.trivial(C4)


@pytest.mark.parametrize("space", [(), (3,), (2, 3), (2, 1, 3)])
def test_fields_follow_the_direct_sum(space):
    x = torch.arange(5 * 13).view(5, 13, *[1] * len(space)).expand(5, 13, *space)
    parts = split_fields(x, TYPE)
    assert [p.shape[:3] for p in parts] == [(5, 2, 4), (5, 1, 2), (5, 3, 1)]
    assert parts[0][0, 1, 2].flatten()[0] == 6 and parts[1][0, 0, 1].flatten()[0] == 9
    assert parts[2][1, 2, 0].flatten()[0] == 13 + 12
    assert torch.equal(join_fields(parts), x)
    assert [p.shape[1:3] for p in split_fields(x[:, :8], 2 * R.regular(C4))] == [(2, 4)]
    assert torch.equal(join_fields(split_fields(x[:, :8], 2 * R.regular(C4))), x[:, :8])


@pytest.mark.parametrize("shape", [(2, 12, 4, 4), (2, 14), (13,), (2, 1, 13)])
def test_wrong_channels(shape):
    with pytest.raises(FieldTypeError) as caught:
        nn.Squash(TYPE)(torch.zeros(shape))
    for part in ("Squash", "2 regular + standard + 3 trivial of C4", "13 channels", "axis 1", str(shape)):
        assert part in str(caught.value)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, TorsorError)


def test_types_of_two_groups():
    with pytest.raises(FieldTypeError, match=r"one group.*regular of C4.*trivial of D4.*nn\.Restrict"):
        nn.Linear(R.regular(C4), R.trivial(D4))


@pytest.mark.parametrize("wrong", [3, "regular", C4, None])
def test_a_type_is_a_representation(wrong):
    with pytest.raises(FieldTypeError, match="expected a representation"):
        nn.LayerNorm.__mro__[2].__init__(Identity.__new__(Identity), wrong, R.trivial(C4))


class Identity(Layer):
    """A user's layer."""

    def compute(self, x):
        return x


def test_a_users_layer():
    layer = Identity(TYPE, TYPE)
    x = torch.randn(2, 13)
    assert layer(x) is x and "2 regular + standard" in repr(layer)
    assert layer.space_out("anything") == "anything"
    assert isinstance(layer.refined(2), Identity) and layer.refined(2) is not layer
    with pytest.raises(TypeError, match="abstract"):
        Layer(TYPE, TYPE)


# -------------------------------------------------------------------------------------------- freeze


class UsersNet(torch.nn.Module):
    """Torsor's layers deep inside plain containers, used twice, and beside plain layers."""

    def __init__(self):
        super().__init__()
        rep = R.regular(D4)
        self.in_rep = R.trivial(D4)
        self.blocks = torch.nn.ModuleDict(
            {
                "first": torch.nn.Sequential(nn.Conv(self.in_rep, rep, K.Stencil(3)), nn.BatchNorm(rep)),
                "second": torch.nn.ModuleList([nn.Conv(rep, rep, K.Harmonic(3)), nn.ReLU(rep)]),
            }
        )
        self.shared = self.blocks["second"][0]
        self.act = self.blocks["second"][1]
        self.pool = nn.GroupPool(rep)
        self.head = torch.nn.Linear(1, 3)
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.register_buffer("shift", torch.tensor(0.5))
        self.note = {"kept": [1, 2]}

    def forward(self, x):
        x = self.act(self.shared(self.act(self.blocks["first"](x))))
        for layer in self.blocks["second"]:
            x = layer(x)
        return self.head((self.pool(x) * self.scale + self.shift).mean((2, 3)))


def test_freeze_a_users_module():
    net = UsersNet().double()
    x = torch.randn(3, 1, 6, 6, dtype=torch.float64)
    net(x)  # moves the running statistics
    frozen = freeze(net)
    assert net.training and not frozen.training
    assert (frozen(x) - net.eval()(x)).abs().max() < 1e-12
    assert not any(isinstance(m, Expansion) for m in frozen.modules())
    assert isinstance(frozen.shared, torch.nn.Conv2d) and isinstance(frozen.head, torch.nn.Linear)
    assert frozen.note == {"kept": [1, 2]} and frozen.note is not net.note
    with torch.no_grad():
        for p in frozen.parameters():
            p.add_(1.0)
    assert torch.equal(net.scale, torch.tensor(2.0).double())  # a copy: nothing is shared
    assert any(isinstance(m, Expansion) for m in net.modules())


def test_freeze_leaves_plain_modules_alone():
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout()).train()
    frozen = freeze(net)
    assert frozen is not net and frozen[0] is not net[0] and torch.equal(frozen[0].weight, net[0].weight)
    assert not frozen.training and net.training


def test_freeze_of_a_frozen_module():
    conv = nn.Conv(R.trivial(SO2), R.irrep(SO2, 1), K.Harmonic(3)).freeze()
    again = freeze(conv)
    assert torch.equal(conv.weight, again.weight) and type(again) is torch.nn.Conv2d

"""Sequences and concatenations check types; restriction changes the group and nothing else."""

from collections import OrderedDict

import pytest
import torch

from tests.fibre.action import C4, C8, D4, D8, SO2, errors
from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError, RepresentationError
from torsor.fields import Field

REP = 2 * R.regular(D4)


def layers():
    return [nn.Conv(R.trivial(D4), REP, K.Stencil(3)), nn.ReLU(REP), nn.GroupPool(REP)]


def test_sequential_runs_in_order_and_knows_its_types():
    first, act, pool = layers()
    net = nn.Sequential(first, act, pool)
    x = torch.randn(2, 1, 5, 5)
    assert torch.equal(net(x), pool(act(first(x))))
    assert net.in_rep == R.trivial(D4) and net.out_rep == 2 * R.trivial(D4)
    assert list(net.state_dict()) == ["0.bias", "0.kernel.weight"]


def test_sequential_refuses():
    first, act, pool = layers()
    with pytest.raises(FieldTypeError, match=r"layer 1, GroupPool, expects 2 regular of D4, but layer 0, GroupPool"):
        nn.Sequential(pool, pool)
    with pytest.raises(FieldTypeError, match=r"layer 2, ReLU, expects regular of C4, but layer 1, ReLU, gives 2 reg"):
        nn.Sequential(first, act, nn.ReLU(R.regular(C4)))
    with pytest.raises(FieldTypeError, match=r"layer 1, Dropout, has no types.*torch\.nn\.Sequential"):
        nn.Sequential(first, torch.nn.Dropout())
    with pytest.raises(FieldTypeError, match="at least one layer"):
        nn.Sequential()


def test_sequential_slices_names_and_grows():
    net = nn.Sequential(*layers())
    x = torch.randn(2, 1, 5, 5)
    head, tail = net[:2], net[2:]
    assert type(head) is nn.Sequential and head.out_rep == REP and tail.in_rep == REP
    assert torch.equal(tail(head(x)), net(x)) and head[0] is net[0]
    named = nn.Sequential(OrderedDict(zip(("conv", "act", "pool"), layers(), strict=True)))
    assert named.conv is named[0] and list(named.state_dict()) == ["conv.bias", "conv.kernel.weight"]
    assert list(dict(named.freeze().named_children())) == ["conv", "act", "pool"]
    head.append(nn.NormPool(REP))
    assert head.out_rep == 2 * R.trivial(D4) and len(head) == 3
    with pytest.raises(FieldTypeError, match="layer 3, ReLU, expects 2 regular"):
        head.append(nn.ReLU(REP))
    assert len(head) == 3
    with pytest.raises(FieldTypeError, match="layer 1, GroupPool"):
        nn.Sequential(OrderedDict(a=layers()[0].freeze() and layers()[2], b=layers()[2]))


def test_sequential_of_sequentials():
    inner = nn.Sequential(*layers()[:2])
    net = nn.Sequential(inner, nn.Sequential(layers()[2]))
    assert net.out_rep == 2 * R.trivial(D4) and net(torch.zeros(1, 1, 3, 3)).shape == (1, 2, 3, 3)


def test_concatenate():
    a, b = R.standard(D4), R.regular(D4) + R.standard(D4)
    join = nn.Concatenate(a, b)
    x, y = torch.randn(2, 2, 3), torch.randn(2, 10, 3)
    assert join.out_rep == R.standard(D4) + R.regular(D4) + R.standard(D4)
    assert torch.equal(join(x, y), torch.cat([x, y], 1)) and torch.equal(join([x, y]), join(x, y))
    g = D4.elements()[5]
    moved = join(torch.einsum("ij,bjn->bin", a.rho(g).float(), x), torch.einsum("ij,bjn->bin", b.rho(g).float(), y))
    assert (moved - torch.einsum("ij,bjn->bin", join.out_rep.rho(g).float(), join(x, y))).abs().max() < 1e-6
    frozen = join.freeze()
    assert torch.equal(frozen(x, y), join(x, y))


def test_concatenate_refuses():
    join = nn.Concatenate(R.standard(D4), R.regular(D4))
    x = torch.zeros(2, 2, 3)
    with pytest.raises(FieldTypeError, match="expected 2 tensors to concatenate, got 1"):
        join(x)
    with pytest.raises(FieldTypeError, match="expected 2 tensors to concatenate, got 3"):
        join(x, x, x)
    with pytest.raises(FieldTypeError, match=r"Concatenate expects fields of type regular of D4, 8 channels"):
        join(x, x)
    with pytest.raises(FieldTypeError, match="at least two types to concatenate, got 1"):
        nn.Concatenate(R.standard(D4))
    with pytest.raises((FieldTypeError, RepresentationError), match="one group"):
        nn.Concatenate(R.standard(D4), R.standard(C4))


def test_restrict():
    layer = nn.Restrict(REP, C4)
    x = torch.randn(2, 16, 3, 3, dtype=torch.float64)
    assert layer(x) is x and layer.out_rep.group == C4 and layer.out_rep.dim == 16
    for g in C4.elements():
        assert max(errors(layer, x, g)) < 1e-12
    field = layer(Field(x, REP))
    assert field.rep == layer.out_rep and field.tensor is x
    assert isinstance(layer.freeze(), torch.nn.Identity) and layer.refined(2).out_rep == layer.out_rep
    with pytest.raises(FieldTypeError, match="Restrict expects fields of type 2 regular of D4, 16 channels"):
        layer(x[:, :3])
    with pytest.raises(RepresentationError, match=r"expected a subgroup of D4, got C8"):
        nn.Restrict(REP, C8)


def test_a_network_that_restricts_midway():
    """D8, then C4, then nothing: equivariant under the smallest group."""
    first, second = R.regular(D8), R.regular(D8).restrict(C4)
    net = nn.Sequential(
        nn.Conv(R.trivial(D8), first, K.Harmonic(3)),
        nn.ReLU(first),
        nn.Restrict(first, C4),
        nn.Conv(second, R.standard(C4), K.Stencil(3)),
    ).double()
    assert net.in_rep.group == D8 and net.out_rep.group == C4
    x = torch.randn(1, 1, 5, 5, dtype=torch.float64)
    for g in C4.elements():
        assert max(errors(net, x, g)) < 1e-12
    flip = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    y, mirrored = net(x), net(x.flip(-1)).flip(-1)
    assert (torch.einsum("ij,bjhw->bihw", flip, y) - mirrored).abs().max() > 1e-3


def test_restriction_to_continuous_subgroups():
    rep = R.tensor(G.O(2), 2)
    assert nn.Restrict(rep, SO2).out_rep.group == SO2

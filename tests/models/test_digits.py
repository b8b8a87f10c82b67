"""Networks for digits: invariant, of matched size, refused when the representation is unknown."""

import pytest
import torch

from tests.fibre.action import C4, C8, D4, O2, SO2, lattice, randomise
from torsor import models, nn
from torsor.errors import ConfigError, TorsorError
from torsor.fibre import Expansion

NETS = {
    "C8 regular": ((C8, "regular"), {}),
    "SO(2) irreps": ((SO2, "irreps"), {"band": 2}),
    "O(2) regular": ((O2, "regular"), {"band": 2}),
    "D4 regular": (("D4",), {}),
    "C4 irreps": (("C4", "irreps"), {}),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_scores_are_invariant(name, mode):
    arguments, options = NETS[name]
    net = randomise(models.digits_net(*arguments, width=0.25, **options)).double().train(mode == "train")
    net.head[4].p = 0.0
    x = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    y = net(x)
    assert y.shape == (3, 10) and (y - y.mean(0)).abs().max() > 1e-2
    for g in lattice(net.in_rep.group):
        moved = x.rot90(0, (2, 3))
        matrix = [[round(float(v)) for v in row] for row in g]
        if matrix[0][0] == 0:  # axes are exchanged
            moved = moved.transpose(2, 3)
            flips = [2 + i for i in range(2) if matrix[i][1 - i] < 0]
        else:
            flips = [2 + i for i in range(2) if matrix[i][i] < 0]
        moved = moved.flip(flips) if flips else moved
        assert (net(moved) - y).abs().max() < 1e-10 * y.abs().max()
    if name.startswith(("C", "SO")):
        assert (net(x.flip(-1)) - y).abs().max() > 1e-4  # mirror images differ


def test_the_plain_network_is_not_invariant():
    net = models.plain_net(width=0.5).double().eval()
    x = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    y = net(x)
    assert (net(x.rot90(1, (2, 3))) - y).abs().max() > 1e-3 * y.abs().max()
    assert net.in_rep.group.order == 1


@pytest.mark.parametrize("name", ["C8 regular", "SO(2) irreps", "D4 regular"])
def test_plain_net_matches_parameters(name):
    arguments, options = NETS[name]
    net = models.digits_net(*arguments, width=0.6, **options)
    plain = models.plain_net(nn.count_parameters(net))
    assert abs(nn.count_parameters(plain) / nn.count_parameters(net) - 1) < 0.05


def test_freeze_is_plain_and_equal():
    net = randomise(models.digits_net("C4", width=0.25)).double()
    x = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    frozen = net.freeze()
    assert (frozen(x) - net.eval()(x)).abs().max() < 1e-11
    assert not any(isinstance(m, Expansion) for m in frozen.modules())


def test_options():
    assert models.digits_net("C4", width=0.25, classes=3)(torch.zeros(2, 1, 28, 28)).shape == (2, 3)
    assert models.digits_net("C4", width=1e-6)(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    with pytest.raises(ConfigError, match=r'"regular" or "irreps", got \'standard\''):
        models.digits_net("C4", "standard")
    with pytest.raises(TorsorError):
        models.digits_net("E8")
    assert models.digits_net(C4, width=0.25).in_rep.group == C4 and models.digits_net(D4, width=0.25).out_rep.dim == 10


def test_the_same_seed_gives_the_same_network():
    def build():
        torch.manual_seed(3)
        return models.digits_net("C4", width=0.25).state_dict()

    a, b = build(), build()
    assert all(torch.equal(a[k], b[k]) for k in a)

"""Counting parameters, and networks of equal size."""

import pytest
import torch

from tests.fibre.action import C4
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R
from torsor.errors import ConfigError


def net(width: float) -> torch.nn.Module:
    rep = max(1, round(10 * width)) * R.regular(C4)
    return nn.Sequential(nn.Conv(R.trivial(C4), rep, K.Stencil(3)), nn.BatchNorm(rep), nn.Conv(rep, rep, K.Stencil(3)))


def size(n: int) -> int:
    """By hand: C4 regular; a 3×3 stencil has 9 weights for each pair of fields from scalars, 36 between regulars."""
    return n * 9 + n + 2 * n + n * n * 36 + n


def test_count_parameters():
    assert nn.count_parameters(net(1.0)) == size(10)
    layer = torch.nn.Linear(3, 4)
    layer.weight.requires_grad_(False)
    assert nn.count_parameters(layer) == 4


@pytest.mark.parametrize("n", [1, 3, 10, 40])
def test_match_a_number(n):
    width = nn.match_parameters(net, size(n) + 10)
    assert round(10 * width) == n or n == 1
    best = min(range(1, 161), key=lambda k: abs(size(k) - size(n) - 10))
    assert nn.count_parameters(net(width)) == size(best)


def test_match_a_network():
    target = torch.nn.Conv2d(30, 40, 3)
    width = nn.match_parameters(net, target)
    n = min(range(1, 161), key=lambda k: abs(size(k) - nn.count_parameters(target)))
    assert nn.count_parameters(net(width)) == size(n)


def test_out_of_reach():
    with pytest.raises(ConfigError, match=r"expected a target between .* parameters, got 10"):
        nn.match_parameters(net, 10)
    with pytest.raises(ConfigError, match="got 1,000,000,000"):
        nn.match_parameters(net, 10**9)


@pytest.mark.parametrize("number", [8_000, 60_000])
def test_plain_nets_match_within_five_percent(number):
    assert abs(nn.count_parameters(models.plain_net(number)) / number - 1) < 0.05


def test_nothing_real_is_built():
    built = []

    def build(width):
        built.append(net(width))
        return built[-1]

    nn.match_parameters(build, size(7))
    assert all(p.is_meta for module in built for p in module.parameters())

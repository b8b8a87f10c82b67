"""The refinement looks at the receptive field of the centre only: the same numbers as on the whole grid, sooner."""

from importlib import import_module

import pytest
import torch

from tests.fibre.action import C8, SO2, SO3
from torsor import check, nn
from torsor import kernels as K
from torsor import reps as R

equivariance = import_module("torsor.check.equivariance")  # the package exports the function of that name
FIELDS = R.trivial(SO2) + R.standard(SO2)


def conv(size: int = 3, rep: R.Representation = FIELDS, **options) -> nn.Conv:
    return nn.Conv(rep, rep, K.Harmonic(size), **options)


LOCAL = {
    "one layer": (lambda: conv(), 1),
    "two layers": (lambda: nn.Sequential(conv(), nn.Squash(FIELDS), conv(5)), 3),
    "an even size": (lambda: nn.Sequential(conv(4), conv(4)), 3),
    "dilated": (lambda: conv(dilation=2), 2),
    "without padding": (lambda: conv(padding=0), 1),
}
GLOBAL = {
    "normalised over space": lambda: nn.Sequential(conv(), nn.InstanceNorm(FIELDS), conv()),
    "pooled over space": lambda: nn.Sequential(conv(), nn.AdaptiveAvgPool(FIELDS)),
    "masked": lambda: nn.Sequential(nn.DiscMask(FIELDS), conv()),
}


@pytest.mark.parametrize("case", LOCAL)
def test_receptive_field(case):
    build, radius = LOCAL[case]
    x = torch.randn(2, FIELDS.dim, 13, 13, dtype=torch.float64)
    assert equivariance._receptive_radius(build().double(), x) == radius


@pytest.mark.parametrize("case", GLOBAL)
def test_layers_that_see_everything_have_none(case):
    x = torch.randn(2, FIELDS.dim, 13, 13, dtype=torch.float64)
    assert equivariance._receptive_radius(GLOBAL[case]().double(), x) is None


@pytest.mark.parametrize("case", ["one layer", "two layers", "an even size"])
def test_the_numbers_are_those_of_the_whole_grid(case, monkeypatch):
    torch.manual_seed(0)
    net = LOCAL[case][0]()
    quick = check.equivariance(net, size=9, samples=3, gradients=False)
    monkeypatch.setattr(equivariance, "_receptive_radius", lambda *_: None)
    plain = check.equivariance(net, size=9, samples=3, gradients=False)
    assert quick.refinement == pytest.approx(plain.refinement, rel=1e-9) and quick.refinement[0] > 0


def test_in_space():
    torch.manual_seed(0)
    rep = R.trivial(SO3) + R.standard(SO3)
    a, b, c = check.equivariance(conv(rep=rep), size=7, samples=2, batch=2, gradients=False).refinement
    assert a > 3 * b > 9 * c > 0


def test_a_module_that_pads_by_itself_is_run_on_the_whole_grid():
    class Padded(torch.nn.Module):
        in_rep = out_rep = R.trivial(C8)

        def forward(self, x):
            return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1, 1, 1, 1)), 3, 1)

    x = torch.randn(2, 1, 9, 9, dtype=torch.float64)
    assert equivariance._receptive_radius(Padded(), x) is None

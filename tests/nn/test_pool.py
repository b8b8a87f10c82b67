"""Pooling over space: values by hand, all sizes of adaptive windows, the binomial filter, refused types."""

import warnings

import pytest
import torch

from tests.fibre.action import C4, CUBE, D4, D8, LINE, SO2, SO3, worst
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError, SymmetryWarning

REP = R.regular(D4) + 2 * R.trivial(D4)
ANY = R.standard(D4) + R.regular(D4) + R.sign(D4)


@pytest.mark.parametrize(("size", "stride", "padding"), [(2, None, 0), (3, 2, 1), ((2, 3), (2, 1), 0), (3, 1, 1)])
def test_max_and_average_are_torchs(size, stride, padding):
    x = torch.randn(2, REP.dim, 6, 7, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymmetryWarning)
        assert torch.equal(
            nn.MaxPool(REP, size, stride, padding)(x), torch.nn.functional.max_pool2d(x, size, stride, padding)
        )
        assert torch.equal(
            nn.AvgPool(REP, size, stride, padding)(x), torch.nn.functional.avg_pool2d(x, size, stride, padding)
        )


def test_norm_max_by_hand():
    """The longest vector of each window, as it is."""
    layer = nn.NormMaxPool(R.standard(D4) + R.trivial(D4), 2)
    x = torch.zeros(1, 3, 2, 4)
    x[0, :2, 0, 0] = torch.tensor([3.0, -4.0])
    x[0, :2, 1, 1] = torch.tensor([4.9, 0.0])
    x[0, :2, 1, 2] = torch.tensor([-1.0, 0.5])
    x[0, 2, 0, 1], x[0, 2, 1, 3] = -2.0, 1.0
    assert torch.equal(layer(x)[0, :, 0], torch.tensor([[3.0, -1.0], [-4.0, 0.5], [-2.0, 1.0]]))


@pytest.mark.parametrize("rep", [2 * R.irrep(SO2, 1) + R.trivial(SO2), R.tensor(SO3, 2), R.sign(LINE)], ids=str)
def test_norm_max_commutes_with_continuous_elements(rep):
    layer = nn.NormMaxPool(rep, 3, 2)
    assert worst(layer, (5,) * rep.group.dim, rep.group.sample(3), grid=False) < 1e-12


@pytest.mark.parametrize("output", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [4, 5, 6, 7, 9])
def test_adaptive_pools_are_exact_at_every_size(output, size):
    with warnings.catch_warnings():
        warnings.simplefilter("error", SymmetryWarning)
        assert worst(nn.AdaptiveAvgPool(ANY, output), (size, size)) < 1e-12
        assert worst(nn.AdaptiveMaxPool(REP, output), (size, size)) < 1e-12


def test_adaptive_values():
    x = torch.randn(2, REP.dim, 5, 6, dtype=torch.float64)
    assert (nn.AdaptiveAvgPool(REP)(x)[..., 0, 0] - x.mean((2, 3))).abs().max() < 1e-14
    assert torch.equal(nn.AdaptiveMaxPool(REP)(x)[..., 0, 0], x.amax((2, 3)))
    assert nn.AdaptiveAvgPool(REP, (2, 3))(x).shape == (2, REP.dim, 2, 3)
    assert nn.AdaptiveAvgPool(R.standard(CUBE))(torch.zeros(1, 3, 2, 2, 2)).shape == (1, 3, 1, 1, 1)


@pytest.mark.parametrize(
    ("size", "line"),
    [
        (2, [1 / 2, 1 / 2]),
        (3, [1 / 4, 1 / 2, 1 / 4]),
        (4, [1 / 8, 3 / 8, 3 / 8, 1 / 8]),
        (5, [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]),
    ],
)
def test_antialiasing_filters_are_binomial(size, line):
    line = torch.tensor(line, dtype=torch.float64)
    for group, d in ((LINE, 1), (D4, 2), (CUBE, 3)):
        layer = nn.AntialiasedPool(R.trivial(group), size=size, dtype=torch.float64)
        expected = line
        for _ in range(d - 1):
            expected = expected[..., None] * line
        assert (layer.filter - expected).abs().max() < 1e-15
        x = torch.zeros(1, 1, *[9 - size % 2] * d, dtype=torch.float64)
        index = (0, 0, *[4] * d)
        x[index] = 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SymmetryWarning)
            y = nn.AntialiasedPool(R.trivial(group), stride=1, size=size, dtype=torch.float64)(x)
        assert abs(float(y.sum()) - 1) < 1e-14  # an impulse in the middle is spread, nothing is lost
        assert (y[y > 0].sort().values - expected.flatten().sort().values).abs().max() < 1e-15


def test_antialiased_pool_removes_what_the_stride_would_alias():
    """The highest frequency along an axis, (-1)^i, becomes zero; MaxPool turns it into a constant."""
    x = (-1.0) ** torch.arange(16).view(1, 1, 16, 1).expand(1, 1, 16, 16)
    for size in (2, 3, 4, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SymmetryWarning)
            y = nn.AntialiasedPool(R.trivial(D4), size=size)(x)
        assert y[..., 2:-2, 2:-2].abs().max() < 1e-6
    assert (nn.MaxPool(R.trivial(D4))(x) == 1).all()


def test_antialiased_max_by_hand():
    layer = nn.AntialiasedPool(REP, size=3, mode="max", dtype=torch.float64)
    x = torch.randn(2, REP.dim, 7, 7, dtype=torch.float64)
    maximum = torch.nn.functional.max_pool2d(x, 3, 1, 1)
    line = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64) / 4
    filters = (line[:, None] * line).expand(REP.dim, 1, 3, 3)
    assert torch.allclose(layer(x), torch.nn.functional.conv2d(maximum, filters, None, 2, 1, 1, REP.dim), atol=1e-14)


@pytest.mark.parametrize(
    "layer",
    [nn.MaxPool, nn.AdaptiveMaxPool, lambda rep: nn.AntialiasedPool(rep, mode="max")],
    ids=["MaxPool", "AdaptiveMaxPool", "AntialiasedPool"],
)
@pytest.mark.parametrize("rep", [R.irrep(SO2, 1), R.standard(D4), R.sign(D4), R.regular(D8) + R.standard(D8)], ids=str)
def test_maxima_of_mixed_components_are_refused(layer, rep):
    with pytest.raises(FieldTypeError, match=r"permutation representation, got .*nn\.AvgPool, or nn\.NormMaxPool"):
        layer(rep)


def test_wrong_options():
    rep = R.trivial(C4)
    for call, message in [
        (lambda: nn.MaxPool(rep, 0), "window of at least 1"),
        (lambda: nn.MaxPool(rep, (2, 2, 2)), "window of at least 1, one number or 2"),
        (lambda: nn.AvgPool(rep, 2, 0), "stride of at least 1"),
        (lambda: nn.AvgPool(rep, 2, padding=-1), "padding of at least 0"),
        (lambda: nn.AdaptiveAvgPool(rep, 0), "output size of at least 1"),
        (lambda: nn.AntialiasedPool(rep, size=1), "filter of at least 2 pixels, got 1"),
        (lambda: nn.AntialiasedPool(rep, mode="median"), '"avg" or "max", got \'median\''),
        (lambda: nn.MaxPool(rep).refined(2), "MaxPool has no refinement"),
        (lambda: nn.MaxPool(rep, 4)(torch.zeros(1, 1, 3, 3)), "smaller than its window"),
        (lambda: nn.MaxPool(rep)(torch.zeros(1, 1, 4)), "batch, channels, .*2 axes"),
    ]:
        with pytest.raises(FieldTypeError, match=message):
            call()


def test_antialiased_constructors_take_device_and_dtype():
    layer = nn.AntialiasedPool(REP, device="meta", dtype=torch.float64)
    assert layer.filter.is_meta and layer.filter.dtype == torch.float64
    layer = layer.to_empty(device="cpu")
    assert abs(float(layer.filter.sum()) - 1) < 1e-15

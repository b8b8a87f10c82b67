"""Up-sampling and the disc mask."""

import pytest
import torch

from tests.fibre.action import C4, CUBE, D4, LINE, worst
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError

ANY = R.standard(D4) + R.trivial(D4)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("factor", [1, 2, 3, (2, 2)])
@pytest.mark.parametrize("size", [4, 5])
def test_exact_at_every_size(mode, factor, size):
    layer = nn.Upsample(ANY, factor, mode)
    assert worst(layer, (size, size)) < 1e-12
    wide = factor if isinstance(factor, int) else factor[0]
    x = torch.full((1, 3, size, size), 2.5, dtype=torch.float64)
    assert layer(x).shape == (1, 3, wide * size, wide * size) and (layer(x) - 2.5).abs().max() < 1e-12


def test_linear_is_zero_stuffing_and_a_triangle():
    """In one dimension, factor 2, away from the ends: (1, 3, 3, 1)/4 on stuffed pixels."""
    x = torch.randn(1, 1, 6, dtype=torch.float64)
    y = nn.Upsample(R.trivial(LINE))(x)
    stuffed = torch.zeros(1, 1, 11, dtype=torch.float64)
    stuffed[..., ::2] = x
    triangle = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 4
    expected = torch.nn.functional.conv1d(stuffed, triangle.view(1, 1, -1), padding=2)
    assert (y[..., 1:-1] - expected[..., 1:-1]).abs().max() < 1e-14
    assert y[0, 0, 0] == x[0, 0, 0] and y[0, 0, -1] == x[0, 0, -1]


def test_nearest_repeats_pixels():
    x = torch.randn(1, 3, 2, 3, 2, dtype=torch.float64)
    y = nn.Upsample(R.standard(CUBE), (1, 2, 3), "nearest")(x)
    assert torch.equal(y, x.repeat_interleave(2, 3).repeat_interleave(3, 4))


def test_up_then_down_keeps_a_ramp():
    ramp = torch.arange(8.0).view(1, 1, 8, 1).expand(1, 1, 8, 8).double()
    y = nn.AvgPool(R.trivial(D4))(nn.Upsample(R.trivial(D4))(ramp))
    assert (y - ramp)[:, :, 1:-1, 1:-1].abs().max() < 1e-12


def test_refused():
    for call, message in [
        (lambda: nn.Upsample(R.trivial(C4), mode="bilinear"), r"\('nearest', 'linear', 'cubic'\) in 2 dimensions"),
        (lambda: nn.Upsample(R.trivial(LINE), mode="cubic"), "in 1 dimensions"),
        (lambda: nn.Upsample(R.trivial(C4), 0), "factor of at least 1"),
        (lambda: nn.Upsample(R.trivial(C4)).refined(2), "Upsample has no refinement"),
        (lambda: nn.Upsample(R.trivial(C4))(torch.zeros(1, 1, 4)), "2 axes"),
        (lambda: nn.DiscMask(R.trivial(C4), 0.0), "positive margin, got 0"),
    ]:
        with pytest.raises(FieldTypeError, match=message):
            call()


@pytest.mark.parametrize("shape", [(7, 7), (8, 8), (6, 9), (9,), (5, 5, 5)])
def test_disc_mask_pixel_by_pixel(shape):
    group = {1: LINE, 2: C4, 3: CUBE}[len(shape)]
    layer = nn.DiscMask(R.trivial(group), margin=1.5)
    mask = layer(torch.ones(1, 1, *shape, dtype=torch.float64))[0, 0]
    for index in torch.cartesian_prod(*map(torch.arange, shape)).view(-1, len(shape)).tolist():
        radius = sum((i - (n - 1) / 2) ** 2 for i, n in zip(index, shape, strict=True)) ** 0.5
        t = min(max((min(shape) / 2 - radius) / 1.5, 0), 1)
        assert abs(float(mask[tuple(index)]) - t * t * (3 - 2 * t)) < 1e-12
    assert mask.max() == 1 and (mask.min() == 0 or len(shape) == 1)


def test_disc_mask_is_equivariant_and_refines():
    layer = nn.DiscMask(ANY, margin=2.0)
    assert worst(layer, (6, 6)) < 1e-12 and worst(layer, (7, 7)) < 1e-12
    fine = layer.refined(3)
    assert fine.margin == 6.0
    assert layer(torch.ones(1, 3, 5, 5)).dtype == torch.float32

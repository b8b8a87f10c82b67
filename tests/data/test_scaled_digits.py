"""Digits of other sizes: mass, centre, seeds, and resampling against closed forms."""

import math

import pytest
import torch

from torsor.data import digits, random_factors, rescale, scaled_digits
from torsor.errors import DataError


def bump(size, width, shift=(0.0, 0.0)):
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    a, b = (torch.exp(-((axis - s) ** 2) / (2 * width**2)) for s in shift)
    return (a[:, None] * b)[None, None]


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3, 2.0])
def test_a_bump_becomes_a_bump_of_that_size(factor):
    """In closed form; where the image shrinks the antialiasing filter widens it, by less than half a pixel."""
    found = rescale(bump(41, 4.0, (3.0, -2.0)), torch.tensor([factor]), 61)
    expected = bump(61, 4.0 * factor, (3.0 * factor, -2.0 * factor))
    assert float((found - expected).abs().max()) < 0.02


def test_no_scaling_is_the_identity_on_a_larger_canvas():
    image = torch.rand(2, 1, 9, 9)
    assert torch.allclose(rescale(image, torch.ones(2), 13)[:, :, 2:-2, 2:-2], image, atol=1e-6)


def test_checkerboards_vanish_and_do_not_alias():
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2).float()[None, None]
    small = rescale(board, torch.tensor([0.5]), 16)[..., 3:-3, 3:-3]
    assert float((small - 0.5).abs().max()) < 0.02


def test_mass_grows_as_the_square():
    x, labels, s = scaled_digits("test", (0.5, 1.2), 40, number=200)
    plain, same = digits("test")
    ratio = x.sum((1, 2, 3)) / plain[:200].sum((1, 2, 3)) / s.float() ** 2
    assert torch.equal(labels, same[:200]) and float((ratio - 1).abs().max()) < 0.1
    assert x.shape == (200, 1, 40, 40) and x.dtype == torch.float32 and 0 <= float(x.min()) <= float(x.max()) <= 1


def test_factors_belong_to_the_seed():
    one, other = scaled_digits("validation", number=50), scaled_digits("validation", number=50)
    assert torch.equal(one[0], other[0]) and torch.equal(one[2], other[2])
    assert not torch.equal(one[2], scaled_digits("validation", number=50, seed=1)[2])
    assert 0.5 <= float(one[2].min()) < 0.6 < 0.9 < float(one[2].max()) <= 1.0
    u = random_factors(4000, 0.5, 2.0, torch.Generator().manual_seed(0)).log() / math.log(2)
    assert abs(float(u.mean())) < 0.05 and abs(float(u.var()) - 1 / 3) < 0.02


def test_errors():
    for factors in ((0.0, 1.0), (1.0, 0.5)):
        with pytest.raises(DataError, match="expected factors"):
            scaled_digits("test", factors)

import math

import pytest
import torch

from torsor.data import random_angles, rotate
from torsor.errors import DataError


@pytest.mark.parametrize("size", [28, 29, 5])
@pytest.mark.parametrize("quarter", range(-2, 6))
def test_multiples_of_90_degrees_are_rot90(size, quarter, generator):
    x = torch.randn(3, 2, size, size, dtype=torch.float64, generator=generator)
    difference = rotate(x, quarter * math.pi / 2) - torch.rot90(x, quarter, (-2, -1))
    assert difference.abs().max() < 1e-12


def blob(v0: torch.Tensor, v1: torch.Tensor) -> torch.Tensor:
    """Two Gaussians of width 2 pixels: smooth enough for the grid, without symmetry."""
    return torch.exp(-((v0 - 3) ** 2 + (v1 + 2) ** 2) / 8) + 0.5 * torch.exp(-((v0 + 4) ** 2 + (v1 + 4) ** 2) / 8)


@pytest.mark.parametrize("angle", [0.3, 1.1, 2.5, -0.8])
def test_rotates_axis_0_towards_axis_1_accurately(angle):
    axis = torch.arange(29, dtype=torch.float64) - 14
    v0, v1 = torch.meshgrid(axis, axis, indexing="ij")
    cos, sin = math.cos(angle), math.sin(angle)
    expected = blob(cos * v0 + sin * v1, cos * v1 - sin * v0)  # f(R⁻¹ v), R = [[cos, −sin], [sin, cos]]
    assert (rotate(blob(v0, v1)[None, None], angle)[0, 0] - expected).abs().max() < 4e-3


def test_each_image_turns_by_its_own_angle_in_any_chunk(generator):
    x = torch.rand(1100, 1, 6, 6, dtype=torch.float64, generator=generator)
    angles = torch.rand(1100, dtype=torch.float64, generator=generator) * 6
    together = rotate(x, angles)
    for i in (0, 499, 500, 1099):
        assert torch.allclose(together[i : i + 1], rotate(x[i : i + 1], angles[i].item()), atol=1e-12)


def test_random_angles_are_uniform_and_a_function_of_the_seeds():
    angles = random_angles(20000, 3, 1)
    torch.manual_seed(123)
    assert torch.equal(angles, random_angles(20000, 3, 1))
    assert not torch.equal(angles, random_angles(20000, 3, 2))
    assert angles.min() >= 0 and angles.max() < 2 * math.pi
    counts = torch.histc(angles, 8, 0, 2 * math.pi)
    assert (counts - 2500).abs().max() < 250


def test_other_shapes_are_refused():
    with pytest.raises(DataError, match=r"expected images \(n, channels, height, width\), received \(28, 28\)"):
        rotate(torch.zeros(28, 28), 0.1)

"""The pixel grid and how elements move tensors on it."""

import pytest
import torch

from tests.fibre.action import CUBE, D4, LINE, O2, lattice, move
from torsor.errors import SpaceError, TorsorError
from torsor.spaces import Grid
from torsor.symbolic import Symbolic


@pytest.mark.parametrize(("group", "sizes"), [(LINE, (5,)), (D4, (4, 5)), (O2, (5, 5)), (CUBE, (2, 3, 4))], ids=str)
def test_lattice_elements_move_exactly(group, sizes):
    x = torch.randn(2, 3, *sizes)
    for g in lattice(group):
        assert torch.equal(Grid(group.dim).move(x, g), move(x, g))


def test_conventions():
    x = torch.arange(6.0).view(1, 1, 2, 3)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    assert torch.equal(Grid(2).move(x, turn), torch.rot90(x, 1, (-2, -1)))
    assert torch.equal(Grid(2).move(x, torch.diag(torch.tensor([-1.0, 1.0]))), x.flip(-2))
    assert torch.equal(Grid(2).move(x, torch.eye(2)), x)
    g, h = lattice(D4)[3], lattice(D4)[6]
    assert torch.equal(Grid(2).move(Grid(2).move(x, h), g), Grid(2).move(x, g @ h))


def gaussian(size: int, centre: tuple[float, float], spacing=(1.0, 1.0)) -> torch.Tensor:
    axes = [(torch.arange(size, dtype=torch.float64) - (size - 1) / 2) * s for s in spacing]
    a, b = torch.meshgrid(*axes, indexing="ij")
    return torch.exp(-((a - centre[0]) ** 2 + (b - centre[1]) ** 2) / 18)[None, None]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.5)])
def test_other_elements_interpolate(mode, spacing):
    """A blob at c moves to g c, in physical units."""
    g = O2.exp(0.7 * O2.algebra[0])
    centre = torch.tensor([3.0, 1.0], dtype=torch.float64)
    x = gaussian(41, tuple(centre.tolist()), spacing)
    expected = gaussian(41, tuple((g @ centre).tolist()), spacing)
    moved = Grid(2, spacing).move(x, g, mode)
    assert (moved - expected).abs()[..., 5:-5, 5:-5].max() < (0.03 if mode == "bilinear" else 0.015)
    assert (moved - x).abs().max() > 0.2


def test_axes_of_different_spacing_do_not_permute():
    """A quarter turn of a grid with pixels of 1 × ½ interpolates: it is no permutation of pixels."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    x = gaussian(31, (2.0, -1.0), (1.0, 0.5))
    moved = Grid(2, (1.0, 0.5)).move(x, turn)
    expected = gaussian(31, (1.0, 2.0), (1.0, 0.5))
    assert (moved - expected).abs()[..., 8:-8, 8:-8].max() < 0.02


def test_one_and_three_dimensions_interpolate():
    x = torch.randn(1, 1, 5, dtype=torch.float64)
    scale = torch.tensor([[1.5]], dtype=torch.float64)
    y = Grid(1).move(x, scale)
    at = (torch.arange(5.0) - 2) / 1.5 + 2
    low = at.floor().long()
    expected = x[0, 0, low] * (1 - (at - low)) + x[0, 0, (low + 1).clamp(max=4)] * (at - low)
    assert (y[0, 0] - expected).abs().max() < 1e-6
    small = torch.eye(3, dtype=torch.float64)
    small[:2, :2] = O2.exp(0.3 * O2.algebra[0])
    assert Grid(3).move(torch.randn(1, 2, 4, 4, 4), small).shape == (1, 2, 4, 4, 4)


def test_zeros_come_in_from_outside():
    x = torch.ones(1, 1, 9, 9, dtype=torch.float64)
    y = Grid(2).move(x, O2.exp(torch.pi / 4 * O2.algebra[0]))
    assert y[0, 0, 0, 0] == 0 and abs(float(y[0, 0, 4, 4]) - 1) < 1e-12


def test_a_grid_is_symbolic():
    grid = Grid(2, (1.0, 0.5))
    assert grid == Grid(2, (1.0, 0.5)) != Grid(2) and hash(grid) == hash(Grid(2, (1.0, 0.5)))
    assert Symbolic.from_dict(grid.to_dict()) == grid
    assert Grid(3).spacings == (1.0, 1.0, 1.0) and grid.spacings == (1.0, 0.5)
    assert Grid(2).coarsened((2.0, 3.0)).spacings == (2.0, 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "1, 2, 3 or 4 dimensions, got 0"),
        ((5,), "got 5"),
        ((2, 0.0), "positive spacing"),
        ((2, (1.0, -1.0)), "positive spacing"),
        ((2, (1.0, 1.0, 1.0)), "one for each of 2 axes"),
    ],
)
def test_wrong_grids(arguments, message):
    with pytest.raises(SpaceError, match=message) as caught:
        Grid(*arguments)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, TorsorError)


def test_four_axes_are_permuted_exactly_and_never_interpolated():
    x, g = torch.randn(1, 2, 3, 3, 3, 3), torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0]))
    assert torch.equal(Grid(4).move(x, g), x.flip(2))
    g[0, 1] = 0.5
    with pytest.raises(SpaceError, match="nothing interpolates there"):
        Grid(4).move(x, g)


def test_wrong_moves():
    for x, g in (
        (torch.zeros(1, 1, 3), torch.eye(2)),
        (torch.zeros(1, 1, 3, 3), torch.eye(3)),
        (torch.zeros(1, 1, 3, 3), torch.eye(2).expand(2, 2, 2)),
    ):
        with pytest.raises(SpaceError, match=r"expected a tensor \(batch, channels, \*2 axes\) and a matrix \(2, 2\)"):
            Grid(2).move(x, g)


@pytest.mark.parametrize(("group", "size"), [(LINE, 5), (D4, 5), (CUBE, 3), (O2, 6)], ids=str)
def test_one_element_for_each_of_the_batch(group, size):
    torch.manual_seed(0)
    x, g = torch.randn(7, 2, *[size] * group.dim, dtype=torch.float64), group.sample(7)
    expected = torch.cat([Grid(group.dim).move(y[None], h) for y, h in zip(x, g, strict=True)])
    assert torch.equal(Grid(group.dim).move(x, g), expected)


def test_unequal_sides_do_not_turn_one_by_one():
    with pytest.raises(SpaceError, match="sides of equal length"):
        Grid(2).move(torch.zeros(2, 1, 3, 4), torch.stack([torch.eye(2), torch.tensor([[0.0, -1.0], [1.0, 0.0]])]))


def test_gradients_flow_to_the_element():
    """The derivative by the angle against a finite difference, away from the pixels' edges."""
    x = gaussian(15, (3.0, 1.0))
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def value(a):
        g = torch.stack([torch.stack([a.cos(), -a.sin()]), torch.stack([a.sin(), a.cos()])])
        return (Grid(2).move(x, g) * torch.arange(225.0, dtype=torch.float64).view(1, 1, 15, 15)).sum()

    (gradient,) = torch.autograd.grad(value(angle), angle)
    step = 1e-7
    assert torch.allclose(gradient, (value(angle + step) - value(angle - step)) / (2 * step), rtol=1e-5)

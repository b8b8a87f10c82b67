"""Strides: which sizes are symmetric, and that the warning tells the truth about the sizes that it names."""

import re
import warnings

import pytest
import torch

from tests.fibre.action import ALONE, C4, CUBE, D4, LINE, MIRROR, lattice, worst
from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError, SymmetryWarning
from torsor.nn.grid import moved_axes, per_axis
from torsor.spaces import Grid

C2 = G.Cyclic(2)
STRIDED = {
    "conv 3": lambda rep: nn.Conv(rep, rep, K.Stencil(3), stride=2),
    "conv 3, stride 3": lambda rep: nn.Conv(rep, rep, K.Stencil(3), stride=3),
    "conv 4, valid": lambda rep: nn.Conv(rep, rep, K.Stencil(4), stride=2, padding=0),
    "conv 3, dilated": lambda rep: nn.Conv(rep, rep, K.Stencil(3), stride=2, dilation=2, padding=1),
    "conv reflect": lambda rep: nn.Conv(rep, rep, K.Stencil(3), stride=2, padding_mode="reflect"),
    "max 2": lambda rep: nn.MaxPool(rep, 2),
    "max 3, stride 2": lambda rep: nn.MaxPool(rep, 3, 2, 1),
    "avg 2": lambda rep: nn.AvgPool(rep, 2),
    "avg 3": lambda rep: nn.AvgPool(rep, 3),
    "norm 3": lambda rep: nn.NormMaxPool(rep, 3, 2),
    "antialiased 4": lambda rep: nn.AntialiasedPool(rep),
    "antialiased 3": lambda rep: nn.AntialiasedPool(rep, size=3),
    "antialiased 5, max": lambda rep: nn.AntialiasedPool(rep, size=5, stride=3, mode="max"),
}


@pytest.mark.parametrize("size", range(6, 12))
@pytest.mark.parametrize("name", STRIDED)
def test_warns_exactly_where_the_symmetry_breaks(name, size):
    """And the sizes that it names are exact indeed."""
    rep = R.regular(C4)
    layer = STRIDED[name](rep).double()
    x = torch.randn(1, 4, size, size, dtype=torch.float64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymmetryWarning)
        error = worst(layer, (size, size), lattice(C4)[1:])
    assert layer.is_exact((size, size)) == (not caught)
    if not caught:
        assert error < 1e-12
        return
    assert error > 1e-3
    (message,) = [str(w.message) for w in caught if w.category is SymmetryWarning]
    assert caught[0].filename == __file__ and f"at input sizes ({size}, {size})" in message
    named = re.findall(r"\((\d+), (\d+)\)", message.split("expected 0; sizes")[1])
    assert len(named) == 2 and all(a == b for a, b in named)
    for safe in {int(a) for a, _ in named}:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SymmetryWarning)
            assert worst(layer, (safe, safe), lattice(C4)[1:]) < 1e-12


def test_the_formula_of_the_remainder():
    """(N + 2·padding - dilation·(k - 1) - 1) mod s: what is left over at the far end."""
    one = R.trivial(G.Trivial(2))
    layer = nn.Conv(one, one, K.Stencil(3), stride=(2, 3), padding=(0, 1), dilation=(1, 2))
    for a in range(5, 9):
        for b in range(5, 9):
            rows = [(a, 0, 1, 2), (b, 1, 2, 3)]
            left = []
            for n, p, e, s in rows:
                last = s * ((n + 2 * p - e * 2 - 1) // s) + e * 2  # the last padded pixel that is read
                left.append(n + 2 * p - 1 - last)
            assert layer.remainders((a, b)) == tuple(left)


@pytest.mark.parametrize(
    ("group", "moved"),
    [
        (ALONE, (False, False)),
        (MIRROR, (False, True)),
        (G.Reflection(2, 0), (True, False)),
        (C2, (True, True)),
        (D4, (True, True)),
        (G.SO(2), (True, True)),
        (LINE, (True,)),
        (CUBE, (True, True, True)),
        (LINE * G.Trivial(1), (True, False)),
        (G.Trivial(2).internal(G.SO(2)), (False, False)),
    ],
    ids=str,
)
def test_axes_that_a_group_moves(group, moved):
    assert moved_axes(group) == moved


def test_no_warning_for_axes_that_stay():
    """Even sizes with an odd window and stride 2: only the mirrored axis matters."""
    x = torch.randn(1, 2, 6, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SymmetryWarning)
        nn.Conv(2 * R.trivial(ALONE), R.trivial(ALONE), K.Stencil(3), stride=2)(x)
        nn.MaxPool(2 * R.trivial(ALONE), 3)(x[..., :5, :5])
        rep = R.regular(MIRROR)
        layer = nn.Conv(rep, rep, K.Stencil(3), stride=2, dtype=torch.float64)
        assert worst(layer, (6, 7)) < 1e-12
    with pytest.warns(
        SymmetryWarning, match=r"mod stride = \(0, 1\), expected 0; sizes \(7, 5\) or \(7, 7\) are exact"
    ):
        layer(torch.zeros(1, 2, 7, 6, dtype=torch.float64))
    with pytest.warns(SymmetryWarning, match=r"sizes \(6, 5\) or \(6, 7\) are exact"):  # axis 0 may stay
        layer(torch.zeros(1, 2, 6, 6, dtype=torch.float64))


def test_stride_one_never_warns():
    rep = R.regular(C4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SymmetryWarning)
        for n in range(4, 8):
            for k in range(1, 5):
                nn.Conv(rep, rep, K.Stencil(k))(torch.zeros(1, 4, n, n))
                nn.MaxPool(rep, k, 1)(torch.zeros(1, 4, n, n))


@pytest.mark.parametrize("value", [-1, (1,), (1, 2, 3), (1, -1), (1, "2")])
def test_per_axis_refuses(value):
    with pytest.raises(FieldTypeError, match="expected a window of at least 0, one number or 2 of them"):
        per_axis(value, 2, "window")


def test_per_axis():
    assert per_axis(3, 2, "x") == (3, 3) and per_axis([1, 2], 2, "x") == (1, 2)


def test_spaces_of_the_output():
    grid = Grid(2, (1.0, 0.5))
    rep = R.regular(G.Dihedral(2))
    assert nn.Conv(rep, rep, K.Stencil(3)).space_out(grid) is grid
    assert nn.MaxPool(rep, (2, 3)).space_out(grid) == Grid(2, (2.0, 1.5))
    assert nn.Upsample(rep, (2, 1)).space_out(grid) == Grid(2, (0.5, 0.5))
    assert nn.ConvTranspose(rep, rep, K.Stencil(3), stride=2).space_out(grid) == Grid(2, (0.5, 0.25))
    net = nn.Sequential(nn.MaxPool(rep, 2), nn.ReLU(rep), nn.Upsample(rep, 2))
    assert net.space_out(grid) == grid

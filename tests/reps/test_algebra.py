"""Matrices: irreps in closed form, Kronecker products, minors, duals, sums."""

from itertools import combinations

import numpy as np
import pytest
import torch

from tests.oracles import O2, SO2, dihedral
from torsor import groups as G
from torsor import reps as R
from torsor.errors import RepresentationError

GL2 = G.MatrixGroup([[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]], label="GL(2)")
SCALE = G.MatrixGroup([np.eye(2)], label="scalings")


def elements(group: G.Group, n: int = 6) -> np.ndarray:
    return group.sample(n, torch.Generator().manual_seed(0)).numpy()


@pytest.mark.parametrize("k", [1, 2, 5])
def test_irreps_of_rotations_and_reflections_in_closed_form(k):
    """R_θ ↦ R_kθ and f ↦ diag(1, -1)."""
    for planar in (SO2, O2, dihedral(11)):
        rep = R.irrep(planar.group, *((1, k) if planar.reflects else (k,)))
        c, s, sign = np.cos(k * planar.angles), np.sin(k * planar.angles), 1 - 2 * planar.flips
        expected = np.stack([np.stack([c, -s * sign], -1), np.stack([s, c * sign], -1)], -2)
        assert np.abs(rep.rho(planar.elements) - expected).max() < 1e-12


@pytest.mark.parametrize("group", [G.O(2), G.SO(3), G.O(1, 2), GL2, G.SO(2).internal(G.Cyclic(3))], ids=str)
def test_tensors_are_kronecker_products(group):
    g = elements(group)
    a = group.action(g)
    dual = np.linalg.inv(a).swapaxes(-1, -2)
    for p, q in ((0, 0), (1, 0), (0, 1), (2, 1)):
        image = R.tensor(group, p, q).rho(g)
        for i in range(len(g)):
            expected = np.eye(1)
            for factor in [a[i]] * p + [dual[i]] * q:
                expected = np.kron(expected, factor)
            assert np.abs(image[i] - expected).max() <= 1e-12 * max(1, np.abs(expected).max())
    product = (R.standard(group) * R.tensor(group, 1, 1)).rho(g)
    assert np.abs(product - R.tensor(group, 2, 1).rho(g)).max() <= 1e-12 * np.abs(product).max()


@pytest.mark.parametrize("group", [G.O(2), G.SO(3), G.O(1, 3), GL2], ids=str)
def test_exterior_powers_are_minors(group):
    g, d = elements(group), group.dim
    for k in range(1, d + 1):
        index = list(combinations(range(d), k))
        expected = np.array([[[np.linalg.det(x[np.ix_(i, j)]) for j in index] for i in index] for x in g])
        image = R.exterior(group, k).rho(g)
        assert np.abs(image - expected).max() <= 1e-11 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("group", [G.O(2), G.SO(3), G.O(1, 2), GL2], ids=str)
def test_symmetric_square_moves_symmetric_matrices(group):
    """S ↦ g S gᵀ on the components xx, √2 xy, …, yy."""
    g, d = elements(group), group.dim
    s = np.random.default_rng(0).normal(size=(d, d))
    s = s + s.T
    rows, columns = np.triu_indices(d)
    weight = np.where(rows == columns, 1.0, np.sqrt(2))

    def components(x):
        return (x[..., rows, columns]) * weight

    moved = np.einsum("nij,j->ni", R.symmetric(group, 2).rho(g), components(s))
    expected = components(g @ s @ g.swapaxes(-1, -2))
    assert np.abs(moved - expected).max() <= 1e-11 * max(1, np.abs(expected).max())


def test_duals():
    lorentz = G.O(1, 2)
    rep, g = R.standard(lorentz), elements(lorentz)
    dual = rep.dual()
    assert dual != rep and dual.dual() == rep and not rep.is_orthogonal
    assert np.abs(dual.rho(g) - np.linalg.inv(g).swapaxes(-1, -2)).max() < 1e-10 * np.abs(g).max() ** 2
    eta = lorentz.metric  # η intertwines vectors and covectors
    assert np.abs(eta @ rep.rho(g) - dual.rho(g) @ eta).max() < 1e-10 * np.abs(g).max() ** 2
    assert len(R.hom(rep, dual)) == 1 and len(R.hom(R.standard(GL2), R.standard(GL2).dual())) == 0
    assert R.standard(G.O(2)).dual() == R.standard(G.O(2))
    mixed = R.trivial(lorentz) + 2 * rep
    assert mixed.dual() == R.trivial(lorentz) + 2 * dual


def test_densities():
    g = elements(GL2)
    det = np.linalg.det(g)
    for weight in (1.0, -0.5, 2.0):
        assert np.allclose(R.density(GL2, weight).rho(g).ravel(), np.abs(det) ** weight, rtol=1e-12)
    assert R.density(SCALE, -2.0).derivative(np.eye(2)[None]) == -4.0


def test_sums_are_block_diagonal_field_after_field():
    group = G.Dihedral(3)
    a, b = R.standard(group), R.sign(group)
    rep, g = 2 * a + b + 3 * a, group.element_array
    assert rep.dim == 11 and rep.terms == ((2, a), (1, b), (3, a))
    image = rep.rho(g)
    expected = np.zeros((6, 11, 11))
    for place, term in rep.fields:
        expected[:, place, place] = term.rho(g)
    assert np.array_equal(image, expected)
    assert [(p.start, p.stop) for p, _ in rep.fields] == [(0, 2), (2, 4), (4, 5), (5, 7), (7, 9), (9, 11)]
    assert a + a == 2 * a and 2 * (2 * a) == 4 * a and a + b != b + a
    assert (2 * (a + b)).terms == ((1, a), (1, b), (1, a), (1, b))
    assert (a + b) + a == a + (b + a) and rep.name == "2 standard + sign + 3 standard"


def test_algebra_with_foreign_objects_is_a_type_error():
    rep = R.trivial(G.Cyclic(4))
    for operation in (lambda: rep + 1, lambda: 1.5 * rep, lambda: rep * 2):
        with pytest.raises(TypeError):
            operation()


FLAGS = {
    "regular C4": (R.regular(G.Cyclic(4)), True, True, True),
    "quotient D4": (R.quotient(G.Dihedral(4), G.Cyclic(2)), True, True, True),
    "sign D4": (R.sign(G.Dihedral(4)), True, True, False),
    "standard D4": (R.standard(G.Dihedral(4)), True, True, False),
    "standard D3": (R.standard(G.Dihedral(3)), True, False, False),
    "standard SO(2)": (R.standard(G.SO(2)), True, False, False),
    "induced SO(2)": (R.induced(G.O(2), R.trivial(G.SO(2))), True, True, True),
    "induced sign": (R.induced(G.Dihedral(4), R.sign(G.Dihedral(2))), True, True, False),
    "integers": (R.standard(G.MatrixGroup([], [[[1, -1], [1, 0]]])), False, False, False),
    "shear": (R.standard(G.MatrixGroup([[[0, 1], [0, 0]]])), False, False, False),
    "doubling": (R.density(SCALE, 1.0), False, False, False),
    "a sum": (R.regular(G.Dihedral(4)) + R.sign(G.Dihedral(4)), True, True, False),
}


@pytest.mark.parametrize("name", FLAGS)
def test_flags(name):
    rep, orthogonal, signed, permutation = FLAGS[name]
    assert (rep.is_orthogonal, rep.is_signed_permutation, rep.is_permutation) == (orthogonal, signed, permutation)


def test_trivial_flag():
    group = G.SO(2)
    assert R.trivial(group).is_trivial and R.exterior(group, 2).is_trivial and (2 * R.sign(group)).is_trivial
    assert not R.irrep(group, 1).is_trivial and not R.sign(G.O(2)).is_trivial
    assert not (R.trivial(group) + R.irrep(group, 3)).is_trivial


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_keep_dtype_and_carry_gradients(dtype):
    angle = torch.tensor(0.3, dtype=dtype, requires_grad=True)
    c, s = angle.cos(), angle.sin()
    g = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    for k in (1, 4):
        image = R.irrep(G.SO(2), k).rho(g)
        assert image.dtype == dtype
        (slope,) = torch.autograd.grad(image[1, 0], angle, retain_graph=True)
        assert abs(slope.item() - k * np.cos(k * 0.3)) < 1e-5


@pytest.mark.parametrize(
    "one, other, same",
    [
        (R.standard(G.SO(3)), R.irrep(G.SO(3), 1), True),
        (R.standard(G.O(3)), R.irrep(G.O(3), "1o"), True),
        (R.standard(G.O(3)), R.irrep(G.O(3), "1e"), False),
        (R.standard(G.SO(2)), R.irrep(G.SO(2), 1), True),
        (2 * R.standard(G.Octahedral()), 2 * R.irrep(G.Octahedral(), "T1"), True),
        (R.irrep(G.Octahedral(), "T1"), R.irrep(G.Octahedral(), "T2"), False),
        (R.trivial(G.Dihedral(4)).restrict(G.Cyclic(4)), R.trivial(G.Cyclic(4)), True),
        (R.sign(G.Dihedral(4)).restrict(G.Cyclic(4)), R.trivial(G.Cyclic(4)), True),
        (R.trivial(G.SO(2)), R.trivial(G.SO(3)), False),
        (R.trivial(G.SO(2)) + R.standard(G.SO(2)), R.standard(G.SO(2)) + R.trivial(G.SO(2)), False),
    ],
    ids=str,
)
def test_types_with_the_same_matrices_coincide(one, other, same):
    assert one.coincides(other) == same == other.coincides(one)


def test_permutations_refuse_matrices_outside_the_group():
    g = G.SO(3).sample(1, torch.Generator().manual_seed(0))[0]
    for rep in (R.regular(G.Octahedral()), R.quotient(G.Octahedral(), G.Axial(G.Cyclic(4)))):
        with pytest.raises(RepresentationError, match="a matrix that is none"):
            rep.rho(g)

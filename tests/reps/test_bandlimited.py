"""Band-limited functions on G/H: they transform as functions, and Fourier coefficients are an isometry."""

import numpy as np
import pytest
import torch

from tests.oracles import O2, SO2
from torsor import groups as G
from torsor import reps as R

CASES = {
    "regular SO(2)": (SO2, G.Trivial(2), R.regular(G.SO(2), band=3), 7),
    "regular O(2)": (O2, G.Trivial(2), R.regular(G.O(2), band=2), 10),
    "SO(2)/C3": (SO2, G.Cyclic(3), R.quotient(G.SO(2), G.Cyclic(3), band=6), 5),
    "O(2)/R": (O2, G.Reflection(2), R.quotient(G.O(2), G.Reflection(2), band=3), 7),
    "O(2)/R of axis 0": (O2, G.Reflection(2, 0), R.quotient(G.O(2), G.Reflection(2, 0), band=3), 7),
    "O(2)/D2": (O2, G.Dihedral(2), R.quotient(G.O(2), G.Dihedral(2), band=4), 5),
    "O(2)/C2": (O2, G.Cyclic(2), R.quotient(G.O(2), G.Cyclic(2), band=2), 6),
    "O(2)/SO(2)": (O2, G.SO(2), R.quotient(G.O(2), G.SO(2), band=3), 2),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_dimension(case):
    """By Frobenius reciprocity an irrep occurs as often as H fixes vectors in it (halved for complex type)."""
    assert case[2].dim == case[3]


def test_evaluation_is_equivariant(case, rng):
    """(ρ(g) f)(x) = f(g⁻¹ x) at random x."""
    planar, _, rep, _ = case
    g, x = planar.elements[rng.integers(planar.order, size=(2, 10))]
    f = rng.normal(size=rep.dim)
    left = np.einsum("nc,ncd,d->n", rep.evaluation(x), rep.rho(g), f)
    right = rep.evaluation(np.linalg.inv(g) @ x) @ f
    assert np.abs(left - right).max() < 1e-12 and np.abs(right).max() > 0.1


def test_functions_are_constant_on_cosets(case, rng):
    planar, subgroup, rep, _ = case
    x = planar.elements[rng.integers(planar.order, size=10)]
    h = subgroup.sample(10, torch.Generator().manual_seed(0)).numpy()
    assert np.abs(rep.evaluation(x @ h) - rep.evaluation(x)).max() < 1e-12


def test_parseval(case):
    """∫ f² = |coefficients|², by quadrature over the group."""
    planar, _, rep, _ = case
    values = rep.evaluation(planar.elements)
    assert np.abs(values.T @ values / planar.order - np.eye(rep.dim)).max() < 1e-12


def test_torch_and_numpy_agree(case):
    planar, _, rep, _ = case
    g = planar.elements[:5]
    assert np.abs(rep.evaluation(torch.tensor(g)).numpy() - rep.evaluation(g)).max() < 1e-14

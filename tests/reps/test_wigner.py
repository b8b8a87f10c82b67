"""Irreps of SO(3) and O(3): labels, matrices, decompositions counted by characters."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor import testing
from torsor.errors import RepresentationError

SO3, O3 = G.SO(3), G.O(3)


def turns(n: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Angles, and the weights (1 - cos θ) of Weyl's integration formula: exact for low degrees."""
    theta = 2 * np.pi * (np.arange(n) + 0.5) / n
    return theta, (1 - np.cos(theta)) / n


def about_last(theta: np.ndarray) -> np.ndarray:
    g = np.broadcast_to(np.eye(3), (len(theta), 3, 3)).copy()
    g[:, 0, 0] = g[:, 1, 1] = np.cos(theta)
    g[:, 1, 0] = np.sin(theta)
    g[:, 0, 1] = -g[:, 1, 0]
    return g


def degree_character(theta: np.ndarray, l: int) -> np.ndarray:
    return np.sin((2 * l + 1) * theta / 2) / np.sin(theta / 2)


def multiplicities(rep: R.Representation, band: int = 8) -> dict:
    """Multiplicities ⟨χ_σ, χ_ρ⟩ from traces of ρ and closed-form characters; by (l,) or (l, parity)."""
    theta, weight = turns()
    proper = np.trace(rep.rho(about_last(theta)), axis1=-2, axis2=-1)
    found = {}
    if rep.group == SO3:
        for l in range(band + 1):
            found[(l,)] = round(float(np.sum(weight * proper * degree_character(theta, l))))
    else:
        improper = np.trace(rep.rho(-about_last(theta)), axis1=-2, axis2=-1)
        for l in range(band + 1):
            for parity in (1, -1):
                mean = (proper + parity * improper) / 2
                found[(l, parity)] = round(float(np.sum(weight * mean * degree_character(theta, l))))
    return {label: m for label, m in found.items() if m}


@pytest.mark.parametrize("group", [SO3, O3], ids=str)
def test_labels(group):
    found = R.irreps(group, 4)
    assert len(found) == (5 if group == SO3 else 10)
    for rho in found:
        assert R.irrep(group, R.irrep_label(rho)) == rho
        assert multiplicities(rho) == {R.irrep_label(rho): 1}
        assert R.Representation.from_dict(rho.to_dict()) == rho


def test_named():
    assert R.irrep(O3, "1o") == R.irrep(O3, (1, -1)) == R.irrep(O3, 1, -1)
    assert R.irrep(O3, "0e") == R.trivial(O3) and R.irrep(O3, "0o") == R.sign(O3)
    assert R.irrep(SO3, "2") == R.irrep(SO3, 2) and R.irrep(SO3, 0) == R.trivial(SO3)
    g = O3.sample(5)
    assert torch.equal(R.irrep(O3, "1o").rho(g), g)
    assert (R.irrep(O3, "1e").rho(g) - g * torch.linalg.det(g)[:, None, None]).abs().max() < 1e-12
    assert torch.equal(R.irrep(SO3, 1).rho(g), g)


@pytest.mark.parametrize("rho", [*R.irreps(SO3, 3), *R.irreps(O3, 2), R.irrep(SO3, 9), R.irrep(O3, "6o")], ids=str)
def test_laws(rho):
    testing.check_representation(rho)


@pytest.mark.parametrize("label", [(l, p) for l in (1, 2, 7, 12) for p in (1, -1)], ids=str)
def test_homomorphism(label):
    g = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 3, 3)))[0]
    rho, h = R.irrep(O3, label), g[::-1]
    assert np.abs(rho.rho(g @ h) - rho.rho(g) @ rho.rho(h)).max() < 1e-11
    assert np.abs(rho.rho(-np.eye(3)) - label[1] * np.eye(rho.dim)).max() < 1e-12


@pytest.mark.parametrize(
    "rho",
    [
        *(f(g) for g in (SO3, O3) for f in (R.standard, R.sign, R.exterior, R.symmetric, R.quaternion, R.pseudovector)),
        *(R.tensor(g, p) for g in (SO3, O3) for p in (0, 2, 3)),
        *(R.symmetric(g, k) for g in (SO3, O3) for k in (3, 4, 5)),
        R.exterior(O3, 3),
        R.density(O3, 0.5),
        R.standard(O3) * R.symmetric(O3, 2) * R.sign(O3),
        R.irrep(SO3, 3) * R.irrep(SO3, 4),
        R.irrep(O3, "3e") * R.irrep(O3, "2o"),
        R.regular(SO3, band=2),
        R.regular(O3, band=1),
        R.spherical(O3, 4),
        R.spherical(SO3, 2),
        R.quotient(SO3, G.Octahedral(), band=6),
        R.quotient(O3, G.Axial(G.O(2)), band=3),
        R.induced(O3, R.irrep(SO3, 2)),
        R.quotient(O3, SO3),
    ],
    ids=str,
)
def test_decompositions_are_of_named_irreps(rho):
    found = {R.irrep_label(sigma): m for m, sigma in R.decompose(rho).blocks}
    assert found == multiplicities(rho)
    g = rho.group.sample(4).numpy()
    d = R.decompose(rho)
    rebuilt = d.basis @ R.direct_sum(d.blocks).rho(g) @ d.inverse
    assert np.abs(rebuilt - rho.rho(g)).max() < 1e-10


@pytest.mark.parametrize(
    "group", [G.Tetrahedral(), G.Octahedral(), G.Icosahedral(), G.Axial(G.Cyclic(4)), G.Axial(G.SO(2))], ids=str
)
def test_restrictions_of_irreps(group):
    """Branching by characters: the multiplicities squared, times the type of each irrep, sum to ⟨χ, χ⟩."""
    for l in (1, 2, 3, 4):
        rho = R.irrep(SO3, l).restrict(group)
        blocks = R.decompose(rho).blocks
        assert sum(m * sigma.dim for m, sigma in blocks) == 2 * l + 1
        assert all(sigma in R.irreps(group, l) for _, sigma in blocks)
        if group.is_finite:
            trace = np.einsum("nii->n", rho.rho(group.elements().numpy()))
            types = {"real": 1, "complex": 2, "quaternionic": 4}
            norm = sum(m * m * types[R.irrep_type(sigma)] for m, sigma in blocks)
            assert norm == round(float(np.mean(trace**2)))


@pytest.mark.parametrize(
    ("rho", "name"),
    [
        (R.sign(SO3), "trivial"),
        (R.sign(G.Cyclic(4)), "trivial"),
        (R.density(O3, 2.0), "trivial"),
        (R.exterior(O3, 3), "sign"),
        (R.exterior(G.O(1, 2), 3), "sign"),
        (R.irrep(G.O(2), 1, 0), "sign"),
        (R.trivial(O3).restrict(SO3), "trivial"),
    ],
    ids=str,
)
def test_one_dimensional_representations_get_a_name(rho, name):
    ((m, sigma),) = R.decompose(rho).blocks
    assert m == 1 and sigma.name == name and sigma.group == rho.group


def test_no_floats_in_keys():
    def floats(key):
        return any(floats(k) if isinstance(k, tuple) else isinstance(k, float) and k for k in key)

    for rho in (R.tensor(SO3, 3), R.symmetric(O3, 4), R.irrep(SO3, 3).restrict(G.Octahedral())):
        assert not any(floats(sigma.key) for _, sigma in R.decompose(rho).blocks)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: R.irrep(O3, "1"), r"label among .*\(1, -1\), … for O\(3\), got \(1,\)"),
        (lambda: R.irrep(SO3, "1o"), r"for SO\(3\)"),
        (lambda: R.irrep(O3, "x"), "label among"),
        (lambda: R.irrep(SO3, 31), "accurate up to degree 30"),
        (lambda: R.irreps(O3), "band"),
        (lambda: R.irrep(SO3, -1), "label among"),
    ],
)
def test_errors(make, message):
    with pytest.raises(RepresentationError, match=message):
        make()


# ------------------------------------------------------------------------------- restriction


@pytest.mark.parametrize("subgroup", [SO3, G.Octahedral(), G.Axial(G.O(2)), G.Trivial(3)], ids=str)
def test_natural_representations_restrict_to_those_of_the_subgroup(subgroup):
    for make in (
        R.trivial,
        R.sign,
        R.standard,
        lambda g: R.tensor(g, 1, 1),
        lambda g: R.symmetric(g, 3),
        R.exterior,
        R.density,
        lambda g: R.spherical(g, 2),
        lambda g: R.standard(g) * R.symmetric(g) + 2 * R.trivial(g),
    ):
        rho = make(O3).restrict(subgroup)
        assert rho == make(subgroup)
        g = subgroup.sample(4)
        assert torch.equal(rho.rho(g), make(O3).rho(g))
    assert R.standard(G.O(1, 1)).dual().restrict(G.SO(1, 1)) == R.standard(G.SO(1, 1)).dual()


def test_others_stay_restricted():
    assert R.regular(G.Dihedral(4)).restrict(G.Cyclic(4)).name == "regular|C4"
    assert R.irrep(SO3, 2).restrict(G.Octahedral()).restrict(G.Tetrahedral()) == R.irrep(SO3, 2).restrict(
        G.Tetrahedral()
    )
    diagonal = G.MatrixGroup([], [np.kron(np.eye(2), [[0, -1], [1, 0]])])  # acts on R⁴; its bigger group only on R²
    assert R.standard(G.Cyclic(4).internal(G.Cyclic(4))).restrict(diagonal).dim == 2
    with pytest.raises(RepresentationError, match="expected a subgroup"):
        R.standard(SO3).restrict(O3)
    with pytest.raises(RepresentationError, match="expected a subgroup"):
        R.trivial(SO3).restrict(O3)

"""Intertwiners, decompositions and changes of basis against characters and brute-force null spaces."""

import numpy as np
import pytest
import torch

from tests.groups.test_finite import QUATERNIONS
from tests.oracles import O2, SO2, cyclic, dihedral, hom_by_force, same_span
from torsor import groups as G
from torsor import reps as R

C4, D4, D6 = cyclic(4), dihedral(4), dihedral(6)


def types(planar, rng_free_size: int = 12) -> list[R.Representation]:
    group = planar.group
    found = [*R.irreps(group, 2), R.standard(group), R.tensor(group, 1, 1), R.symmetric(group, 2)]
    found.append(2 * R.standard(group) + R.sign(group))
    if group.is_finite:
        found += [R.regular(group), R.quotient(group, G.Cyclic(2))]
    else:
        found += [R.regular(group, band=2), R.quotient(group, G.Cyclic(2), band=3)]
    return [rep for rep in found if rep.dim <= rng_free_size]


@pytest.mark.parametrize("planar", [C4, D4, D6, SO2, O2], ids=lambda p: p.name)
def test_hom_is_the_brute_force_null_space_and_counts_characters(planar):
    g = planar.elements[:: max(1, planar.order // 16)]
    reps = types(planar)
    traces = [np.trace(rep.rho(planar.elements), axis1=-2, axis2=-1) for rep in reps]
    for rho, chi in zip(reps, traces, strict=True):
        for sigma, psi in zip(reps, traces, strict=True):
            if rho.dim * sigma.dim > 72:
                continue
            maps = R.hom(rho, sigma)
            assert maps.shape == (planar.count(chi, psi), sigma.dim, rho.dim)
            flat = maps.flatten(1).numpy()
            assert np.abs(flat @ flat.T - np.eye(len(flat))).max(initial=0) < 1e-12
            assert same_span(flat, hom_by_force(rho.rho(g), sigma.rho(g)))


@pytest.mark.parametrize("group", [G.O(1, 2), G.SO(3), QUATERNIONS, G.SO(1, 1)], ids=str)
def test_hom_of_groups_without_a_character_table(group):
    g = group.sample(12, torch.Generator().manual_seed(0), scale=0.7).numpy()
    reps = [R.trivial(group), R.standard(group), R.standard(group).dual(), R.exterior(group, 2), R.density(group, 1.0)]
    for rho in reps:
        for sigma in reps:
            maps = R.hom(rho, sigma).flatten(1).numpy()
            assert same_span(maps, hom_by_force(rho.rho(g), sigma.rho(g)), 1e-7)


def test_hom_is_canonical():
    """A representation and itself: the identity, however the space is scaled."""
    one = R.hom(R.irrep(G.O(2), 1, 1), R.irrep(G.O(2), 1, 1))
    assert np.abs(one.numpy() - np.eye(2) / np.sqrt(2)).max() < 1e-14
    turn = R.hom(R.irrep(G.SO(2), 3), R.irrep(G.SO(2), 3))
    assert turn.shape == (2, 2, 2) and turn[0, 0, 0] > 0


MIXED = {
    "C4 all": R.regular(G.Cyclic(4)) + 2 * R.standard(G.Cyclic(4)) + R.tensor(G.Cyclic(4), 2),
    "D6 tensor": R.tensor(G.Dihedral(6), 2) * R.irrep(G.Dihedral(6), 1, 2),
    "D8 regular": R.regular(G.Dihedral(8)),
    "D4 induced": R.induced(G.Dihedral(4), R.irrep(G.Cyclic(4), 1)) + R.quotient(G.Dihedral(4), G.Reflection(2)),
    "SO(2) tensor": R.irrep(G.SO(2), 2) * R.tensor(G.SO(2), 2),
    "O(2) tensor": R.irrep(G.O(2), 1, 2) * R.standard(G.O(2)) * R.sign(G.O(2)),
    "O(2) induced": R.induced(G.O(2), R.irrep(G.SO(2), 3) + 2 * R.trivial(G.SO(2))),
    "O(2) band": R.regular(G.O(2), band=3) + R.quotient(G.O(2), G.Dihedral(2), band=4),
    "SO(2) restricted": R.symmetric(G.O(2), 3).restrict(G.SO(2)),
    "Q8": R.standard(QUATERNIONS) * R.standard(QUATERNIONS),
    "SO(3)": R.tensor(G.SO(3), 2) + R.standard(G.SO(3)),
    "internal": R.regular(G.Cyclic(2).internal(G.Cyclic(3))),
    "integers": R.tensor(G.MatrixGroup([], [[[1, -1], [1, 0]], [[0, 1], [1, 0]]]), 2),
}

BLOCKS = {
    "C4 all": [(3, (0,)), (3, (1,)), (3, (2,))],
    "D8 regular": [(1, (0, 0)), (1, (1, 0)), (2, (1, 1)), (2, (1, 2)), (2, (1, 3)), (1, (0, 4)), (1, (1, 4))],
    "SO(2) tensor": [(2, (0,)), (2, (2,)), (1, (4,))],
    "O(2) tensor": [(1, (1, 1)), (1, (1, 3))],
    "O(2) induced": [(2, (0, 0)), (2, (1, 0)), (2, (1, 3))],
    "O(2) band": [(2, (0, 0)), (1, (1, 0)), (2, (1, 1)), (3, (1, 2)), (2, (1, 3)), (1, (1, 4))],
}


@pytest.mark.parametrize("name", MIXED)
def test_decomposition_rebuilds_the_representation(name):
    rep = MIXED[name]
    found, g = R.decompose(rep), rep.group.sample(8, torch.Generator().manual_seed(0)).numpy()
    image = np.zeros((len(g), rep.dim, rep.dim))
    start = 0
    for m, sigma in found.blocks:
        for _ in range(m):
            image[:, start : start + sigma.dim, start : start + sigma.dim] = sigma.rho(g)
            start += sigma.dim
    assert start == rep.dim
    assert np.abs(found.basis @ image @ found.inverse - rep.rho(g)).max() < 1e-10
    orthogonal = np.abs(found.basis.T @ found.basis - np.eye(rep.dim)).max() < 1e-10
    assert orthogonal == rep.is_orthogonal == (name != "integers")


@pytest.mark.parametrize("name", BLOCKS)
def test_decomposition_into_named_irreps(name):
    """Multiplicities worked out by hand, e.g. cos 2θ cos² θ ∝ 2 cos 2θ + cos 4θ + 2 · ½."""
    blocks = R.decompose(MIXED[name]).blocks
    assert sorted((m, R.irrep_label(s)) for m, s in blocks) == sorted(BLOCKS[name])


def test_decomposition_of_rotations_in_space():
    """R³ ⊗ R³ ⊕ R³ = 0 ⊕ 2·1 ⊕ 2."""
    assert sorted((m, s.dim) for m, s in R.decompose(MIXED["SO(3)"]).blocks) == [(1, 1), (1, 5), (2, 3)]


def test_what_does_not_decompose_is_one_block():
    rep = R.standard(G.O(1, 2))
    found = R.decompose(rep)
    assert found.blocks == ((1, rep),) and np.array_equal(found.basis, np.eye(rep.dim))

"""Pseudo-Riemannian kernels: none is missing, all are steerable under far boosts, smooth, causal where asked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import KernelError
from torsor.kernels.covariants import solve_harmonic
from torsor.kernels.pseudo_riemannian import boost
from torsor.kernels.quadric import covariants_of, signature
from torsor.reps.basic import Natural
from torsor.testing.kernels import check_kernel

SIGNATURES = [(1, 1), (2, 0), (1, 2), (2, 1), (3, 0), (1, 3), (2, 2), (3, 1), (4, 0)]
FAMILIES = [G.O, G.SO, G.SO0, G.Orthochronous]


def groups(families=FAMILIES, signatures=SIGNATURES):
    return [f(p, q) for p, q in signatures for f in families if q or f in (G.O, G.SO)]


def metric(group: G.Group) -> np.ndarray:
    p, q = signature(group)
    return np.diag([-1.0] * p + [1.0] * q)


def random_vector(group: G.Group, side: int, seed: int) -> np.ndarray:
    """A generic vector with η(v,v) of the given sign."""
    rng, eta = np.random.default_rng(seed), metric(group)
    while True:
        v = rng.normal(size=group.dim)
        if side * (v @ eta @ v) > 0.1:
            return v


# --- the oracle: the stabiliser of v by brute force, its intertwiners as one null space ------------------------------


def null_rows(matrix: np.ndarray) -> np.ndarray:
    _, values, vectors = np.linalg.svd(matrix)
    rank = int((values > 1e-9 * max(1.0, values.max(initial=0.0))).sum())
    return vectors[rank:]


def stabiliser(group: G.Group, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Lie algebra elements that kill v; products of up to two reflections that fix v, where G contains them."""
    algebra, eta = group.algebra_array, metric(group)
    kernel = null_rows(np.einsum("kij,j->ik", algebra, v))
    found = np.einsum("nk,kij->nij", kernel, algebra)
    rest, mirrors = null_rows((v @ eta)[None]), []
    values, vectors = np.linalg.eigh(rest @ eta @ rest.T)
    for value, u in zip(values, vectors.T @ rest, strict=True):
        mirrors.append(np.eye(len(v)) - 2 * np.outer(u, u @ eta) / value)
    candidates = [*mirrors, *(a @ b for a, b in combinations(mirrors, 2))]
    inside = [g for g in candidates if group.contains(g)]
    return found, np.array(inside).reshape(-1, len(v), len(v))


def hom_of_stabiliser(group: G.Group, v: np.ndarray, rho_in: R.Representation, rho_out: R.Representation) -> int:
    algebra, elements = stabiliser(group, v)
    one_in, one_out = np.eye(rho_in.dim), np.eye(rho_out.dim)
    rows = [np.zeros((1, rho_in.dim * rho_out.dim))]
    for image in (R.Representation.derivative, R.Representation.rho):
        for x in algebra if image is R.Representation.derivative else elements:
            rows.append(np.kron(image(rho_out, x), one_in) - np.kron(one_out, image(rho_in, x).T))
    return len(null_rows(np.concatenate(rows)))


def basis_at(kernel: K.PseudoRiemannianKernel, v: np.ndarray) -> np.ndarray:
    """K_b(v) of every weight: (weights, ρ_out, ρ_in)."""
    point = torch.from_numpy(v)

    def at(weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(kernel, {"weight": weight}, (point,))

    jacobian = torch.func.jacfwd(at)(kernel.weight.detach().clone())
    return jacobian.movedim(-1, 0).numpy()


def rank(rows: np.ndarray) -> int:
    flat = rows.reshape(len(rows), -1)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    values = np.linalg.svd(flat / np.maximum(norms, 1e-3), compute_uv=False)
    return int((values > 1e-7 * values.max(initial=1.0)).sum())


# --- completeness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", groups(), ids=str)
def test_families_between_multivectors(group):
    """4n for O(p, q), 8n for SO(p, q) and SO₀; for SO₀ and O⁺ as many again on each pair of separated halves."""
    blocks, (time, space) = R.decompose(R.multivector(group)).blocks, signature(group)
    counts = {
        sector: sum(n * m * sum(map(len, covariants_of(a, b, sector))) for n, a in blocks for m, b in blocks)
        for sector in ("even", "time", "space")
    }
    reflections = isinstance(group, (G.O, G.Orthochronous))
    even = (4 if reflections else 8) * group.dim
    assert counts["even"] == even
    separated = isinstance(group, (G.SO0, G.Orthochronous))
    kernel = K.PseudoRiemannian(3, profiles=2)(R.multivector(group), R.multivector(group))
    halves = (time == 1) + (time > 0 and space == 1) if separated else 0
    assert kernel.weight.numel() == even * (2 + halves)


@pytest.mark.parametrize("side", [-1, 1], ids=["time-like", "space-like"])
@pytest.mark.parametrize("group", groups(), ids=str)
def test_no_kernel_is_missing_at_generic_points(group, side):
    if side < 0 and signature(group)[0] == 0:
        pytest.skip("nothing is time-like")
    rep = R.multivector(group)
    kernel = K.PseudoRiemannian(3, profiles=2)(rep, rep, dtype=torch.float64)
    v = random_vector(group, side, seed=group.dim)
    assert rank(basis_at(kernel, v)) == hom_of_stabiliser(group, v, rep, rep)


@pytest.mark.parametrize("group", groups(signatures=[(1, 1), (1, 2), (2, 1), (1, 3), (3, 0)]), ids=str)
@pytest.mark.parametrize(
    "types",
    [
        lambda g: (R.trivial(g), R.trivial(g)),
        lambda g: (R.trivial(g), R.sign(g)),
        lambda g: (R.standard(g), R.tensor(g, 2)),
        lambda g: (R.standard(g).dual(), R.standard(g)),
        lambda g: (R.symmetric(g, 2), R.exterior(g, 2)),
        lambda g: (R.tensor(g, 1, 1), R.standard(g) * R.exterior(g, 2)),
    ],
    ids=["T0-T0", "T0-sign", "T1-T2", "dual-T1", "Sym2-Ext2", "T11-product"],
)
def test_no_kernel_is_missing_between_tensors(group, types):
    rho_in, rho_out = types(group)
    if rho_in.dim * rho_out.dim > 300:
        pytest.skip("the brute-force null space takes seconds, and the pair is tested on R^{1,2}")
    for side in (-1, 1) if signature(group)[0] else (1,):
        v = random_vector(group, side, seed=3)
        expected = hom_of_stabiliser(group, v, rho_in, rho_out)
        sectors = K.PseudoRiemannian(3).sectors(group)
        if not any(len(covariants_of(rho_in, rho_out, s)) for s in sectors):
            assert expected == 0
            continue
        kernel = K.PseudoRiemannian(3, profiles=2)(rho_in, rho_out, dtype=torch.float64)
        assert rank(basis_at(kernel, v)) == expected


@pytest.mark.parametrize(
    "group, points, orbits",
    [
        (G.SO0(1, 2), [(1.0, 0.2, 0.3), (-1.2, 0.1, -0.4), (0.2, 1.0, 0.9)], 3),
        (G.Orthochronous(1, 2), [(1.0, 0.2, 0.3), (-1.2, 0.1, -0.4), (0.2, 1.0, 0.9)], 3),
        (G.SO(1, 2), [(1.0, 0.2, 0.3), (-1.2, 0.1, -0.4)], 2),  # of one sheet, but of another η(v,v)
        (G.SO0(1, 1), [(1.0, 0.3), (-1.0, 0.3), (0.3, 1.0), (0.3, -1.0)], 4),
        (G.SO0(2, 1), [(0.1, 0.3, 1.0), (0.1, 0.3, -1.0)], 2),
    ],
    ids=str,
)
def test_kernels_on_different_orbits_are_independent(group, points, orbits):
    rep = R.multivector(group)
    kernel = K.PseudoRiemannian(5)(rep, rep, dtype=torch.float64)
    values = np.stack([basis_at(kernel, np.array(v)) for v in points], axis=1)
    single = hom_of_stabiliser(group, np.array(points[0]), rep, rep)
    assert rank(values) == orbits * single


def test_the_same_orbit_ties_past_and_future_where_the_group_reverses_time():
    rep = R.multivector(G.O(1, 2))
    kernel = K.PseudoRiemannian(5)(rep, rep, dtype=torch.float64)
    v = np.array([1.0, 0.2, 0.3])
    values = np.stack([basis_at(kernel, v), basis_at(kernel, -v)], axis=1)
    assert rank(values) == 12


@pytest.mark.parametrize("group", [G.O(2), G.SO(2), G.O(3), G.SO(3)], ids=str)
def test_definite_signatures_agree_with_harmonic_kernels(group):
    for rho_in, rho_out in [
        (R.standard(group), R.standard(group)),
        (R.tensor(group, 2), R.standard(group)),
        (
            R.irrep(group, *((2,) if isinstance(group, G.SO) else (1, 2) if group.dim == 2 else (2, 1))),
            R.standard(group),
        ),
    ]:
        expected = [len(c) for c in solve_harmonic([(rho_in, rho_out)], range(6))[0]]
        found = [len(c) for c in covariants_of(rho_in, rho_out, "even")]
        assert found + [0] * (6 - len(found)) == expected


# --- the families by their formulas ----------------------------------------------------------------------------------


def wedge_with(v: np.ndarray) -> np.ndarray:
    """v∧ on all multivectors, from the definition on basis blades: (2^d, 2^d)."""
    d = len(v)
    blades = [blade for k in range(d + 1) for blade in combinations(range(d), k)]
    place, matrix = {blade: i for i, blade in enumerate(blades)}, np.zeros((2**d, 2**d))
    for column, blade in enumerate(blades):
        for i in range(d):
            if i not in blade:
                sign = (-1) ** sum(j < i for j in blade)
                matrix[place[tuple(sorted((*blade, i)))], column] = sign * v[i]
    return matrix


@pytest.mark.parametrize("group", groups([G.O], [(1, 1), (1, 2), (2, 1), (1, 3), (2, 2)]), ids=str)
@pytest.mark.parametrize("side", [-1, 1])
def test_the_families_are_one_wedge_contraction_and_both(group, side):
    v, rep, n = random_vector(group, side, 5), R.multivector(group), group.dim
    wedge, contract = wedge_with(v), wedge_with(metric(group) @ v).T
    kernel = K.PseudoRiemannian(3, profiles=1)(rep, rep, dtype=torch.float64)
    formulas = []
    for matrix in (np.eye(2**n), wedge, contract, wedge @ contract):
        for into in rep.grade_slices:
            part = np.zeros_like(matrix)
            part[:, into] = matrix[:, into]
            if np.abs(part).max() > 1e-9:
                formulas.append(part)
    basis = basis_at(kernel, v)
    assert rank(basis) == rank(np.array(formulas)) == rank(np.concatenate([basis, formulas])) == 4 * n


# --- steerability ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", groups(signatures=[(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (2, 0), (3, 0)]), ids=str)
def test_conformance(group):
    rep = R.multivector(group)
    check_kernel(K.PseudoRiemannian(3)(rep, rep))


@pytest.mark.parametrize("group", groups(signatures=[(1, 1), (1, 2), (2, 1), (1, 3), (2, 2)]), ids=str)
def test_the_constraint_holds_for_moderate_elements_to_rounding(group):
    rep = R.multivector(group) + R.standard(group) + R.trivial(group)
    kernel = K.PseudoRiemannian(5)(rep, rep, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(40, group.dim, generator=generator, dtype=torch.float64)
    g = group.sample(40, generator, scale=0.7)
    assert float(kernel.residual(v, g).detach()) < 1e-10


@pytest.mark.parametrize("rapidity", [0.5, 2.0, 4.0])
def test_the_error_of_far_boosts_is_the_rounding_of_the_elements(rapidity):
    group = G.O(1, 2)
    kernel = K.PseudoRiemannian(5)(R.multivector(group), R.multivector(group), dtype=torch.float64)
    v = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = boost(rapidity, 3)
    assert bool(group.contains(g))
    assert float(kernel.residual(v, g.expand(20, 3, 3)).detach()) < 1e-12 * float(np.cosh(rapidity)) ** 2


@dataclass(frozen=True, eq=False, repr=False)
class TimeSign(Natural):
    """The character sign g₀₀ of O(1, q): quantities odd under time reversal, and no tensors."""

    group: G.Group

    @property
    def dim(self) -> int:
        return 1

    @property
    def name(self) -> str:
        return "time sign"

    def _rho(self, g):
        sign = torch.sign if isinstance(g, torch.Tensor) else np.sign
        return sign(g[..., :1, :1])

    def _derivative(self, a):
        return 0 * a[..., :1, :1]


def test_fields_odd_under_time_reversal_use_the_halves_of_the_cone():
    group = G.O(1, 2)
    kernel = K.PseudoRiemannian(5)(R.trivial(group), TimeSign(group), dtype=torch.float64)
    assert {sector for sector, _ in kernel.source.degrees} == {"time"}
    future, space = torch.tensor([1.0, 0.2, 0.1]).double(), torch.tensor([0.1, 0.2, 1.0]).double()
    with torch.no_grad():
        assert float(kernel(future)) == -float(kernel(-future)) != 0.0
        assert float(kernel(space)) == 0.0
    check_kernel(kernel)
    both = K.PseudoRiemannian(5)(R.standard(group), R.standard(group) + TimeSign(group))
    check_kernel(both)


# --- smoothness and causality ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [G.O(1, 2), G.SO0(1, 2), G.SO0(1, 1), G.Orthochronous(1, 1)], ids=str)
@pytest.mark.parametrize("apex", [False, True])
def test_kernels_are_smooth_across_the_light_cone(group, apex):
    """Three derivatives along a line agree on both sides of the point where it meets the cone, or its apex."""
    rep, d = R.multivector(group), group.dim
    kernel = K.PseudoRiemannian(5)(rep, rep, dtype=torch.float64)
    point = torch.zeros(d, dtype=torch.float64)
    if not apex:
        point[0], point[-1] = 1.0, -1.0
    direction = torch.linspace(0.7, 0.3, d, dtype=torch.float64)
    mix = torch.randn(rep.dim, rep.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def derivatives(t: float) -> list[float]:
        x = torch.tensor(t, dtype=torch.float64, requires_grad=True)
        value, found = (kernel(point + x * direction) * mix).sum(), []
        for _ in range(4):
            found.append(float(value.detach()))
            (value,) = torch.autograd.grad(value, x, create_graph=True)
        return found

    step = 1e-5
    below, at, above = (derivatives(t) for t in (-step, 0.0, step))
    assert np.isfinite(at).all()
    np.testing.assert_allclose(below, above, atol=1e-2 * (1 + np.abs(above).max()))
    np.testing.assert_allclose(at, above, atol=1e-2 * (1 + np.abs(above).max()))


@pytest.mark.parametrize("group", [G.SO0(1, 2), G.Orthochronous(1, 2), G.SO0(1, 1), G.SO0(1, 3)], ids=str)
def test_causal_kernels_see_the_past_only(group):
    rep = R.multivector(group)
    kernel = K.PseudoRiemannian(5 if group.dim < 4 else 3, causal=True)(rep, rep, dtype=torch.float64)
    v = torch.randn(400, group.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    past = (v[:, 0] < 0) & (v[:, 0].square() > v[:, 1:].square().sum(-1))
    size = kernel(v).detach().abs().amax((-1, -2))
    assert float(size[~past].max()) == 0.0
    assert float(size[past].min()) > 0.0
    check_kernel(kernel, samples=64)


def test_a_causal_convolution_does_not_see_the_future():
    group = G.SO0(1, 1)
    conv = nn.Conv(R.multivector(group), R.multivector(group), K.PseudoRiemannian(5, causal=True), bias=False)
    x = torch.randn(1, 4, 12, 12)
    y = x.clone()
    y[:, :, 6:] += 1.0
    changed = (conv(y) - conv(x)).detach().abs().amax((0, 1, 3))
    assert float(changed[:7].max()) == 0.0
    assert float(changed[7:].min()) > 0.0


@pytest.mark.parametrize("group", [G.O(1, 2), G.SO(1, 2), G.SO0(2, 2), G.SO(3)], ids=str)
def test_causal_kernels_need_a_group_that_keeps_the_direction_of_time(group):
    with pytest.raises(KernelError, match=r"take SO0\(1, \d\) or Orthochronous\(1, \d\)"):
        K.PseudoRiemannian(5, causal=True)(R.trivial(group), R.trivial(group))


# --- stencils --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [G.O(1, 1), G.SO0(1, 2), G.SO(3), G.O(1, 3)], ids=str)
def test_random_weights_keep_the_variance(group):
    rep = 2 * R.multivector(group) + R.trivial(group)
    kernel = K.PseudoRiemannian(3)(rep, rep)
    with torch.no_grad():
        draws = []
        for _ in range(100):
            kernel.reset_parameters()
            draws.append(kernel.stencil().square().sum() / rep.dim)
    assert float(torch.stack(draws).mean()) == pytest.approx(1.0, abs=0.08)


def test_every_basis_kernel_has_unit_norm_on_the_stencil():
    group = G.SO0(1, 1)
    rep = R.standard(group)
    kernel = K.PseudoRiemannian(5)(rep, rep, dtype=torch.float64)
    offsets = kernel.spec.offsets(2)
    basis = np.stack([basis_at(kernel, v) for v in offsets], axis=-1)
    np.testing.assert_allclose((basis**2).sum((1, 2, 3)), rep.dim, rtol=1e-10)


@pytest.mark.parametrize("factors", [(2, 4, 8), (3, 9, 27)])
def test_refined_stencils_converge_to_the_integral_over_the_box(factors):
    group = G.SO0(1, 1)
    kernel = K.PseudoRiemannian(3)(R.standard(group), R.standard(group), dtype=torch.float64)
    sums = []
    for factor in factors:
        fine = K.PseudoRiemannian(3).refined(factor)(R.standard(group), R.standard(group), dtype=torch.float64)
        fine.load_state_dict(kernel.state_dict())
        v = torch.from_numpy(fine.spec.offsets(2))
        assert float(v.abs().max()) <= 1.5
        field = torch.cos(v @ torch.tensor([0.7, -0.4], dtype=torch.float64)).view(fine.sizes)
        sums.append((fine.stencil().detach() * field).sum((-1, -2)))
    coarse, fine = ((a - b).abs().max() for a, b in zip(sums, sums[1:], strict=False))
    assert float(fine) < 0.3 * float(coarse)


def test_refined_convolutions_keep_their_weights():
    group = G.O(1, 1)
    conv = nn.Conv(R.multivector(group), R.multivector(group), K.PseudoRiemannian(3, spacing=0.5))
    fine = conv.refined(2)
    assert fine.kernel.sizes == (7, 7)
    torch.testing.assert_close(fine.weight, conv.weight)


@pytest.mark.parametrize("group", [G.O(1, 1), G.O(1, 2)], ids=str)
def test_convolutions_commute_with_the_symmetries_of_the_lattice(group):
    rep = R.multivector(group)
    conv = nn.Conv(rep, rep, K.PseudoRiemannian(3), dtype=torch.float64)
    x = torch.randn(2, rep.dim, *(6,) * group.dim, dtype=torch.float64)
    for g in K.lattice_elements(group):
        g = torch.from_numpy(g)

        def act(f, g=g):
            moved = nn.conv.Grid(group.dim).move(f, g)
            return torch.einsum("ij,bj...->bi...", rep.rho(g), moved)

        torch.testing.assert_close(conv(act(x)), act(conv(x)), atol=1e-12, rtol=0)


def test_truncation_falls_as_the_box_grows_and_rises_with_rapidity():
    group = G.O(1, 2)
    rep = R.multivector(group)
    found = []
    for size in (5, 9, 13, 17):
        torch.manual_seed(0)
        found.append(K.PseudoRiemannian(size, profiles=5)(rep, rep).truncation((0.0, 0.1, 0.5, 1.0), extent=1.5))
    budget = np.array(found)
    np.testing.assert_array_equal(budget[:, 0], 0.0)
    assert (np.diff(budget[:, 1:], axis=0) < 0).all() and (np.diff(budget, axis=1) > 0).all()
    assert budget[-1, 2] < 1e-3 < budget[0, 1]


def test_truncation_without_an_extent_does_not_vanish():
    group = G.O(1, 1)
    sizes = (5, 17)
    found = [
        K.PseudoRiemannian(s, profiles=5)(R.standard(group), R.standard(group)).truncation([0.5])[0] for s in sizes
    ]
    assert min(found) > 0.2
    with pytest.raises(KernelError, match="no boosts"):
        K.PseudoRiemannian(3)(R.standard(G.O(3)), R.standard(G.O(3))).truncation([0.5])


def test_a_window_damps_the_stencil_and_nothing_else():
    group = G.O(1, 1)
    rep = R.standard(group)
    plain = K.PseudoRiemannian(5)(rep, rep)
    damped = K.PseudoRiemannian(5, window=1.5)(rep, rep)
    offsets = torch.from_numpy(plain.spec.offsets(2)).float()
    envelope = torch.exp(-offsets.square().sum(-1) / (2 * 1.5**2)).view(5, 5)
    torch.testing.assert_close(damped.stencil(), damped(offsets).permute(1, 2, 0).unflatten(-1, (5, 5)) * envelope)


def test_four_dimensional_kernels_build_in_no_time():
    group = G.O(1, 3)
    rep = 2 * R.multivector(group)
    kernel = K.PseudoRiemannian(3)(rep, rep)
    assert kernel.stencil().shape == (32, 32, 3, 3, 3, 3)
    assert kernel.weight.numel() == 4 * 16 * 3


# --- errors ----------------------------------------------------------------------------------------------------------


def test_spacings_must_agree_in_natural_units():
    group = G.O(1, 1)
    with pytest.raises(KernelError, match=r"c Δt = Δx; if they differ in units with c = 1.*natural_units=True"):
        K.PseudoRiemannian(5, spacing=(0.1, 1.0))(R.trivial(group), R.trivial(group))
    kernel = K.PseudoRiemannian(5, spacing=(0.5, 1.0), natural_units=True)(R.standard(group), R.standard(group))
    check_kernel(kernel)


@pytest.mark.parametrize(
    "group, remedy",
    [
        (G.SO(2) * G.SO(2), "kernels.Harmonic takes"),
        (G.Cyclic(4), "kernels.Harmonic takes C4"),
        (
            G.MatrixGroup([[[1.0, 0.0], [0.0, 0.0]]], [np.diag([1.0, -1.0])]),
            "orbits are unbounded.*kernels.Differential",
        ),
        (G.MatrixGroup(np.eye(4).reshape(4, 2, 2), label="GL+(2)"), "orbits are unbounded.*kernels.Differential"),
    ],
    ids=str,
)
def test_other_groups_are_referred_elsewhere(group, remedy):
    with pytest.raises(KernelError, match=remedy):
        K.PseudoRiemannian(5)(R.trivial(group), R.trivial(group))


@pytest.mark.parametrize("family", [K.Harmonic(5), K.Harmonic(radius=1.0), K.Stencil(3)], ids=repr)
def test_families_for_compact_groups_name_this_one(family):
    rep = R.standard(G.O(1, 2))
    with pytest.raises(KernelError, match="PseudoRiemannian.*Differential"):
        nn.Conv(rep, rep, family)


@pytest.mark.parametrize("options", [{"size": 0}, {"width": 0.0}, {"spacing": -1.0}, {"profiles": 0}, {"degrees": -1}])
def test_bad_numbers(options):
    with pytest.raises(KernelError):
        K.PseudoRiemannian(**options)


def test_sizes_of_another_dimension():
    with pytest.raises(KernelError, match="3 kernel sizes"):
        K.PseudoRiemannian((3, 5))(R.trivial(G.O(1, 2)), R.trivial(G.O(1, 2)))


def test_a_cap_on_the_degree():
    group = G.O(1, 1)
    rep = R.multivector(group)
    assert K.PseudoRiemannian(3, degrees=0)(rep, rep).source.degrees == (("even", 0),)

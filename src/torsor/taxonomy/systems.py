# ruff: noqa: D103  the decorator says what a row is
"""Rows S: the systems around the networks, as networks, kernels and laws."""

from __future__ import annotations

import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import linalg, nn
from torsor import reps as R
from torsor import spaces as S
from torsor.fields import Field
from torsor.taxonomy.characters import kernel_count
from torsor.taxonomy.law import Law
from torsor.taxonomy.row import row


@row("S1", "symmetric curve fitting: even and odd monomials", "R¹", "reflection", "trivial, sign")
def curves():
    flip, k, laws = G.Reflection(1), torch.arange(8), []
    x, fine = torch.linspace(-0.9, 1, 9).double(), torch.arange(-99, 100).double()[:, None] / 100
    powers = R.direct_sum([(1, R.symmetric(flip, n)) for n in range(8)])  # the types of 1, x, x², …
    for parity, curve in [(R.trivial(flip), torch.cos), (R.sign(flip), torch.sin)]:
        noisy, sign, fits = curve(3 * x) + torch.randn(9) / 20, parity.rho(flip.generators).squeeze(), []
        for basis in (R.hom(powers, parity)[:, 0], torch.eye(8).double()):  # the equivariant monomials, or all
            fits.append(fine**k @ basis.T @ torch.linalg.lstsq(x[:, None] ** k @ basis.T, noisy).solution)
        laws.append(Law(f"f(-x) = ρ f(x), {parity.name}", fits[0].flip(0), sign * fits[0], fits[1].flip(0)))
        laws.append(Law(f"noisy data, {parity.name}", fits[0], curve(3 * fine[:, 0]), fits[1], budget=0.2))
    return laws


@row("S2", "multilayer perceptrons of any matrix group", "vectors", "SO(3), O(1,3), SL(2)", "standard, tensors")
def perceptrons():
    nets, SL2 = [], G.MatrixGroup([[[1, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], [], label="SL(2)")
    for group in (G.SO(3), G.O(1, 3), SL2):
        vectors = 3 * R.standard(group) + 2 * R.tensor(group, 2)
        gate = nn.Gated(vectors + 2 * R.trivial(group))
        first, second = nn.Linear(vectors, gate.in_rep), nn.Linear(gate.out_rep, vectors)
        nets.append(nn.Sequential(first, gate, second))
    return nets


@row("S6", "all layers of the conventional CNN", "R²", "{e}", "trivial")
def translations():
    alone = G.Trivial(2)
    image, fields = 2 * R.trivial(alone), 4 * R.trivial(alone)
    first, second = nn.Conv(image, fields, K.Stencil(3)), nn.Conv(fields, image, K.Stencil(3))
    return nn.Sequential(first, nn.ReLU(fields), nn.MaxPool(fields, 3, 2, 1), second, nn.AvgPool(image, 3, 2, 1))


@row("S7", "the same kernels on points as on grids", "R²", "SO(2)", "irreps")
def points_and_grids():
    SO2 = G.SO(2)
    gate = nn.Gated(2 * R.trivial(SO2) + 2 * R.irrep(SO2, 1))
    first = nn.Conv(gate.out_rep, gate.in_rep, K.Harmonic(radius=2.5), norm="sum").double()
    second = nn.Conv(gate.out_rep, gate.out_rep, K.Harmonic(radius=2.5), norm="sum")
    image, pixels = torch.randn(1, 6, 7, 7).double(), S.Points.from_grid((7, 7), dtype=torch.float64)
    spots = Field(image[0].flatten(1).T, first.in_rep, pixels)  # Σ f_n δ(x - x_n)
    moved = Field(spots.tensor, first.in_rep, S.Points(1.1 * pixels.positions))
    law = Law("points at the pixels", first(spots).tensor, first(image)[0].flatten(1).T, first(moved).tensor)
    return nn.Sequential(first, gate, second), law


@row("S8", "scalars, vectors, bivectors, symmetric tensors", "R³", "T_d", "tensors of physics")
def physics():
    Td = G.TetrahedralFull()
    fields = 2 * (R.trivial(Td) + R.standard(Td) + R.exterior(Td, 2) + R.symmetric(Td, 2))
    first, second = nn.Conv(fields, fields, K.Stencil(3)), nn.Conv(fields, fields, K.Stencil(3))
    net = nn.Sequential(first, nn.Norm(fields, torch.nn.functional.softplus), second)
    g, A, (i, j) = Td.elements()[7], torch.randn(3, 3).double(), torch.triu_indices(3, 3)
    (F, gF), (D, gD) = ((B, g @ B @ g.T) for B in (A - A.T, A + A.T))
    scale = torch.where(i == j, 1.0, 2**0.5)
    bivectors = Law("F ↦ g F gᵀ", R.exterior(Td, 2).rho(g) @ F[i, j][i < j], gF[i, j][i < j], F[i, j][i < j])
    tensors = Law("D ↦ g D gᵀ", R.symmetric(Td).rho(g) @ (D[i, j] * scale), gD[i, j] * scale, D[i, j] * scale)
    return net, bivectors, tensors


@row("S9", "bases of steerable kernels", "R², R³", "reflection, SO(2), SO(3)", "trivial, sign, regular, irreps")
def bases():
    flip, SO2, SO3, found = G.Reflection(2), G.SO(2), G.SO(3), []
    mirrors = [R.trivial(flip), R.sign(flip), R.regular(flip)]
    for fields in (mirrors, R.irreps(SO2, 2), R.irreps(SO3, 2)):
        types = R.direct_sum([(1, rep) for rep in fields])
        free = types.restrict(G.Trivial(types.group.dim))
        counts = [len(K.harmonic_covariants(types, types, degree)) for degree in range(4)]
        theory, every = ([kernel_count(rep, rep, degree) for degree in range(4)] for rep in (types, free))
        law = Law(f"angular parts of {types.group} are complete", counts, theory, every)
        found += [K.Harmonic(5)(types, types), law]  # radial parts are free: rings
    return found


@row("S10", "differential operators, found as solutions", "R²", "O(2)", "scalars, vectors", budget=1e-1)
def differential_operators():
    D, O2, xi, found = K.operators, G.O(2), torch.randn(32, 2).double(), []
    grad, div, curl, perp = D.gradient(O2), D.divergence(O2), D.curl(O2), D.perpendicular_gradient(O2)
    named = {"Δ": D.laplacian(O2), "grad": grad, "div": div, "curl": curl, "curl grad⊥": curl @ perp}
    for name, op in {**named, "grad div": grad @ div}.items():
        maps = torch.tensor(K.covariants(op.in_rep, op.out_rep, op.family.order, covector=True))
        span = torch.einsum("boif,nf->noib", maps, linalg.monomials(xi, op.family.order)).flatten(0, 2)
        even, uneven = (op.symbol(x).flatten() for x in (xi, xi * torch.tensor([2.0, 1.0])))
        fit, other = (span @ torch.linalg.lstsq(span, s).solution for s in (even, uneven))
        found.append(Law(f"{name} is a solution", fit, even, even + other - uneven))
    fields, kernel = 2 * R.trivial(O2) + 2 * R.standard(O2), K.Differential(2, scheme="gaussian")
    return nn.Sequential(nn.Conv(fields, fields, kernel), nn.Squash(fields), nn.Conv(fields, fields, kernel)), *found


@row("S12", "the Wigner–Eckart theorem counts kernels", "R², R³", "SO(2), O(2), SO(3), O(3)", "all pairs of irreps")
def wigner_eckart():
    laws = []
    for group in (G.SO(2), G.O(2), G.SO(3), G.O(3)):
        irreps, alone = R.irreps(group, 2), G.Trivial(group.dim)
        triples = [(sigma, tau, degree) for sigma in irreps for tau in irreps for degree in range(5)]
        counts = [len(K.harmonic_covariants(*triple)) for triple in triples]
        theory = [kernel_count(*triple) for triple in triples]
        every = [kernel_count(sigma.restrict(alone), tau.restrict(alone), l) for sigma, tau, l in triples]
        laws.append(Law(f"{group}: {sum(counts)} kernels of {len(triples)} triples", counts, theory, every))
    return laws


@row("S13", "implicit kernels: equivariant networks of v and of attributes", "R³", "SO(3)", "irreps")
def implicit():
    SO3 = G.SO(3)
    scalars, vectors = 2 * R.trivial(SO3), 2 * R.irrep(SO3, 1)
    gate = nn.Gated(scalars + vectors)
    kernel = K.Implicit(radius=1.5, hidden=2, functions=2)
    first, second = nn.Conv(scalars, gate.in_rep, kernel), nn.Conv(gate.out_rep, scalars + vectors, kernel)
    given = K.Implicit(radius=1.5, hidden=2, functions=2, attributes=R.standard(SO3))(vectors, vectors).double()
    g, rho, v, a = SO3.sample(1)[0], vectors.rho, *torch.randn(2, 32, 3).double()
    moved, fixed, turned = given(v @ g.T, a @ g.T), given(v @ g.T, a), rho(g) @ given(v, a) @ rho(g).T
    return nn.Sequential(first, gate, second), Law(
        "K(g v, g a) = ρ K(v, a) ρ⁻¹ with attributes a", moved, turned, fixed
    )


@row("S14", "any G ≤ O(d), any mixture of types", "R¹, R², R³", "R, D_3, O(2) × R, T_h", "trivial ⊕ vector ⊕ regular")
def anything():
    cylinder, nets, kernel = G.Axial(G.O(2), mirror=True), [], K.Harmonic(radius=1.5)
    finite = [G.Reflection(1), G.Dihedral(3), G.Tetrahedral().with_inversion()]
    for regular in (*(R.regular(group) for group in finite), R.regular(cylinder, band=1)):
        scalars = 2 * R.trivial(regular.group)
        mixed = scalars + 2 * R.standard(regular.group) + 2 * regular
        first, second = nn.Conv(scalars, mixed, kernel), nn.Conv(mixed, 2 * regular, kernel)
        nets.append(nn.Sequential(first, nn.Norm(mixed, torch.nn.functional.softplus), second))
    return nets

# ruff: noqa: D103  the decorator says what a row is
"""Rows M27 – M43: punctured spaces, spheres, surfaces and atlases; and S19, S21, S22 and S24."""

from __future__ import annotations

import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor import spaces as S
from torsor.taxonomy.law import Law
from torsor.taxonomy.row import row
from torsor.taxonomy.surfaces import OnAtlas, OnSpace


@row("M27", "polar frames", "E² ∖ {0}", "{e}", "trivial")
def polar():
    fields = 3 * R.trivial(G.Trivial(2))
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=0.7)) for _ in range(2))
    space, turns = S.Punctured.polar_grid(3, 9, 0.5, 2.0), G.SO(2).sample(8)
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, motions=turns)


@row("M28", "log-polar frames", "E² ∖ {0}", "{e}", "trivial")
def log_polar():
    fields = 3 * R.trivial(G.Trivial(2))
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=0.9)) for _ in range(2))
    space = S.Punctured.polar_grid(4, 9, 0.5, 2.0, kind="log-polar")
    scaled_turns = G.Join(G.SO(2), G.Scaling(2, None)).sample(8)
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, motions=scaled_turns)


@row("M28r", "polar frames, up to reflection", "E² ∖ {0}", "reflection", "trivial and sign-flip")
def polar_reflected():
    flip = G.Reflection(2)
    gate = nn.Gated(2 * R.trivial(flip) + 2 * R.sign(flip))
    first, second = (nn.Conv(gate.out_rep, rep, K.Harmonic(radius=0.7)) for rep in (gate.in_rep, gate.out_rep))
    space, turns = S.Punctured.polar_grid(3, 9, 0.5, 2.0, flip), G.O(2).sample(8)
    return OnSpace(nn.Sequential(first, gate, second), space, motions=turns)


@row("M29", "frames along the radius", "E³ ∖ {0}", "O(2)", "trivial")
def radial():
    cone = G.Axial(G.O(2))
    fields = 3 * R.trivial(cone)
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=1.0)) for _ in range(2))
    space, turns = S.Punctured.shells(15, 2, 0.5, 2.0, cone), G.O(3).sample(8)
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, motions=turns)


@row("M30", "cubed-sphere frames times the radius", "E³ ∖ {0}", "{e}", "trivial")
def cubed_sphere():
    fields = 3 * R.trivial(G.Trivial(3))
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=1.0)) for _ in range(2))
    space = S.Punctured.shells(12, 2, 0.5, 2.0, G.Trivial(3))
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, literal=True)


@row("M31", "spin-weighted fields", "S²", "SO(2)", "irreps")
def spin_weighted():
    SO2 = G.SO(2)
    gate = nn.Gated(2 * R.trivial(SO2) + 2 * R.irrep(SO2, 1) + 2 * R.irrep(SO2, 2))
    first, second = (nn.Conv(gate.out_rep, rep, K.Harmonic(radius=0.8)) for rep in (gate.in_rep, gate.out_rep))
    return OnSpace(nn.Sequential(first, gate, second), S.Sphere.fibonacci(60, SO2), motions=G.SO(3).sample(8))


@row("M32", "the SO(3) convolution", "S²", "SO(2)", "regular")
def lifted():
    SO2 = G.SO(2)
    image, fields = 2 * R.trivial(SO2), 2 * R.regular(SO2, band=2)
    product = nn.Fourier(fields, lambda t: t + t * t, 8)  # of band 4 at most: eight samples are exact
    first, second = nn.Conv(image, fields, K.Harmonic(radius=0.8)), nn.Conv(fields, fields, K.Harmonic(radius=0.8))
    return OnSpace(nn.Sequential(first, product, second), S.Sphere.fibonacci(60, SO2), motions=G.SO(3).sample(8))


@row("M33", "zonal kernels", "S²", "O(2)", "trivial")
def zonal():
    fields = 3 * R.trivial(G.O(2))
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=0.8)) for _ in range(2))
    space = S.Sphere.fibonacci(60, G.O(2))
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, motions=G.O(3).sample(8))


@row("M34", "frames along the meridians", "S² ∖ poles", "{e}", "trivial")
def meridians():
    fields = 3 * R.trivial(G.Trivial(2))
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=0.8)) for _ in range(2))
    space, about_the_poles = S.Sphere.latlon(5, 10, group=G.Trivial(2)), G.Axial(G.SO(2), axis=1).sample(8)
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, motions=about_the_poles)


@row("M35", "the icosahedral network", "icosahedron", "C_6, D_6", "regular")
def icosahedral():
    nets = []
    for group in (G.Cyclic(6), G.Dihedral(6)):
        image, fields, kernel = 2 * R.trivial(group), 2 * R.regular(group), K.Stencil(3, S.HEXAGONAL)
        first, second = nn.Conv(image, fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(OnAtlas(nn.Sequential(first, nn.ReLU(fields), second), S.Icosahedron(2, group)))
    return nets


@row("M36", "the icosahedron without its poles", "icosahedron ∖ poles", "{e}", "trivial")
def icosahedral_framed():
    fields, kernel = 3 * R.trivial(G.Trivial(2)), K.Stencil(3, S.HEXAGONAL)
    first, second = nn.Conv(fields, fields, kernel), nn.Conv(fields, fields, kernel)
    return OnAtlas(nn.Sequential(first, nn.ReLU(fields), second), S.Icosahedron(2, G.Trivial(2)))


@row("M37", "gauge equivariant mesh networks", "surfaces (meshes)", "SO(2)", "irreps")
def mesh_irreps():
    SO2 = G.SO(2)
    gate = nn.Gated(2 * R.trivial(SO2) + 2 * R.irrep(SO2, 1) + 2 * R.irrep(SO2, 2))
    first, second = (nn.Conv(gate.out_rep, rep, K.Harmonic(radius=0.9)) for rep in (gate.in_rep, gate.out_rep))
    turns = G.Icosahedral().elements()[::7]
    return OnSpace(nn.Sequential(first, gate, second), S.Mesh.icosphere(1, SO2), turns)


@row("M38", "functions on all directions", "surfaces (meshes)", "SO(2)", "regular")
def mesh_regular():
    SO2 = G.SO(2)
    image, fields = 2 * R.trivial(SO2), 2 * R.regular(SO2, band=2)
    product = nn.Fourier(fields, lambda t: t + t * t, 8)  # of band 4 at most: eight samples are exact
    first, second = nn.Conv(image, fields, K.Harmonic(radius=0.9)), nn.Conv(fields, fields, K.Harmonic(radius=0.9))
    return OnSpace(nn.Sequential(first, product, second), S.Mesh.icosphere(1, SO2), G.Icosahedral().elements()[::7])


@row("M39", "the greatest response over all directions", "surfaces (meshes)", "SO(2)", "regular → trivial")
def mesh_pooled():
    SO2 = G.SO(2)
    image, responses = 3 * R.trivial(SO2), 3 * R.regular(SO2, band=2)
    layers = []
    for _ in range(2):
        layers += [nn.Conv(image, responses, K.Harmonic(radius=0.9)), nn.NormPool(responses)]
    return OnSpace(nn.Sequential(*layers), S.Mesh.icosphere(1, SO2), G.Icosahedral().elements()[::7])


@row("M40", "a cross field gives frames up to D_4", "surfaces (meshes)", "D_4", "trivial")
def crossed():
    D4 = G.Dihedral(4)
    image, fields = 2 * R.trivial(D4), 2 * R.trivial(D4) + 2 * R.regular(D4)
    first, second = nn.Conv(image, fields, K.Harmonic(radius=0.6)), nn.Conv(fields, image, K.Harmonic(radius=0.6))
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), S.Mesh.torus(12, 6, D4, inner=0.25))


@row("M41", "a frame field", "surfaces (meshes)", "{e}", "trivial")
def framed():
    fields = 3 * R.trivial(G.Trivial(2))
    first, second = (nn.Conv(fields, fields, K.Harmonic(radius=0.5)) for _ in range(2))
    space = S.Mesh.torus(12, 6, G.Trivial(2), inner=0.25)
    return OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, literal=True)


@row("M42", "scalars and sign-flip fields", "Möbius strip", "reflection", "irreps")
def moebius_irreps():
    flip = G.Reflection(2, 0)
    gate = nn.Gated(2 * R.trivial(flip) + 2 * R.sign(flip))
    first, second = (nn.Conv(gate.out_rep, rep, K.Stencil(3)) for rep in (gate.in_rep, gate.out_rep))
    return OnAtlas(nn.Sequential(first, gate, second), S.Mobius(10, 8, flip))


@row("M43", "pairs of features that reflections swap", "Möbius strip", "reflection", "regular")
def moebius_regular():
    flip = G.Reflection(2, 0)
    image, fields = 2 * R.trivial(flip), 3 * R.regular(flip)
    first, second = nn.Conv(image, fields, K.Stencil(3)), nn.Conv(fields, fields, K.Stencil(3))
    return OnAtlas(nn.Sequential(first, nn.ReLU(fields), second), S.Mobius(10, 8, flip))


@row("S19", "G-structures and the frames that they distinguish", "R³", "GL(3) … {e}", "frames")
def structures():
    """What a G-structure knows of frames E, vectors in columns: numbers that E g has too, exactly for g in G."""
    flat = {
        G.GLPlus(3): lambda e: torch.linalg.det(e).sign(),  # an orientation
        G.SL(3): lambda e: torch.linalg.det(e),  # a volume
        G.O(3): lambda e: e @ e.mT,  # a metric
        G.O(1, 2): lambda e: e @ torch.diag(torch.tensor([-1.0, 1.0, 1.0]).to(e)) @ e.mT,
        G.Axial(G.O(2)): lambda e: e[..., 2],  # one of the vectors
        G.Trivial(3): lambda e: e,  # a frame
    }
    every, other = G.GL(3).sample(16), G.GL(3).sample(16)
    return [Law(f"what {g} keeps", f(every @ g.sample(16)), f(every), f(every @ other)) for g, f in flat.items()]


@row("S21", "gauge transformations on curved surfaces", "surfaces (meshes)", "SO(2), O(2)", "scalars and vectors")
def curved_surfaces():
    nets = []
    for group in (G.SO(2), G.O(2)):
        gate = nn.Gated(2 * R.trivial(group) + 2 * R.standard(group))
        first, second = (nn.Conv(gate.out_rep, rep, K.Harmonic(radius=0.7)) for rep in (gate.in_rep, gate.out_rep))
        nets.append(OnSpace(nn.Sequential(first, gate, second), S.Mesh.torus(9, 6, group)))
    return nets


@row("S22", "exotic flat models", "E² ∖ {0}", "{e}, reflection", "trivial, regular")
def exotic():
    nets = []
    for kind, group in (("polar", G.Trivial(2)), ("log-polar", G.Trivial(2)), ("polar", G.Reflection(2))):
        fields = 3 * R.regular(group)
        first, second = (nn.Conv(fields, fields, K.Harmonic(radius=0.9)) for _ in range(2))
        space, turns = S.Punctured.polar_grid(3, 8, 0.5, 2.0, group, kind=kind), G.Cyclic(8).elements()
        nets.append(OnSpace(nn.Sequential(first, nn.ReLU(fields), second), space, turns))
    return nets


@row("S24", "curved spacetime with local Lorentz transformations", "Lorentzian charts", "O(1,1)", "scalars and vectors")
def curved_spacetime():
    L = G.O(1, 1)
    wavy = S.ConformalMetric(1, 1, lambda x: 0.3 * (3 * x[..., 1]).sin() * x[..., 0].cos())
    fields, kernel = 2 * R.trivial(L) + 2 * R.standard(L), K.PseudoRiemannian(3, spacing=0.2)
    rows = []
    for metric in (S.DeSitterMetric(), wavy):
        gate = nn.Gated(fields)
        first, second = nn.Conv(fields, gate.in_rep, kernel), nn.Conv(fields, fields, kernel, bias=False)
        net = nn.Sequential(first, gate, second)
        rows.append(OnSpace(net, S.Chart.grid(metric, L, (-0.5, 0), (0.5, 1), (5, 5), window=1)))
    return rows

# ruff: noqa: D103  the decorator says what a row is
"""Rows E1 – E16: steerable CNNs on the line and in the plane, and the conventional CNN in any dimension."""

from __future__ import annotations

import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.taxonomy.row import row


@row("E1", "the conventional CNN", "R¹, R², R³", "{e}", "trivial")
def conventional():
    nets = []
    for d in (1, 2, 3):
        image, fields = 2 * R.trivial(G.Trivial(d)), 4 * R.trivial(G.Trivial(d))
        first, second = nn.Conv(image, fields, K.Stencil(3)), nn.Conv(fields, image, K.Stencil(3))
        nets.append(nn.Sequential(first, nn.ReLU(fields), second))
    return nets


@row("E3", "reflected signals", "R¹", "reflection", "regular")
def line_regular():
    flip = G.Reflection(1)
    signal, fields = 2 * R.trivial(flip), 3 * R.regular(flip)
    first, second = nn.Conv(signal, fields, K.Stencil(5)), nn.Conv(fields, fields, K.Stencil(5))
    return nn.Sequential(first, nn.ReLU(fields), second)


@row("E4", "even and odd features", "R¹", "reflection", "irreps")
def line_irreps():
    flip = G.Reflection(1)
    gate = nn.Gated(2 * R.trivial(flip) + 3 * R.sign(flip))
    signal, fields = 2 * R.trivial(flip), gate.out_rep
    first, second = nn.Conv(signal, gate.in_rep, K.Stencil(5)), nn.Conv(fields, fields, K.Stencil(5))
    return nn.Sequential(first, gate, second)


@row("E5", "reflected images", "R²", "reflection", "regular")
def mirror_regular():
    flip = G.Reflection(2)
    image, fields = 2 * R.trivial(flip), 3 * R.regular(flip)
    first, second = nn.Conv(image, fields, K.Stencil(3)), nn.Conv(fields, fields, K.Stencil(3))
    return nn.Sequential(first, nn.ReLU(fields), second)


@row("E6a", "scalars and sign-flip fields", "R²", "reflection", "irreps")
def mirror_irreps():
    flip = G.Reflection(2)
    gate = nn.Gated(2 * R.trivial(flip) + 3 * R.sign(flip))
    image, fields = 2 * R.trivial(flip), gate.out_rep
    first, second = nn.Conv(image, gate.in_rep, K.Stencil(3)), nn.Conv(fields, fields, K.Stencil(3))
    return nn.Sequential(first, gate, second)


@row("E6b", "circular-harmonic networks", "R²", "SO(2)", "irreps", budget=5e-2)
def circular_harmonics():
    SO2 = G.SO(2)
    image = 2 * R.trivial(SO2)
    gate = nn.Gated(2 * R.trivial(SO2) + 2 * R.irrep(SO2, 1) + 2 * R.irrep(SO2, 2))
    fields = gate.out_rep
    first, second = nn.Conv(image, gate.in_rep, K.Harmonic(5)), nn.Conv(fields, fields, K.Harmonic(5))
    return nn.Sequential(first, gate, second)


@row("E7", "group convolutions of rotations", "R²", "SO(2)", "regular", budget=1e-1)
def plane_regular():
    C4, C8, SO2 = G.Cyclic(4), G.Cyclic(8), G.SO(2)
    nets = []
    for fields, kernel in [
        (2 * R.regular(C4), K.Stencil(3)),
        (2 * R.regular(C8), K.Harmonic(5)),
        (2 * R.regular(SO2, band=2), K.Harmonic(5)),
    ]:
        first, second = nn.Conv(2 * R.trivial(fields.group), fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.Fourier(fields, torch.nn.functional.silu, 24), second))
    return nets


@row("E8", "functions on the cosets of rotations", "R²", "SO(2)", "quotient C_N/C_k", budget=1e-1)
def plane_quotients():
    nets = []
    for n, kernel in [(4, K.Stencil(3)), (8, K.Harmonic(5))]:
        group = G.Cyclic(n)
        image, fields = 2 * R.trivial(group), 2 * R.quotient(group, G.Cyclic(2)) + 2 * R.regular(group)
        first, second = nn.Conv(image, fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.SiLU(fields), second))
    return nets


@row("E9", "rotated filters, maximum over rotations in every layer", "R²", "SO(2)", "regular → trivial", budget=2e-1)
def rotated_filters():
    nets = []
    for n, kernel in [(4, K.Stencil(3)), (8, K.Harmonic(5))]:
        images, responses = 3 * R.trivial(G.Cyclic(n)), 3 * R.regular(G.Cyclic(n))
        layers = [nn.Conv(images, responses, kernel), nn.ReLU(responses), nn.GroupPool(responses)]
        layers += [nn.Conv(images, responses, kernel), nn.GroupPool(responses)]
        nets.append(nn.Sequential(*layers))
    return nets


@row("E10", "the largest response and its angle as a vector", "R²", "SO(2)", "regular → vector")
def rotated_vectors():
    C4 = G.Cyclic(4)
    image, responses, kernel = 2 * R.trivial(C4), 3 * R.regular(C4), K.Stencil(3)
    vectors = nn.VectorPool(responses)
    first, second = nn.Conv(image, responses, kernel), nn.Conv(vectors.out_rep, responses, kernel)
    return nn.Sequential(first, vectors, second, nn.VectorPool(responses))


@row("E11", "isotropic kernels", "R²", "SO(2), O(2)", "trivial", budget=5e-2)
def isotropic():
    nets = []
    for group in (G.SO(2), G.O(2)):
        image, fields = 2 * R.trivial(group), 4 * R.trivial(group)
        first, second = nn.Conv(image, fields, K.Harmonic(5)), nn.Conv(fields, image, K.Harmonic(5))
        nets.append(nn.Sequential(first, nn.SiLU(fields), second))
    return nets


@row("E12", "irreps with parity", "R²", "O(2)", "irreps", budget=1e-1)
def plane_irreps():
    O2 = G.O(2)
    image = 2 * R.trivial(O2)
    gate = nn.Gated(2 * R.trivial(O2) + 2 * R.irrep(O2, 1, 1) + 2 * R.irrep(O2, 1, 2))
    fields = gate.out_rep
    first, second = nn.Conv(image, gate.in_rep, K.Harmonic(5)), nn.Conv(fields, fields, K.Harmonic(5))
    return nn.Sequential(first, gate, second)


@row("E13", "group convolutions of rotations and reflections", "R²", "O(2)", "regular", budget=1e-1)
def plane_reflected():
    D4, D8, O2 = G.Dihedral(4), G.Dihedral(8), G.O(2)
    nets = []
    for fields, kernel in [
        (2 * R.regular(D4), K.Stencil(3)),
        (2 * R.regular(D8), K.Harmonic(5)),
        (2 * R.regular(O2, band=2), K.Harmonic(5)),
    ]:
        first, second = nn.Conv(2 * R.trivial(fields.group), fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.Fourier(fields, torch.nn.functional.silu, 24), second))
    return nets


@row("E14", "functions on the cosets of a reflection", "R²", "O(2)", "quotient D_N/D_1", budget=1e-1)
def plane_reflected_quotients():
    nets = []
    for n, kernel in [(4, K.Stencil(3)), (8, K.Harmonic(5))]:
        group = G.Dihedral(n)
        image, fields = 2 * R.trivial(group), 2 * R.quotient(group, G.Reflection(2))
        first, second = nn.Conv(image, fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.SiLU(fields), second))
    return nets


@row("E15", "maximum over rotations and reflections", "R²", "O(2)", "regular → trivial", budget=2e-1)
def reflected_filters():
    nets = []
    for n, kernel in [(4, K.Stencil(3)), (8, K.Harmonic(5))]:
        images, responses = 3 * R.trivial(G.Dihedral(n)), 3 * R.regular(G.Dihedral(n))
        layers = [nn.Conv(images, responses, kernel), nn.ReLU(responses), nn.GroupPool(responses)]
        layers += [nn.Conv(images, responses, kernel), nn.GroupPool(responses)]
        nets.append(nn.Sequential(*layers))
    return nets


@row("E16", "pairs of SO(2) fields that reflections swap", "R²", "O(2)", "induced from SO(2) irreps", budget=5e-2)
def swapped_pairs():
    SO2, O2 = G.SO(2), G.O(2)
    image = 2 * R.trivial(O2)
    fields = 2 * R.induced(O2, R.irrep(SO2, 1)) + 2 * R.induced(O2, R.irrep(SO2, 2))
    first, second = nn.Conv(image, fields, K.Harmonic(5)), nn.Conv(fields, fields, K.Harmonic(5))
    return nn.Sequential(first, nn.Squash(fields), second)

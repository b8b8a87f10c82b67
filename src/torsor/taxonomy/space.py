# ruff: noqa: D103  the decorator says what a row is
"""Rows E20 – E29: steerable CNNs in space, on voxels and on points."""

from __future__ import annotations

import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.taxonomy.row import row


@row("E20", "tensor field networks, on points and on voxels", "R³", "SO(3)", "irreps", budget=1e-1)
def tensor_fields():
    SO3, nets = G.SO(3), []
    scalars, vectors, tensors = R.trivial(SO3), R.irrep(SO3, 1), R.irrep(SO3, 2)
    gate = nn.Gated(2 * scalars + 2 * vectors + 2 * tensors)
    for kernel in (K.Harmonic(radius=1.5), K.Harmonic(size=3)):
        first, second = nn.Conv(2 * scalars, gate.in_rep, kernel), nn.Conv(gate.out_rep, 2 * vectors, kernel)
        nets.append(nn.Sequential(first, gate, second))
    return nets


@row("E21", "features are quaternions, rotated by conjugation", "R³", "SO(3)", "quaternion", budget=1e-1)
def quaternions():
    SO3, nets = G.SO(3), []
    fields = 3 * R.quaternion(SO3)
    for kernel in (K.Harmonic(radius=1.5), K.Harmonic(size=3)):
        first, second = nn.Conv(2 * R.quaternion(SO3), fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.Norm(fields, torch.nn.functional.softplus), second))
    return nets


@row("E22", "group convolutions of rotations", "R³", "SO(3)", "regular")
def polyhedral():
    T, O, SO3, nets = G.Tetrahedral(), G.Octahedral(), G.SO(3), []
    turns = G.Icosahedral().elements()  # at these the squares of band 1 are integrated exactly
    for fields, kernel in [
        (2 * R.regular(T), K.Stencil(3)),
        (2 * R.regular(O), K.Stencil(3)),
        (2 * R.regular(SO3, band=1), K.Harmonic(radius=1.5)),
    ]:
        first, second = nn.Conv(2 * R.trivial(fields.group), fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.Fourier(fields, torch.square, turns), second))
    return nets


@row("E23", "rotated filters, maximum over rotations in every layer", "R³", "SO(3)", "regular → trivial")
def rotated_filters_in_space():
    O = G.Octahedral()
    images, responses, kernel = 3 * R.trivial(O), 3 * R.regular(O), K.Stencil(3)
    layers = [nn.Conv(images, responses, kernel), nn.ReLU(responses), nn.GroupPool(responses)]
    layers += [nn.Conv(images, responses, kernel), nn.GroupPool(responses)]
    return nn.Sequential(*layers)


@row("E24", "irreps with parity", "R³", "O(3)", "irreps", budget=1e-1)
def tensor_fields_with_parity():
    O3, nets = G.O(3), []
    vectors, twisted = R.irrep(O3, "1o"), R.irrep(O3, "1e")
    gate = nn.Gated(2 * R.trivial(O3) + 2 * vectors + 2 * twisted + 2 * R.irrep(O3, "2e"))
    for kernel in (K.Harmonic(radius=1.5), K.Harmonic(size=3)):
        first, second = nn.Conv(2 * vectors, gate.in_rep, kernel), nn.Conv(gate.out_rep, gate.out_rep, kernel)
        nets.append(nn.Sequential(first, gate, second))
    return nets


@row("E25", "group convolutions of rotations and reflections", "R³", "O(3)", "regular")
def reflected_polyhedral():
    Td, Th, O3, nets = G.TetrahedralFull(), G.Tetrahedral().with_inversion(), G.O(3), []
    turns = G.Icosahedral().with_inversion().elements()  # at these the squares of band 1 are integrated exactly
    for fields, kernel in [
        (2 * R.regular(Td), K.Stencil(3)),
        (2 * R.regular(Th), K.Stencil(3)),
        (2 * R.regular(O3, band=1), K.Harmonic(radius=1.5)),
    ]:
        first, second = nn.Conv(2 * R.trivial(fields.group), fields, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, nn.Fourier(fields, torch.square, turns), second))
    return nets


@row("E26", "fields of functions on the sphere of directions", "R³", "O(3)", "quotient O(3)/O(2)", budget=1e-1)
def spheres():
    O3, nets = G.O(3), []
    scalars, fields = 2 * R.trivial(O3), 2 * R.quotient(O3, G.Axial(G.O(2)), band=2)
    gate = nn.Gated(fields)
    for kernel in (K.Harmonic(radius=1.5), K.Harmonic(size=3)):
        first, second = nn.Conv(scalars, gate.in_rep, kernel), nn.Conv(fields, fields, kernel)
        nets.append(nn.Sequential(first, gate, second))
    return nets


@row("E27", "norms of vectors in every layer", "R³", "O(3)", "irrep → trivial", budget=1e-1)
def norms():
    O3, nets = G.O(3), []
    scalars, vectors = 3 * R.trivial(O3), 3 * R.irrep(O3, "1o")
    for kernel in (K.Harmonic(radius=1.5), K.Harmonic(size=3)):
        first, second = nn.Conv(scalars, vectors, kernel), nn.Conv(scalars, vectors, kernel)
        nets.append(nn.Sequential(first, nn.NormPool(vectors), second, nn.NormPool(vectors)))
    return nets


@row("E28", "rotations about one axis", "R³", "C_4", "regular")
def axial_rotations():
    C4 = G.Axial(G.Cyclic(4))
    image, fields = 2 * R.trivial(C4), 2 * R.regular(C4)
    first, second = nn.Conv(image, fields, K.Stencil(3)), nn.Conv(fields, fields, K.Stencil(3))
    return nn.Sequential(first, nn.ReLU(fields), second)


@row("E29", "rotations about one axis, and half turns", "R³", "D_4", "regular")
def axial_half_turns():
    D4 = G.Axial(G.Dihedral(4), reflection=-1)
    image, fields = 2 * R.trivial(D4), 2 * R.regular(D4)
    first, second = nn.Conv(image, fields, K.Stencil(3)), nn.Conv(fields, fields, K.Stencil(3))
    return nn.Sequential(first, nn.ReLU(fields), second)

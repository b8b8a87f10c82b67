"""Frame fields and cross fields on meshes: frames up to the rotations of C_N, as smooth as they can be.

A field of angles φ, modulo 2π/N, is a unit vector ψ = e^{iNφ} in the N-th power of the tangent bundle. Its energy is
Σ_ij w_ij |ψ_j - e^{iN t_ij} ψ_i|². From the fields of least energy, eigenvectors of the connection Laplacian,
unit vectors follow by diffusion and normalisation in turns, which also lets singular points of opposite index meet; of
several the one of least energy is taken.

Source: Knöppel et al., Globally optimal direction fields, 2013; Viertel and Osting, An approach to quad meshing based
on harmonic cross-valued maps and the Ginzburg–Landau theory, 2019.
"""

from __future__ import annotations

from math import pi

import numpy as np
import torch

from torsor.errors import SpaceError, require
from torsor.spaces.mesh_frames import Metric, wrapped
from torsor.spaces.mesh_topology import before

TIMES = (64.0, 16.0, 4.0, 1.0, 0.25)
"""Times of diffusion, in units of the mean area of a cell, one after another."""
STEPS = 12
"""Diffusions and normalisations with each."""
STARTS = 6
"""So many fields are smoothed, and the one of least energy is taken."""


def smoothest(metric: Metric, n: int) -> torch.Tensor:
    """(vertices,) angles φ of a smooth N-fold cross field, in the reference bases, in (-π/N, π/N].

    It is defined up to one rotation of all crosses, and up to symmetries of the mesh.

    Args:
        metric: the geometry of the mesh.
        n: N; 1 is a vector field, 4 are crosses.

    Raises:
        SpaceError: n below 1.
        MissingExtraError: scipy is not installed.
    """
    if n < 1:
        raise SpaceError(f"expected a cross of 1 or more directions, got {n}")
    sparse, solver = require("scipy.sparse", "mesh"), require("scipy.sparse.linalg", "mesh")
    mesh, count = metric.triangulation, metric.triangulation.vertices
    weight = _weights(metric).cpu().numpy()
    tail, head = mesh.tail.cpu().numpy(), mesh.head.cpu().numpy()
    links = sparse.csr_matrix((weight * np.exp(1j * n * metric.transport.cpu().numpy()), (head, tail)), (count, count))
    areas = metric.barycentric.cpu().numpy()
    energy, mass = sparse.diags(np.bincount(tail, weight, count)) - links, sparse.diags(areas)
    least = solver.splu((energy + 1e-6 / areas.sum() * mass).tocsc())
    psi = _starts(count)
    for _ in range(STEPS):  # inverse iteration
        psi = least.solve(areas[:, None] * psi)
        psi = np.linalg.qr(psi)[0]
    for time in TIMES:
        diffusion = solver.splu((mass + time * areas.mean() * energy).tocsc())
        for _ in range(STEPS):
            psi = diffusion.solve(areas[:, None] * psi)
            psi /= np.maximum(np.abs(psi), 1e-300)
    energies = np.einsum("ik,ik->k", psi.conj(), energy @ psi).real
    best = psi[:, int((energies / energies.min()).round(6).argmin())]
    return torch.from_numpy(np.angle(best / best[0]) / n).to(metric.lengths)


def _starts(count: int) -> np.ndarray:
    """Starting fields, always the same ones: several of the smoothest fields are followed, and the best is kept."""
    place = np.arange(count)[:, None]
    return np.exp(1j * np.sin(1.7 * place * (1 + np.arange(min(STARTS, count)))) * np.pi)


def indices(metric: Metric, angles: torch.Tensor, n: int) -> torch.Tensor:
    """(F,) the index of an N-fold cross field in every face, a multiple of 1/N; on closed surfaces they add up to χ.

    The turns of the field along the three sides, relative to transport, and the curvature of the face add up to 2π
    times the index.
    """
    mesh = metric.triangulation
    turn = wrapped(n * (angles[mesh.head] - angles[mesh.tail] - metric.transport)) / n
    around = turn[: mesh.inner].view(-1, 3).sum(1) + metric.holonomy
    return (n * around / (2 * pi)).round() / n


def rotations(angles: torch.Tensor) -> torch.Tensor:
    """(n, 2, 2) the rotation by each angle."""
    c, s = angles.cos(), angles.sin()
    return torch.stack([c, -s, s, c], -1).unflatten(-1, (2, 2))


def _weights(metric: Metric) -> torch.Tensor:
    """(H,) cotangent weights, at least a hundredth of their mean, so that the energy is positive."""
    mesh = metric.triangulation
    side = torch.arange(mesh.inner, device=mesh.tail.device)
    opposite = torch.zeros_like(metric.lengths)
    opposite[: mesh.inner] = 0.5 / metric.corner[before(side)].tan()
    weight = opposite + opposite[mesh.twin]
    return weight.clamp(min=0.01 * float(weight.abs().mean()))

"""Frames along the radius of E³: with any tangential vectors, or with those of the cubed sphere.

    e = (t₁, r̂ × t₁, r̂),   t₁ ∝ a - (a · r̂) r̂

for a seed a, a unit vector a point. The faces of the cube around 0 divide the directions into six parts; on each the
seed is a fixed coordinate axis, and t₁ points along the first coordinate of the face, t₂ is the second made orthogonal.

Source: Ronchi, Iacono and Paolucci, The "cubed sphere", 1996, whose layout of the six faces this is.
"""

from __future__ import annotations

import torch

TIE = 1e-9
"""Coordinates that are equal up to this, relative to the largest, count as equal: the first of them names the face."""

FIRST = ((0, 1, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (1, 0, 0), (0, 1, 0))
"""The direction of the first coordinate on the faces +x, +y, +z, -x, -y, -z; the second is normal × first.

Along x, y, -x, -y the first goes east and the second north; at the top they go y, -x, at the bottom y, x. No rotation
or reflection of the cube but 1 keeps them.
"""


def cubed_sphere_frames(x: torch.Tensor) -> torch.Tensor:
    """Orthonormal frames of the cubed sphere and the radius at points x: (n, 3) -> (n, 3, 3), vectors in columns.

    Right-handed: the two coordinates of the face, made orthonormal in this order, and the radius. They jump at the
    edges of the cube.
    """
    return tangential_frames(x, torch.tensor(FIRST, dtype=x.dtype, device=x.device)[face(x)])


def face(x: torch.Tensor) -> torch.Tensor:
    """The face of the cube that the ray through x (n, 3) meets: 0, 1, 2 for +x, +y, +z, 3, 4, 5 for -x, -y, -z.

    At edges and corners the face of the first of the axes that meet there.
    """
    size = x.abs()
    axis = (size >= size.amax(1, keepdim=True) * (1 - TIE)).long().argmax(1)
    return axis + 3 * (x.gather(1, axis[:, None])[:, 0] < 0)


def radial_frames(x: torch.Tensor) -> torch.Tensor:
    """Orthonormal right-handed frames (t₁, t₂, r̂) at points x: (n, 3) -> (n, 3, 3), vectors in columns.

    The seed is the coordinate axis that is farthest from the radius. No choice of t₁ is continuous on a sphere: these
    frames are meant up to the rotations about the radius.
    """
    return tangential_frames(x, torch.eye(3, dtype=x.dtype, device=x.device)[x.abs().argmin(1)])


def tangential_frames(x: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
    """(t₁, r̂ × t₁, r̂), with t₁ the direction of the seed (n, 3) orthogonal to the radius."""
    radial = torch.nn.functional.normalize(x, dim=1)
    first = seed - (seed * radial).sum(1, keepdim=True) * radial
    first = torch.nn.functional.normalize(first, dim=1)
    return torch.stack([first, torch.linalg.cross(radial, first), radial], -1)

"""Euclidean, Minkowski and other affine spaces, with frames that may differ from point to point."""

from __future__ import annotations

import torch

from torsor.errors import SpaceError
from torsor.groups import Group
from torsor.spaces.edges import Edges
from torsor.spaces.manifold import Manifold
from torsor.spaces.search import Cloud, within


class Affine(Manifold):
    """Points of R^d with a frame of a G-structure at each: exp_p(u) = p + u, and vectors are carried as they are.

    v = e_p⁻¹ (x_q - x_p) and g_{p←q} = e_p⁻¹ e_q. With equal frames everywhere it is what `Points` is; a field and its
    convolution do not depend on the frames. Any G ≤ GL(d) may be the structure group: O(p, q) is Minkowski space.

    Neighbours within a radius are found in the coordinates, so that a radius belongs to frames of a compact group
    that are orthonormal. Other groups have no balls: neighbours then lie in a window, a box of the coordinates.

    Args:
        positions: (n, d).
        group: the structure group.
        frames: (n, d, d), vectors in columns, all related by G; None is the coordinate axes everywhere.
        cells: (n,) the volume for which each point stands; None is 1.
        window: half the sides of the box of coordinates in which neighbours lie, one number or one an axis; with it
            a radius is not looked at.

    Raises:
        SpaceError: shapes that do not fit, singular frames, or frames that the group does not relate.
    """

    def __init__(
        self,
        positions: torch.Tensor,
        group: Group,
        frames: torch.Tensor | None = None,
        cells: torch.Tensor | None = None,
        window: float | tuple[float, ...] | None = None,
    ) -> None:
        n, d = positions.shape
        if group.dim != d or group.algebra_array.shape[-1] != d:
            raise SpaceError(f"expected a structure group of matrices ({d}, {d}) for points of R^{d}, got {group}")
        kind = {"dtype": torch.float64, "device": positions.device}
        frames = torch.eye(d, **kind).expand(n, d, d) if frames is None else frames
        super().__init__(positions, frames, torch.ones(n, **kind) if cells is None else cells, group)
        if window is not None:
            window = (float(window),) * d if isinstance(window, int | float) else tuple(float(w) for w in window)
            if len(window) != d or min(window) <= 0:
                raise SpaceError(f"expected {d} positive half sides of a window, got {window}")
        elif not group.is_compact:
            raise SpaceError(f"expected a window: {group} is not compact and keeps no ball of neighbours")
        self.window = window
        self._check_related()

    def _check_related(self) -> None:
        relative = torch.linalg.inv(self.frames[:1]) @ self.frames
        outside = ~self.group.contains(relative)
        if self.group.order != 1 and bool(outside.any()):
            raise SpaceError(
                f"expected frames that {self.group} relates to each other; {int(outside.sum())} of {len(self)} are not "
                "related to the first"
            )

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """All pairs of the window, or within the radius."""
        reach = radius if self.window is None else sum(w * w for w in self.window) ** 0.5
        if reach is None:
            raise SpaceError(f"expected a radius or k for the neighbours of {self}")
        p, q = within(self._cloud(targets), self._cloud(sources), reach * (1 + 1e-9))
        p, q = p if targets is None else targets[p], q if sources is None else sources[q]
        u = self.positions[q] - self.positions[p]
        if self.window is not None:
            near = (u.abs() <= u.new_tensor(self.window) * (1 + 1e-9)).all(1)
            p, q, u = p[near], q[near], u[near]
        return Edges(p, q, u, torch.ones_like(u[:, 0]), None)

    def _cloud(self, index: torch.Tensor | None) -> Cloud:
        x = self.positions if index is None else self.positions[index]
        return Cloud(x, torch.zeros(len(x), dtype=torch.int64, device=x.device), 1)

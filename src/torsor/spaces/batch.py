"""Several manifolds as one, none of which sees the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torsor.errors import SpaceError
from torsor.groups import Group
from torsor.spaces.edges import Edges
from torsor.spaces.framed import Place
from torsor.spaces.manifold import Manifold, graphs_between
from torsor.spaces.neighbours import Neighbours


class Batch(Manifold):
    """The points of several manifolds, one after another; `batched` makes it.

    Edges are those of the parts, so that nothing that one part says depends on which others stand beside it. What a
    part has computed of its geometry is used again.

    Args:
        parts: manifolds with one structure group.

    Raises:
        SpaceError: no part, or parts of several kinds.
    """

    def __init__(self, parts: Sequence[Manifold]) -> None:
        if isinstance(parts, Manifold):
            raise SpaceError(f"expected a sequence of spaces to batch, batched([space, …]), got {parts!r}")
        parts = list(parts)
        if not parts:
            raise SpaceError("expected one manifold or more to batch, got none")
        if any(isinstance(space, Batch) for space in parts):
            raise SpaceError("expected spaces to batch, got a batch of some; batched([*batch.parts, …]) adds others")
        if not all(isinstance(space, Manifold) for space in parts):
            raise SpaceError(f"expected manifolds to batch, got {', '.join(type(space).__name__ for space in parts)}")
        kinds = {
            f"{space.group} on {space.positions.shape[1]} coordinates with frames {tuple(space.frames.shape[1:])}"
            for space in parts
        }
        if len(kinds) != 1:
            raise SpaceError(
                f"expected manifolds of one kind to batch, with one structure group, got {'; '.join(sorted(kinds))}"
            )
        joined = [torch.cat([getattr(space, name) for space in parts]) for name in ("positions", "frames", "cells")]
        super().__init__(joined[0], joined[1], joined[2], parts[0].group)
        self.parts, self._kin = tuple(parts), "+".join(part._kin for part in parts)

    @property
    def elements(self) -> int:
        return len(self.parts)

    @property
    def ambient_frames(self) -> torch.Tensor:
        return torch.cat([space.ambient_frames for space in self.parts])

    @property
    def unit_volumes(self) -> torch.Tensor:
        return torch.cat([space.unit_volumes for space in self.parts])

    @property
    def index(self) -> torch.Tensor:
        sizes = torch.tensor([len(space) for space in self.parts], device=self.positions.device)
        return torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)

    def connect(
        self, radius: float | None, targets: torch.Tensor | None = None, sources: torch.Tensor | None = None
    ) -> Edges:
        """Not asked: the parts connect their own points."""
        raise SpaceError("the edges of a batch are those of its parts: use neighbours()")

    def neighbours(
        self,
        radius: float | None = None,
        *,
        k: int | None = None,
        target: Manifold | None = None,
        norm: str = "mean",
        fewer: bool = False,
    ) -> Neighbours:
        """The edges of all parts; targets are a batch of as many parts."""
        there = self if target is None else target
        if not isinstance(there, Batch) or there.elements != self.elements:
            raise SpaceError(f"expected targets in a batch of {self.elements} spaces, got {there!r}")
        key, kept = (radius, k, norm, fewer), graphs_between(self, there)
        if key not in kept:
            pairs = zip(self.parts, there.parts, strict=True)
            found = [a.neighbours(radius, k=k, target=None if b is a else b, norm=norm, fewer=fewer) for a, b in pairs]
            with torch.inference_mode(False), torch.no_grad():
                kept[key] = Neighbours.joined(found)
        return kept[key]

    def coarsened(self, n: int | None = None, *, ratio: float | None = None) -> tuple[Any, Neighbours]:
        """The samples of every part, n of each."""
        key = "coarsened", n, ratio
        if key not in self._cache:
            spaces, graphs = zip(*(space.coarsened(n, ratio=ratio) for space in self.parts), strict=True)
            with torch.inference_mode(False), torch.no_grad():
                self._cache[key] = Batch(spaces), Neighbours.joined(graphs)
        return self._cache[key]

    def with_frames(self, frames: torch.Tensor, group: Group | None = None) -> Batch:
        """The same points with other frames."""
        parts = self._split(frames)
        return Batch([space.with_frames(part, group) for space, part in zip(self.parts, parts, strict=True)])

    def _split(self, frames: torch.Tensor) -> tuple[torch.Tensor, ...]:
        frames = torch.as_tensor(frames)
        if frames.shape != self.frames.shape:
            raise SpaceError(f"expected frames of shape {tuple(self.frames.shape)}, got {tuple(frames.shape)}")
        return frames.split([len(space) for space in self.parts])

    def restrict(self, group: Group, frames: torch.Tensor | None = None) -> Batch:
        """The parts with a smaller structure group, each as it would be by itself."""
        if frames is None:
            return Batch([space.restrict(group) for space in self.parts])
        parts = self._split(frames)
        return Batch([space.restrict(group, part) for space, part in zip(self.parts, parts, strict=True)])

    def to(self, device: Place = None, dtype: torch.dtype | None = None) -> Batch:
        """The batch on a device."""
        if self._is_on(device):
            return self
        return Batch([space.to(device, dtype) for space in self.parts])

    def subset(self, index: torch.Tensor, cells: torch.Tensor | None = None) -> Any:
        """Not defined: take subsets of the parts.

        Raises:
            SpaceError: always.
        """
        raise SpaceError("expected a subset of every part: batched([space.subset(…) for space in batch.parts])")

    def act(self, isometry: Any) -> Any:
        """Not defined: the parts have isometries of their own.

        Raises:
            SpaceError: always.
        """
        raise SpaceError("isometries act on the parts of a batch: space.act(…) for space in batch.parts")

    def __repr__(self) -> str:
        return f"Batch({self.elements} spaces, {len(self)} points, {self.group})"


def batched(spaces: Sequence[Manifold]) -> Batch:
    """Several manifolds with one structure group as one space; features are those of the parts, one after another.

    Raises:
        SpaceError: no space, or spaces of several kinds.
    """
    return Batch(spaces)

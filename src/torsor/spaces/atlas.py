"""Atlases: glued charts with the edges between pixels, other frames, the symmetries and coarser charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

from torsor.errors import SpaceError, is_count
from torsor.groups import Group
from torsor.reps import Representation
from torsor.spaces.edges import Motion
from torsor.spaces.glued import GluedCharts, images, transported
from torsor.spaces.gluing import CELLS, sights, symmetries
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.structure import check_group


class Atlas(GluedCharts):
    """Rectangular charts of a lattice, glued along seams; fields are tensors (batch, channels, charts, H, W).

    The frame at a pixel is that of its chart, in which the tangent vector to the pixel δ steps away is v = B δ. Vectors
    are transported along straight lines of the flat metric, across a seam with transition A by g_{p←q} = B A⁻¹ B⁻¹.
    At cone points geodesics end: what lies straight behind one is not seen. Beyond a boundary there are zeros.

    Args:
        gluing: the charts and their seams.
        group: the structure group; it contains all g_{p←q}.
        masked: pixels that are no points of the space, such as cone points: zero in and out. Flat indices.
        singular: "allow" accepts a structure that jumps across seams: transporters outside the group are dropped, all
            transport is the identity.
        embedding: (charts, H, W, 3) points for drawing; isometries of R³ act through it where it is isometric.
        gauge: (charts, H, W, 2, 2) elements g of the group: the frames are e g⁻¹, with e those of the charts.

    Raises:
        SpaceError: transporters outside the group, with the reason and the smallest group that works; shapes.
    """

    def restrict(self, subgroup: Group) -> Atlas:
        """The same space with a smaller structure group.

        Raises:
            SpaceError: no subgroup, or transporters (or a gauge) outside it.
        """
        check_group(subgroup)
        if not subgroup <= self.group:
            raise SpaceError(f"expected a subgroup of {self.group}, got {subgroup}")
        if self.gauge is not None and not bool(subgroup.contains(self.gauge).all()):
            raise SpaceError(
                f"the frames of this gauge are not those of a {subgroup}-structure; restrict before regauge"
            )
        return replace(self, group=subgroup)

    # ------------------------------------------------------------------------------------------------------- edges

    def neighbours(self, sizes: int | Sequence[int], dilation: Sequence[int] = (1, 1)) -> Neighbours:
        """The edges at the offsets of a kernel, over the flat pixels: v = g_p B δ, weights 1, transporters g_{p←q}."""
        offsets = tuple((a * dilation[0], b * dilation[1]) for a, b in self.window(sizes))
        sight = sights(self.gluing, offsets)
        masked = self._masked
        p, k = np.nonzero((sight.source >= 0) & ~masked[:, None] & ~masked[sight.source])
        q = sight.source[p, k]
        v = torch.from_numpy(np.array(offsets)[k] @ self.gluing.basis.T)
        g = torch.from_numpy(self.gluing.elements[sight.turn[p, k]]) if self.transports else None
        target, source = torch.from_numpy(p), torch.from_numpy(q)
        if self.gauge is not None:
            gauge = self.gauge.double().flatten(0, 2)
            v = torch.einsum("eij,ej->ei", gauge[target], v)
            moved = gauge[target] if g is None else gauge[target] @ g
            g = None if g is None and self.group.order == 1 else moved @ torch.linalg.inv(gauge)[source]
        return Neighbours.from_edges(target, source, v, targets=len(self), sources=len(self), g=g)

    # ------------------------------------------------------------------------------------- other frames, symmetries

    def regauge(self, g: torch.Tensor) -> Atlas:
        """The same space in the frames e g⁻¹, for g (charts, H, W, 2, 2); fields become ρ(g_p) f(p).

        Raises:
            SpaceError: shapes, or elements outside the group.
        """
        g = torch.as_tensor(g)
        if tuple(g.shape) != (*self.shape, 2, 2) or not bool(self.group.contains(g).all()):
            raise SpaceError(
                f"expected elements of {self.group} of shape {(*self.shape, 2, 2)}, one a pixel, got {tuple(g.shape)}"
            )
        return replace(self, gauge=g.double() if self.gauge is None else g.double() @ self.gauge)

    def transform(self, x: torch.Tensor, rep: Representation, g: torch.Tensor | None = None) -> torch.Tensor:
        """ρ(g_p) f(p) for g (charts, H, W, 2, 2); by default the way back to the frames of the charts."""
        self.check(x, rep)
        if g is None and self.gauge is None:
            return x
        g = torch.linalg.inv(self.gauge) if g is None and self.gauge is not None else g
        if g is None or tuple(g.shape) != (*self.shape, 2, 2):
            raise SpaceError(f"expected elements of shape {(*self.shape, 2, 2)}, one a pixel")
        return transported(x.flatten(2), rep, images(rep, g.flatten(0, 2))).view_as(x)

    def symmetries(self) -> tuple[Motion, ...]:
        """All automorphisms of the G-structure that permute the pixels, found from the gluing; the identity first.

        (φf)(p) = ρ(g_p) f(source_p) over the flat pixels; `move` applies them.
        """
        psi, turn = self._symmetries()
        g = torch.from_numpy(self.gluing.elements)[torch.from_numpy(turn)]
        if self.gauge is not None:
            gauge = self.gauge.flatten(0, 2)
            g = gauge @ g @ torch.linalg.inv(gauge)[torch.from_numpy(psi)]
        return tuple(Motion(torch.from_numpy(source), x) for source, x in zip(psi, g, strict=True))

    def shift(self, steps: int, axis: int = 1) -> Motion:
        """The symmetry that moves pixel (0, 0, 0) so many steps along an axis, and with it the axis.

        Raises:
            SpaceError: it ends at a boundary, or it is no symmetry; another axis than 0 or 1, or parts of a step.
        """
        if axis not in (0, 1) or not is_count(abs(steps), 0):
            raise SpaceError(f"expected a whole number of steps along axis 0 or 1, got {steps} along {axis}")
        sign = 1 if steps >= 0 else -1
        pixel, turn = 0, 0
        for _ in range(abs(steps)):
            along = self.gluing.turns[turn][:, axis] * sign
            step = sights(self.gluing, ((int(along[0]), int(along[1])),))
            if step.source[pixel, 0] < 0:
                raise SpaceError(f"{abs(steps)} steps along axis {axis} leave the atlas, or meet a cone point")
            pixel, turn = int(step.source[pixel, 0]), int(self.gluing.product[step.turn[pixel, 0], turn])
        return self._motion_to(pixel, turn)

    def matrices(self) -> torch.Tensor:
        """The orthogonal matrices (k, 3, 3) of the embedding that induce the `symmetries`, in their order.

        Raises:
            SpaceError: no embedding, or one of which they are no isometries, such as that of a Möbius strip.
        """
        if self.embedding is None:
            raise SpaceError(f"expected an atlas with an embedding, such as Icosahedron(r), got {self!r}")
        seen = torch.from_numpy(~self._masked)
        x = self.embedding.double().flatten(0, 2)
        moved = x[torch.from_numpy(self._symmetries()[0])][:, seen]
        found = torch.linalg.lstsq(x[seen].expand_as(moved), moved).solution  # x R = (R⁻¹ xᵀ)ᵀ
        error = torch.maximum((x[seen] @ found - moved).abs().amax(), (found @ found.mT - torch.eye(3)).abs().amax())
        if float(error) > 1e-6 * max(1.0, float(x.abs().max())):
            raise SpaceError(f"expected an embedding of which all symmetries are isometries, that of {self!r} is not")
        return found

    def act(self, isometry: torch.Tensor) -> Motion:
        """The symmetry that an orthogonal matrix (3, 3) of the embedding induces: positions[source] = R⁻¹ positions.

        Raises:
            SpaceError: no embedding, or a matrix that does not permute the pixels or leaves the structure group.
        """
        if self.embedding is None or tuple(isometry.shape) != (3, 3):
            raise SpaceError(f"expected an atlas with an embedding and a matrix (3, 3), got {tuple(isometry.shape)}")
        x = self.embedding.double().flatten(0, 2)
        psi, _ = self._symmetries()
        seen = torch.from_numpy(~self._masked)
        apart = (x[torch.from_numpy(psi)] - x @ isometry.double())[:, seen].abs().amax((1, 2))  # x R = (R⁻¹ xᵀ)ᵀ
        if not len(apart) or float(apart.min()) > 1e-6 * float(x.abs().max()):
            raise SpaceError(
                f"expected an isometry that permutes the pixels and lies in the {self.group}-structure, got one that "
                f"leaves them {float(apart.min()):.1e} apart"
            )
        return self.symmetries()[int(apart.argmin())]

    def move(self, x: torch.Tensor, rep: Representation, motion: Motion) -> torch.Tensor:
        """(φf)(p) = ρ(g_p) f(source_p) of a field (batch, channels, charts, H, W)."""
        self.check(x, rep)
        if len(motion.source) != len(self):
            raise SpaceError(f"expected a motion of {self!r}, got one of {len(motion.source)} points")
        found = self.masking(x).flatten(2).index_select(2, motion.source.to(x.device))
        return transported(found, rep, images(rep, motion.g)).view_as(x)

    def coarsened(self, factor: int = 2) -> Atlas:
        """The atlas of larger cells, or of every second vertex.

        Raises:
            SpaceError: the factor does not divide the charts.
        """
        if self.gauge is not None:
            raise SpaceError("an atlas is coarsened in the frames of its charts; transform(x, rep) returns to them")
        return self._kept(("coarsened", factor), lambda: self._coarsened(factor))

    def _coarsened(self, factor: int) -> Atlas:
        gluing = self.gluing.coarsened(factor)
        cells = gluing.origin == CELLS
        embedding = self.embedding
        if embedding is not None and cells:
            embedding = embedding.unflatten(2, (-1, factor)).unflatten(1, (-1, factor)).mean((2, 4))
        elif embedding is not None:
            embedding = embedding[:, ::factor, ::factor]
        mask = self._masked.reshape(self.shape)
        masked = np.zeros((self.charts, *gluing.shape), bool) if cells else mask[:, ::factor, ::factor]
        if masked.sum() != mask.sum():
            raise SpaceError(f"a factor of {factor} does not keep the masked pixels")
        return Atlas(gluing, self.group, tuple(np.flatnonzero(masked).tolist()), self.singular, embedding)

    def _symmetries(self) -> tuple[np.ndarray, np.ndarray]:
        if "symmetries" not in self._cache:
            self._cache["symmetries"] = symmetries(self.gluing, self._masked, self._allowed)
        return self._cache["symmetries"]

    def _motion_to(self, pixel: int, turn: int) -> Motion:
        """The symmetry φ with φ(0) = pixel and dφ the turn from 0 to the pixel."""
        psi, lin = self._symmetries()
        found = np.flatnonzero((psi[:, pixel] == 0) & (lin[:, pixel] == self.gluing.inverse[turn]))
        if not len(found):
            raise SpaceError(f"no symmetry of the {self.group}-structure takes the first pixel to pixel {pixel}")
        return self.symmetries()[int(found[0])]


def _flatten(atlas: Atlas) -> tuple[list[Any], tuple[Any, ...]]:
    leaves = [x for x in (atlas.embedding, atlas.gauge) if x is not None]
    kinds = (atlas.embedding is not None, atlas.gauge is not None)
    return leaves, (atlas.gluing, atlas.group, atlas.masked, atlas.singular, kinds)


def _unflatten(children: Any, context: tuple[Any, ...]) -> Atlas:
    """Without the checks, which read values: the leaves may be abstract."""
    *symbols, kinds = context
    leaves = iter(children)
    atlas = object.__new__(Atlas)
    values = (*symbols, *(next(leaves) if kind else None for kind in kinds), {})
    names = ("gluing", "group", "masked", "singular", "embedding", "gauge", "_cache")
    for name, value in zip(names, values, strict=True):
        object.__setattr__(atlas, name, value)
    return atlas


_pytree.register_pytree_node(Atlas, _flatten, _unflatten, serialized_type_name="torsor.Atlas")

"""Atlases: charts of a lattice that are glued together, and the padding with transport that the gluing generates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

from torsor.errors import SpaceError, is_count
from torsor.groups import Group
from torsor.reps import Representation
from torsor.spaces.edges import Motion
from torsor.spaces.gluing import CELLS, Gluing, sights, symmetries
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.obstruction import obstruction, transporters
from torsor.spaces.padding import Offsets, Padding, build_padding
from torsor.spaces.structure import check_group


@dataclass(frozen=True, eq=False, repr=False)
class Atlas:
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

    gluing: Gluing
    group: Group
    masked: tuple[int, ...] = ()
    singular: str | None = None
    embedding: torch.Tensor | None = None
    gauge: torch.Tensor | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        check_group(self.group)
        if self.group.dim != 2 or self.group.algebra_array.shape[-1] != 2:
            raise SpaceError(f"expected a structure group of matrices (2, 2), got {self.group}")
        if self.singular not in (None, "allow"):
            raise SpaceError(f'expected singular=None or "allow", got {self.singular!r}')
        moves = transporters(self.gluing)
        if self.singular is None and not bool(np.all(self.group.contains(moves))):
            raise SpaceError(obstruction(self.gluing, self.group))
        for name, value, shape in (("embedding", self.embedding, (3,)), ("gauge", self.gauge, (2, 2))):
            if value is not None and tuple(value.shape) != (*self.shape, *shape):
                raise SpaceError(f"expected a {name} of shape {(*self.shape, *shape)}, got {tuple(value.shape)}")

    @property
    def charts(self) -> int:
        """The number of charts."""
        return self.gluing.charts

    @property
    def shape(self) -> tuple[int, int, int]:
        """(charts, H, W)."""
        return (self.gluing.charts, *self.gluing.shape)

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def mask(self) -> torch.Tensor | None:
        """(charts, H, W) bool, False at masked pixels; None where there are none."""
        if not self.masked:
            return None
        return ~torch.from_numpy(self._masked).view(self.shape)

    @property
    def transports(self) -> bool:
        """Whether any transporter differs from the identity."""
        moves = transporters(self.gluing)
        return bool(np.all(self.group.contains(moves))) and bool(np.abs(moves - np.eye(2)).max(initial=0.0) > 1e-9)

    def __len__(self) -> int:
        return self.gluing.pixels

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": {}}

    def __repr__(self) -> str:
        return f"Atlas({self.charts} charts of {self.gluing.shape[0]} × {self.gluing.shape[1]}, {self.group})"

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Atlas:
        """The atlas itself: indices follow the device of the features, geometry stays in float64."""
        return self

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

    # ----------------------------------------------------------------------------------------------------- padding

    def window(self, sizes: int | Sequence[int]) -> Offsets:
        """The offsets of a kernel of odd sizes whose orbits under the structure group stay in the box.

        Raises:
            SpaceError: sizes that are not odd.
        """
        sizes = (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)
        if len(sizes) != 2 or any(size < 1 or size % 2 == 0 for size in sizes):
            raise SpaceError(f"expected two odd sizes of a kernel on an atlas, got {sizes}")
        half = np.array(sizes) // 2
        box = np.stack(np.meshgrid(*(np.arange(-h, h + 1) for h in half), indexing="ij"), -1).reshape(-1, 2)
        images = np.abs(self.gluing.turns[self._allowed] @ box.T)
        inside = (images <= half[:, None]).all((0, 1))
        return tuple((int(a), int(b)) for a, b in box[inside])

    def plan(
        self, sizes: Sequence[int], dilation: Sequence[int] = (1, 1), device: torch.device | str = "cpu"
    ) -> tuple[Offsets, Padding]:
        """The offsets of a kernel and the padding for it, found once."""

        def make() -> tuple[Offsets, Padding]:
            offsets = tuple((a * dilation[0], b * dilation[1]) for a, b in self.window(sizes))
            return offsets, self.padding(offsets, device)

        return self._kept((tuple(sizes), tuple(dilation), str(device)), make)

    def padding(self, offsets: Offsets, device: torch.device | str = "cpu") -> Padding:
        """How to pad for a kernel with these offsets, found once."""
        return self._kept(
            (offsets, str(device)),
            lambda: build_padding(self.gluing, self.masked, offsets, self.transports).to(torch.device(device)),
        )

    def pad(self, x: torch.Tensor, rep: Representation, margin: int | Sequence[int]) -> torch.Tensor:
        """Every chart with a margin of its neighbours' pixels, transported: ρ(g_{p←q}) f(q).

        (batch, rep.dim, charts, H, W) -> (batch, rep.dim, charts, H + 2m, W + 2m). Pixels that are seen from nowhere
        in the chart (at cone points), and those beyond a boundary, are zero.

        Raises:
            SpaceError: shapes, or an atlas in another gauge, whose pixels share no frame.
        """
        margins = (margin, margin) if isinstance(margin, int) else tuple(margin)
        (a, b), steps = margins, [range(-m, m + 1) for m in margins]
        if len(margins) != 2 or min(a, b) < 0:
            raise SpaceError(f"expected a margin, or one an axis, of 0 pixels or more, got {margin}")
        padding = self.padding(tuple((i, j) for i in steps[0] for j in steps[1]), x.device)
        return self.padded(self.columns(x, rep, padding), padding)

    def columns(self, x: torch.Tensor, rep: Representation, padding: Padding) -> torch.Tensor:
        """(batch, channels, columns) of a `Padding`: the pixels, a zero, and the pixels that are transported."""
        self.check(x, rep)
        if self.gauge is not None:
            raise SpaceError("an atlas is padded in the frames of its charts; transform(x, rep) returns to them")
        x = self.masking(x).flatten(2)
        carried = [
            transported(x.index_select(2, source), rep, matrices)
            for matrices, source in zip(self._images(rep, padding.turns, x), padding.sources, strict=True)
        ]
        return torch.cat([x, x.new_zeros(*x.shape[:2], 1), *carried], dim=2)

    def _images(self, rep: Representation, turns: tuple[int, ...], like: torch.Tensor) -> list[list[torch.Tensor]]:
        """ρ(g) of every turn, a list of the terms' matrices each, computed once."""

        def make() -> list[list[torch.Tensor]]:
            elements = torch.from_numpy(self.gluing.elements)
            return [[m.to(like) for m in images(rep, elements[turn])] for turn in turns]

        return self._kept((rep, turns, str(like.dtype), str(like.device)), make)

    def padded(self, columns: torch.Tensor, padding: Padding) -> torch.Tensor:
        """The padded charts, from the columns of `columns`."""
        (a, b), x = padding.beyond, self.bordered(columns, padding)
        return torch.nn.functional.pad(x, (b, b, a, a)) if a or b else x

    def bordered(self, columns: torch.Tensor, padding: Padding) -> torch.Tensor:
        """The same without the zeros beyond; in memory chart by chart, as convolutions fold them."""
        (charts, rows, width), (a, b) = self.shape, padding.margin
        inner = columns[..., : len(self)].unflatten(-1, self.shape).transpose(1, 2)
        border = columns.index_select(2, padding.border.flatten()).unflatten(-1, (charts, -1)).transpose(1, 2)
        sizes, wide = [a, a, rows, rows], [width + 2 * b] * 2 + [b] * 2
        parts = border.split([m * n for m, n in zip(sizes, wide, strict=True)], dim=-1)
        above, below, left, right = (x.unflatten(-1, (m, n)) for x, m, n in zip(parts, sizes, wide, strict=True))
        return torch.cat([above, torch.cat([left, inner, right], dim=-1), below], dim=-2).transpose(1, 2)

    def check(self, x: torch.Tensor, rep: Representation) -> None:
        """Raise unless x is a field of a type on this atlas.

        Raises:
            SpaceError: expected and received shapes or groups.
        """
        if not torch.compiler.is_compiling() and rep.group != self.group:
            raise SpaceError(f"expected a type of {self.group}, the structure group of the atlas, got {rep}")
        if x.ndim != 5 or tuple(x.shape[2:]) != self.shape or x.shape[1] != rep.dim:
            raise SpaceError(
                f"expected a field (batch, {rep.dim}, {', '.join(map(str, self.shape))}) on {self!r}, got shape "
                f"{tuple(x.shape)}"
            )

    def masking(self, x: torch.Tensor, value: float = 0.0) -> torch.Tensor:
        """x with zeros, or another value, at masked pixels."""
        if not self.masked:
            return x
        hidden = self._kept(
            ("mask", str(x.device)), lambda: torch.from_numpy(self._masked).view(self.shape).to(x.device)
        )
        return x.masked_fill(hidden, value)

    def unmasked(self, x: torch.Tensor) -> torch.Tensor:
        """The values at pixels that are not masked, in one row: (batch, channels, charts, H, W) -> (…, n)."""
        return x.flatten(2).index_select(2, self._compact(x.device)[0])

    def spread(self, row: torch.Tensor) -> torch.Tensor:
        """Inverse of `unmasked`, with zeros at masked pixels."""
        with_zero = torch.nn.functional.pad(row, (0, 1))
        return with_zero.index_select(2, self._compact(row.device)[1]).unflatten(2, self.shape)

    def _compact(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """The pixels that are not masked, and of every pixel its place among them, one past the last where masked."""

        def make() -> tuple[torch.Tensor, torch.Tensor]:
            hidden = set(self.masked)
            there = [p for p in range(len(self)) if p not in hidden]
            place = {p: k for k, p in enumerate(there)}
            places = [place.get(p, len(there)) for p in range(len(self))]
            return torch.tensor(there, device=device), torch.tensor(places, device=device)

        return self._kept(("compact", str(device)), make)

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once; code that is being compiled leaves nothing behind."""
        if torch.compiler.is_compiling() and key not in self._cache:
            return make()
        if key not in self._cache:
            with torch.inference_mode(False):
                self._cache[key] = make()
        return self._cache[key]

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

    @property
    def _masked(self) -> np.ndarray:
        found = np.zeros(len(self), dtype=bool)
        found[list(self.masked)] = True
        return found

    @property
    def _allowed(self) -> np.ndarray:
        return np.asarray(self.group.contains(self.gluing.elements))

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


def images(rep: Representation, g: torch.Tensor) -> list[torch.Tensor]:
    """ρ(g) of every term of a type, in float64."""
    return [term.rho(g.double()) for _, term in rep.terms]


def transported(x: torch.Tensor, rep: Representation, matrices: list[torch.Tensor]) -> torch.Tensor:
    """ρ(g) x, term by term: (batch, rep.dim, n) with the `images` of one element, or of one element a column."""
    parts, found = x.split([m * term.dim for m, term in rep.terms], dim=1), []
    for part, matrix, (m, term) in zip(parts, matrices, rep.terms, strict=True):
        equation = "ij,bmjn->bmin" if matrix.ndim == 2 else "nij,bmjn->bmin"
        found.append(torch.einsum(equation, matrix.to(x), part.unflatten(1, (m, term.dim))).flatten(1, 2))
    return torch.cat(found, dim=1) if len(found) > 1 else found[0]


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

"""Charts of a lattice that are glued together, and the padding with transport that the gluing generates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch

from torsor.errors import SpaceError
from torsor.groups import Group
from torsor.reps import Representation
from torsor.spaces.gluing import Gluing
from torsor.spaces.obstruction import obstruction, transporters
from torsor.spaces.padding import Offsets, Padding, build_padding
from torsor.spaces.structure import check_group


@dataclass(frozen=True, eq=False, repr=False)
class GluedCharts:
    """What an `Atlas`, which explains the attributes, knows of its pixels before any of them is moved.

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
        rows, columns = self.gluing.shape
        return f"{type(self).__name__}({self.charts} charts of {rows} × {columns}, {self.group})"

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Self:
        """The atlas itself: indices follow the device of the features, geometry stays in float64."""
        return self

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

    @property
    def _masked(self) -> np.ndarray:
        found = np.zeros(len(self), dtype=bool)
        found[list(self.masked)] = True
        return found

    @property
    def _allowed(self) -> np.ndarray:
        return np.asarray(self.group.contains(self.gluing.elements))


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

"""Convolution and pooling on atlases: pad every chart with transport, then one ordinary convolution of all charts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, KernelError, SpaceError
from torsor.fibre import Layer
from torsor.fibre.base import check_channels
from torsor.fields import Field
from torsor.kernels import SteerableKernel
from torsor.kernels.lattice import box
from torsor.reps import Representation
from torsor.spaces.atlas import Atlas
from torsor.spaces.gluing import CELLS, HEXAGONAL, SQUARE, unit_steps
from torsor.spaces.padding import Padding


def conv_on_atlas(layer: Any, x: torch.Tensor, atlas: Atlas) -> torch.Tensor:
    """f_out(p) = Σ_δ K(B δ) ρ_in(g_{p←q}) f_in(q) + b over the offsets δ of the stencil, q the pixel δ away from p.

    (batch, in_rep.dim, charts, H, W) -> (batch, out_rep.dim, charts, H, W). In a gauge other than that of the charts
    the sum is done edge by edge, as in `literal_conv`. The padding is found in the first call: make it before
    torch.compile or torch.export.

    Args:
        layer: an `nn.Conv` with odd sizes, stride 1 and padding "same".
        x: the field.
        atlas: where it lives.

    Raises:
        FieldTypeError: strides, groups of channels or paddings, which belong to grids.
        KernelError: a kernel on another lattice.
        SpaceError: the shape or the group of the field.
    """
    dilation = check_layer(layer, atlas)
    if atlas.gauge is not None:
        return literal_conv(layer, x, atlas)
    offsets, padding = atlas.plan(layer.kernel.sizes, dilation, x.device)
    stencil = layer.kernel.stencil()
    columns = atlas.columns(x, layer.in_rep, padding)
    padded = atlas.bordered(columns, padding)
    folded, bias = padded.transpose(1, 2).flatten(0, 1), layer.expanded_bias()
    y = torch.nn.functional.conv2d(folded, stencil, bias, padding=padding.beyond, dilation=dilation)
    y = y.unflatten(0, (len(x), atlas.charts)).transpose(1, 2)
    if len(padding.target):
        taps = _places(offsets, layer.kernel.sizes, dilation)[padding.tap.cpu()].to(x.device)
        y = _corrected(y, columns, padded, padding, stencil.flatten(2)[..., taps])
    return atlas.masking(y)


def _corrected(
    y: torch.Tensor, columns: torch.Tensor, padded: torch.Tensor, padding: Padding, kernel: torch.Tensor
) -> torch.Tensor:
    """Near cone points some pixels see by a tap K (out, in, E) something else than what the padding holds there."""
    error = columns.index_select(2, padding.column) - padded.flatten(2).index_select(2, padding.place)
    change = torch.einsum("oie,bie->boe", kernel.to(error.dtype), error)
    return y.flatten(2).index_add(2, padding.target, change.to(y.dtype)).view_as(y)


def literal_conv(layer: Any, x: torch.Tensor, atlas: Atlas) -> torch.Tensor:
    """The same sum, edge by edge: the reference of `conv_on_atlas`, in any gauge."""
    dilation = check_layer(layer, atlas)
    atlas.check(x, layer.in_rep)
    graph = atlas.neighbours(layer.kernel.sizes, dilation)
    steps = graph.v @ _inverse(atlas, dilation)
    distinct, which = torch.unique(steps.mul(1e6).round(), dim=0, return_inverse=True)
    steps = torch.empty_like(distinct).index_put((which,), steps)
    matrices = kernel_at(layer.kernel, steps)[which.to(x.device)]
    found = x.flatten(2).index_select(2, graph.source.to(x.device)).movedim(2, 1)
    if graph.g is not None:
        found = torch.einsum("eij,bej->bei", layer.in_rep.rho(graph.g).to(found), found)
    messages = torch.einsum("eoi,bei->beo", matrices.to(found), found)
    y = messages.new_zeros(len(x), len(atlas), messages.shape[2]).index_add(1, graph.target.to(x.device), messages)
    bias = layer.expanded_bias()
    y = y if bias is None else y + bias
    return atlas.masking(y.movedim(1, 2).unflatten(2, atlas.shape))


def kernel_at(kernel: SteerableKernel, steps: torch.Tensor) -> torch.Tensor:
    """K at v = B δ for steps δ (n, 2) of the kernel's own lattice, (n, c_out, c_in): its stencil wherever that holds δ.

    Raises:
        KernelError: steps off the lattice, and a stencil that is not K at its offsets.
    """
    place = steps.round()
    if bool((steps - place).abs().max() < 1e-5):
        centre = (torch.tensor(kernel.sizes) - 1) // 2
        index = place.long() + centre
        return kernel.stencil()[:, :, index[:, 0], index[:, 1]].movedim(2, 0)
    if not kernel.spec.is_sampled_plainly(2):
        raise KernelError(
            f"the frames of this gauge turn the offsets of {kernel.spec!r} off the lattice, where its moment-matched "
            "stencil is not defined; take moments=-1, or frames that differ by elements that permute the pixels"
        )
    return kernel(steps @ torch.from_numpy(_lattice(kernel).T.copy()))


def check_layer(layer: Any, atlas: Atlas) -> tuple[int, int]:
    """The dilation of a convolution that an atlas can carry.

    Raises:
        FieldTypeError: strides, groups of channels or paddings, which belong to grids.
        KernelError: a kernel on another lattice.
    """
    if layer.groups > 1 or max(layer.stride) > 1 or not layer.same or layer.padding_mode != "zeros":
        raise FieldTypeError(
            'on an atlas nn.Conv takes stride 1, groups=1, padding="same" and padding_mode="zeros": nn.AtlasPool makes '
            "the charts coarser, and the margin comes from the neighbouring charts"
        )
    if torch.compiler.is_compiling():
        return layer.dilation  # the lattices were compared when the layer ran before
    own, lattice = atlas.gluing.basis, _lattice(layer.kernel)
    apart = np.abs(own / np.linalg.norm(own) - lattice / np.linalg.norm(lattice)).max()
    if apart > 1e-6 and layer.in_rep.group.order != 1 and max(layer.kernel.sizes) > 1:
        raise KernelError(
            f"expected a kernel on the lattice of the atlas, such as kernels.Stencil(3, {_name(atlas)}), got "
            f"{layer.kernel.spec!r}"
        )
    return layer.dilation


class AtlasPool(Layer):
    """A field on the coarser atlas: windows of cells, or the seven vertices around every second one.

    On charts of cells the windows are size × size pixels, which no seam cuts and the structure group has to keep. On
    charts of vertices (the icosahedron) the neighbours are transported to the vertices that remain. Either way pooling
    commutes with every symmetry of the coarser atlas. ``pool(x, atlas)`` takes (batch, rep.dim, charts, H, W);
    ``pool(field)`` gives a field on
    ``atlas.coarsened(size)``, in the frames of its charts.

    Args:
        rep: the type.
        size: the factor; 2 on vertices.
        mode: "mean", for any type, or "max" of every component, for types whose components the group permutes.

    Raises:
        FieldTypeError: an unknown mode, or one that the type does not allow.
    """

    def __init__(self, rep: Representation, size: int = 2, mode: str = "mean") -> None:
        super().__init__(rep, rep)
        if mode not in ("mean", "max") or size < 1:
            raise FieldTypeError(f'expected a size of at least 1 and the mode "mean" or "max", got {size}, {mode!r}')
        for _, term in rep.terms:
            if mode == "max" and not term.is_permutation:
                raise FieldTypeError(
                    f'the maximum of components needs a permutation representation, got {term}; take mode="mean"'
                )
        self.size, self.mode = size, mode

    def forward(self, x: Any, atlas: Atlas | None = None) -> Any:
        """Apply the layer to a tensor (batch, rep.dim, charts, H, W) and its atlas, or to a `Field` on one."""
        if not isinstance(x, torch.Tensor):
            atlas = atlas_of(self, x)
            return Field(self(x.tensor, atlas), self.out_rep, in_charts(atlas).coarsened(self.size))
        check_channels(self, x, self.in_rep)
        return self.compute(x, _required(self, atlas))

    def compute(self, x: torch.Tensor, atlas: Atlas) -> torch.Tensor:  # type: ignore[override]
        x, atlas = atlas.transform(x, self.in_rep), in_charts(atlas)
        coarse = atlas.coarsened(self.size)  # raises where the sizes do not fit
        if atlas.gluing.origin != CELLS:
            return coarse.masking(self._around_vertices(x, atlas))
        if not torch.compiler.is_compiling() and not _keeps_windows(atlas, self.size):
            raise SpaceError(
                f"windows of {self.size} × {self.size} cells are not kept by all of {atlas.group} on the lattice of "
                f"{atlas}; put the pixels on vertices (origin=(0, 0)), or restrict the group"
            )
        pool = torch.nn.functional.avg_pool2d if self.mode == "mean" else torch.nn.functional.max_pool2d
        return pool(x.flatten(1, 2), self.size).unflatten(1, (x.shape[1], atlas.charts))

    def _around_vertices(self, x: torch.Tensor, atlas: Atlas) -> torch.Tensor:
        if self.size != 2:
            raise FieldTypeError(f"vertices are pooled by a factor of 2, got {self.size}; pool several times")
        values, exists = around(x, atlas.masking(x.new_ones(1, 1, *atlas.shape)), self.in_rep, atlas, stride=2)
        if self.mode == "mean":
            return values.sum(0) / exists.sum(0).clamp(min=1)
        return values.masked_fill(exists == 0, -torch.inf).amax(0)

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("AtlasPool has no refinement: its window is bound to the charts")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.size}, mode={self.mode}"


def _keeps_windows(atlas: Atlas, size: int) -> bool:
    """Whether the turns that the structure group allows map a window to a window."""
    window = box((size, size))
    turns = atlas.gluing.turns[np.asarray(atlas.group.contains(atlas.gluing.elements))]
    return all(_as_set(window @ turn.T) == _as_set(window) for turn in turns)


def _as_set(points: np.ndarray) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a, b in np.rint(2 * points)}


class AtlasUnpool(Layer):
    """A field on the finer atlas, the counterpart of `AtlasPool`: every value where it was, and means between.

    On charts of cells each value fills size × size pixels. On charts of vertices those that remain keep their values,
    and the others get the mean of the neighbours that have one, transported. ``unpool(x, fine)`` takes the tensor and
    the finer atlas, of which ``fine.coarsened(size)`` is where x lives, and gives a tensor, both in the frames of the
    charts; ``unpool(field, fine)`` gives a field on `fine`.

    Args:
        rep: any type.
        size: the factor; 2 on vertices.

    Raises:
        FieldTypeError: a size below 1.
    """

    def __init__(self, rep: Representation, size: int = 2) -> None:
        super().__init__(rep, rep)
        if size < 1:
            raise FieldTypeError(f"expected a size of at least 1, got {size}")
        self.size = size

    def forward(self, x: Any, fine: Atlas | None = None) -> Any:
        """Apply the layer to a tensor (batch, rep.dim, charts, H, W), or to a `Field`, and the finer atlas."""
        if not isinstance(fine, Atlas):
            raise SpaceError(f"expected the finer atlas too, unpool(field, fine) or unpool(x, fine), got {fine!r}")
        charts = in_charts(fine)
        if not isinstance(x, torch.Tensor):
            y = self(atlas_of(self, x).transform(x.tensor, self.in_rep), charts)
            return Field(y if fine is charts else fine.transform(y, self.out_rep, fine.gauge), self.out_rep, fine)
        check_channels(self, x, self.in_rep)
        return self.compute(x, charts)

    def compute(self, x: torch.Tensor, fine: Atlas) -> torch.Tensor:  # type: ignore[override]
        fine.coarsened(self.size).check(x, self.in_rep)
        if fine.gluing.origin == CELLS:
            return x.repeat_interleave(self.size, -2).repeat_interleave(self.size, -1)
        wide = x.new_zeros(*x.shape[:2], *fine.shape)
        wide[..., :: self.size, :: self.size] = x
        known = x.new_zeros(1, 1, *fine.shape)
        known[..., :: self.size, :: self.size] = 1.0
        known = fine.masking(known)
        values, exists = around(wide, known, self.in_rep, fine)
        between = values[1:].sum(0) / exists[1:].sum(0).clamp(min=1)
        return fine.masking(torch.where(known > 0, wide, between))

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("AtlasUnpool has no refinement: its window is bound to the charts")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.size}"


class AtlasGlobalPool(Layer):
    """The mean or the largest value over all pixels that are not masked: (batch, channels, …) -> (batch, channels).

    Args:
        rep: scalars; components of other types refer to frames that differ from pixel to pixel.
        mode: "mean" or "max".

    Raises:
        FieldTypeError: other types, or an unknown mode.
    """

    def __init__(self, rep: Representation, mode: str = "mean") -> None:
        super().__init__(rep, rep)
        if mode not in ("mean", "max"):
            raise FieldTypeError(f'expected the mode "mean" or "max", got {mode!r}')
        if not rep.is_trivial:
            raise FieldTypeError(
                f"components of {rep} at two pixels refer to two frames and have no common mean or maximum; make "
                "scalars first, by nn.GroupPool or a convolution to a trivial type"
            )
        self.mode = mode

    def forward(self, x: Any, atlas: Atlas | None = None) -> torch.Tensor:
        """Apply the layer to a tensor and its atlas, or to a `Field` on one; the result is a tensor either way."""
        if not isinstance(x, torch.Tensor):
            return self(x.tensor, atlas_of(self, x))
        check_channels(self, x, self.in_rep)
        return self.compute(x, _required(self, atlas))

    def compute(self, x: torch.Tensor, atlas: Atlas) -> torch.Tensor:  # type: ignore[override]
        atlas.check(x, self.in_rep)
        if self.mode == "mean":
            return atlas.masking(x).sum((2, 3, 4)) / (len(atlas) - len(atlas.masked))
        return atlas.masking(x, -torch.inf).amax((2, 3, 4))


def in_charts(atlas: Atlas) -> Atlas:
    """The atlas in the frames of its charts."""
    return atlas if atlas.gauge is None else replace(atlas, gauge=None)


def atlas_of(layer: Layer, field: Field) -> Atlas:
    """The atlas on which a field lives.

    Raises:
        FieldTypeError: the layer expects another type.
        SpaceError: the field lives on another space.
    """
    field.require(layer)
    return _required(layer, field.space)


def _required(layer: Layer, atlas: Any) -> Atlas:
    if not isinstance(atlas, Atlas):
        raise SpaceError(f"{type(layer).__name__} expects a tensor and its Atlas, or a Field on one, got {atlas!r}")
    return atlas


def around(
    x: torch.Tensor, known: torch.Tensor, rep: Representation, atlas: Atlas, stride: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every pixel, or every second, and its lattice neighbours, transported: the values, and where there are any.

    (offsets, batch, channels, charts, H / stride, W / stride), and the same of `known` (1, 1, charts, H, W), which is 1
    where x has a value.
    """
    offsets = ((0, 0), *unit_steps(atlas.gluing))
    padding = atlas.padding(offsets, x.device)
    padded = atlas.padded(atlas.columns(x, rep, padding), padding)
    flat = torch.cat([known.flatten(2), known.new_zeros(1, 1, 1)], dim=2)
    there = torch.cat([flat, *(flat.index_select(2, source) for source in padding.sources)], dim=2)
    exists = atlas.padded(there, padding)
    return tuple(_slices(y, offsets, atlas.gluing.shape, stride) for y in (padded, exists))  # type: ignore[return-value]


def _slices(
    padded: torch.Tensor, offsets: tuple[tuple[int, int], ...], shape: tuple[int, int], stride: int
) -> torch.Tensor:
    """The values at every pixel of the stride moved by each offset: (offsets, batch, channels, charts, H', W')."""
    (rows, columns), s = shape, stride
    return torch.stack([padded[..., 1 + a : 1 + a + rows : s, 1 + b : 1 + b + columns : s] for a, b in offsets])


def _lattice(kernel: SteerableKernel) -> np.ndarray:
    """The basis of the lattice on which a kernel is sampled; of one tap alone, the square one."""
    sizes = kernel.sizes
    if len(sizes) != 2 or min(sizes) < 2:
        return np.eye(2)
    return np.linalg.lstsq(box(sizes), np.asarray(kernel.spec.offsets(2)), rcond=None)[0].T


def _inverse(atlas: Atlas, dilation: tuple[int, int]) -> torch.Tensor:
    """The matrix that takes v, as a row, to steps of the kernel's lattice."""
    basis = atlas.gluing.basis * np.array(dilation)
    return torch.from_numpy(np.linalg.inv(basis).T.copy())


def _name(atlas: Atlas) -> str:
    known = {SQUARE: "spaces.SQUARE", HEXAGONAL: "spaces.HEXAGONAL"}
    return known.get(atlas.gluing.lattice, str(atlas.gluing.lattice))


def _places(offsets: tuple[tuple[int, int], ...], sizes: tuple[int, ...], dilation: tuple[int, int]) -> torch.Tensor:
    """The place of every offset in the flat stencil."""
    index = np.array(offsets) // np.array(dilation) + (np.array(sizes) - 1) // 2
    return torch.from_numpy(index[:, 0] * sizes[1] + index[:, 1])

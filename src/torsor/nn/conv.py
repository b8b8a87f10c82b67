"""Convolution and transposed convolution with steerable kernels: on grids, and on scattered points."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, is_count
from torsor.fibre.base import as_field, check_channels
from torsor.fibre.steered import Steered
from torsor.fields import Field
from torsor.kernels import KernelSpec, SteerableKernel
from torsor.kernels.lattice import mixed_axes
from torsor.nn.atlas import conv_on_atlas
from torsor.nn.grid import GridLayer, Size, functional, per_axis
from torsor.nn.parts import convolve
from torsor.reps import Representation, direct_sum
from torsor.spaces import Atlas, Grid, LatLon, Neighbours
from torsor.spaces.graph import NORMS

PADDING_MODES = ("zeros", "circular", "reflect", "replicate")


class Conv(GridLayer, Steered):
    """f_out(p) = Σ_v K(v) f_in(p + v) + b with a G-steerable K and an invariant b.

    The layer commutes with translations and with G: conv(g f) = g conv(f), (g f)(p) = ρ(g) f(g⁻¹p). Under lattice
    symmetries this holds to rounding, under other elements of G up to the sampling of K and f.

    On scattered points f_out(p) = Σ_q w_pq K(x_q - x_p) f_in(q) + b, which commutes with all of G, translations and
    permutations to rounding: ``conv(x, points.neighbours(radius))`` for a tensor (points, channels), or ``conv(field)``
    and ``conv(field, target)`` for a `Field` on `spaces.Points`, where the neighbours are found once and kept.

    On a manifold (meshes, spheres, …) f_out(p) = Σ_q w_pq K(v_pq) ρ(g_{p←q}) f_in(q) + b, which depends on no choice of
    frames and commutes with isometries. On an atlas of glued charts the margin of every chart is filled with
    transported values, and one convolution follows.

    Args:
        in_rep: type of the input.
        out_rep: type of the output.
        kernel: how the kernel is solved, such as ``kernels.Harmonic(size=5)``.
        stride: one number or one an axis. A stride is exact only at some sizes; the layer warns at others.
        padding: pixels on both sides, one number or one an axis; "same" is (size-1)//2 · dilation: odd sizes keep the
            size of the input, even ones give one pixel less.
        dilation: distance of the kernel's pixels.
        groups: split the channels into equal groups, each with its own kernel.
        bias: add a learnt vector on the invariants of out_rep.
        padding_mode: "zeros", "circular", "reflect" or "replicate".
        norm: weights of neighbouring points, see `spaces.Points.neighbours`: "mean", "sum" or "density". By default
            what the kernel says: "mean", but "sum" for derivatives.
        k: on points, take the k nearest neighbours only.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        KernelError: the kernel family does not serve the group, or no kernel exists.
        FieldTypeError: sizes, groups or modes that do not fit.
    """

    most_axes = 4
    kernel: SteerableKernel

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        kernel: KernelSpec,
        *,
        stride: Size = 1,
        padding: Size | str = "same",
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        norm: str | None = None,
        k: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not isinstance(kernel, KernelSpec):
            raise FieldTypeError(f"expected a kernel, such as kernels.Harmonic(size=5), got {kernel!r}")
        if norm not in (None, *NORMS) or not (k is None or is_count(k)):
            raise FieldTypeError(f"expected a norm among {NORMS} and a number k of neighbours, got {norm!r}, {k!r}")
        part = _grouped(in_rep, groups, "in_rep")
        _grouped(out_rep, groups, "out_rep")
        if padding_mode not in PADDING_MODES:
            raise FieldTypeError(f"expected a padding mode among {PADDING_MODES}, got {padding_mode!r}")
        if padding_mode != "zeros" and in_rep.group.dim > 3:
            raise FieldTypeError(f'grids of {in_rep.group.dim} axes are padded by "zeros" only, got {padding_mode!r}')
        built = kernel(part, out_rep, device=device, dtype=dtype)
        super().__init__(in_rep, out_rep)
        self.steer(built, bias, device, dtype)
        self.stride = per_axis(stride, self.d, "stride", 1)
        self.dilation = per_axis(dilation, self.d, "dilation", 1)
        self._check_dilation()
        self.same = padding == "same"
        self.padding = _padding(padding, built.sizes, self.dilation)
        self.groups, self.padding_mode = groups, padding_mode
        self.neighbourhood = {**built.spec.graph(in_rep.group), **given(norm=norm, k=k)}

    def _check_dilation(self) -> None:
        apart = np.not_equal.outer(self.dilation, self.dilation)
        if max(self.kernel.sizes) > 1 and apart.any() and (apart & mixed_axes(self.in_rep.group)).any():
            raise FieldTypeError(
                f"expected one dilation for the axes that {self.in_rep.group} mixes, got {self.dilation}: the dilated "
                "kernel would not be steerable"
            )

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.kernel.sizes, self.padding, self.dilation

    def forward(self, x: Any, to: Any = None, attributes: torch.Tensor | None = None) -> Any:
        """Convolve.

        Args:
            x: a tensor (batch, in_rep.dim, *space) on the grid, a tensor (points, in_rep.dim), or a field.
            to: for a tensor on points their `spaces.Neighbours`, whose radius, norm and structure group must be those
                of the layer, which is not checked; for a field on points the points of the output, by default the same.
            attributes: what the kernel depends on besides v, (edges, channels), see `kernels.Implicit`.

        Raises:
            FieldTypeError: the number of channels, or the type of the field, is not `in_rep`.
        """
        if not isinstance(x, torch.Tensor):
            return self.on_field(as_field(self, x), to, attributes)
        if to is None:
            return super().forward(x)
        check_channels(self, x, self.in_rep)
        return self.on_points(x, to, attributes)

    def on_field(self, field: Field, target: Any = None, attributes: torch.Tensor | None = None) -> Field:
        """The field on the same grid or points, or on other points."""
        field.require(self)
        if isinstance(field.space, Grid):
            return Field(self(field.tensor), self.out_rep, self.space_out(field.space))
        if isinstance(field.space, LatLon):
            raise FieldTypeError(
                f"nn.Conv has no neighbourhoods on {field.space!r}: nn.SphericalConv convolves there, and "
                "spaces.Sphere.latlon makes a sphere of points with neighbours"
            )
        if isinstance(field.space, Atlas):
            check_channels(self, field.tensor, self.in_rep)
            if target is not None:
                raise FieldTypeError("on an atlas the output lives where the input does; nn.AtlasPool makes it coarser")
            return Field(conv_on_atlas(self, field.tensor, field.space), self.out_rep, field.space)
        if target is not None and not hasattr(target, "neighbours"):
            raise FieldTypeError(
                f"expected the points of the output, spaces.Points, got {type(target).__name__}; a graph goes with a "
                "tensor, conv(field.tensor, graph)"
            )
        graph = field.space.neighbours(**self.neighbourhood, target=target)
        return Field(
            self.on_points(field.tensor, graph, attributes), self.out_rep, field.space if target is None else target
        )

    def on_points(self, x: torch.Tensor, graph: Neighbours, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """Gather, transport, apply K, sum: (sources, in_rep.dim) -> (targets, out_rep.dim)."""
        if not isinstance(graph, Neighbours):
            raise FieldTypeError(
                f"expected the neighbours of the points, points.neighbours(radius), got {type(graph).__name__}; "
                "with a Field the second argument is the points of the output"
            )
        if x.dtype != self.weight.dtype and not torch.is_autocast_enabled(x.device.type):
            raise FieldTypeError(f"expected features of {self.weight.dtype}, the dtype of the layer, got {x.dtype}")
        if self.groups > 1 or max(self.stride) > 1 or max(self.dilation) > 1:
            raise FieldTypeError("groups, stride and dilation belong to grids; on points take target points instead")
        same = self.same or self.padding == _padding("same", self.kernel.sizes, self.dilation)
        if not same or self.padding_mode != "zeros":
            raise FieldTypeError('on points nn.Conv takes padding="same" and padding_mode="zeros": they have no margin')
        if x.ndim != 2 or len(x) != graph.sources or graph.dim != self.d:
            raise FieldTypeError(
                f"Conv of {self.in_rep.group} expects features ({graph.sources}, {self.in_rep.dim}) at the sources of "
                f"a graph in R^{self.d}, got shape {tuple(x.shape)} and a graph in R^{graph.dim}"
            )
        y, bias = self.kernel.apply_to(x, graph.like(self.weight), attributes), self.expanded_bias()
        return y if bias is None else y + bias

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        padding = self.padding
        if self.padding_mode != "zeros":
            x = torch.nn.functional.pad(x, [p for p in reversed(padding) for _ in (0, 1)], self.padding_mode)
            padding = (0,) * self.d
        conv, bias = functional("conv", self.d), self.expanded_bias()
        if self.kernel.parts and self.groups == 1:
            y = convolve(x, self.kernel, self.stride, padding, self.dilation)
            return y if bias is None else y + bias.to(y.dtype).view(-1, *[1] * self.d)
        return conv(x, self.kernel.stencil(), bias, self.stride, padding, self.dilation, self.groups)

    @torch.no_grad()
    def freeze(self) -> torch.nn.Module:
        """The equivalent `torch.nn.Conv{d}d`; for points (kernels with a radius) and in R⁴ a copy of the layer."""
        if self.kernel.spec.is_for_points or self.d > 3:
            return deepcopy(self).eval()
        bias, weight = self.expanded_bias(), self.kernel.stencil()
        plain = functional("Conv", self.d)(
            self.in_rep.dim,
            self.out_rep.dim,
            self.kernel.sizes,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            bias is not None,
            self.padding_mode,
            device=weight.device,
            dtype=weight.dtype,
        )
        _fill(plain, weight, bias)
        return plain.eval()

    @torch.no_grad()
    def refined(self, factor: int) -> Conv:
        """The layer whose kernel, the same function, is sampled on a grid that is finer by a factor.

        Raises:
            KernelError: the kernel is bound to its lattice.
        """
        if not self.same:
            raise FieldTypeError('only padding="same" has a meaning on a finer grid')
        fine = Conv(
            self.in_rep,
            self.out_rep,
            self.kernel.spec.refined(factor),
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias is not None,
            padding_mode=self.padding_mode,
            device=self.weight.device,
            dtype=self.weight.dtype,
        )
        fine.load_state_dict(self.state_dict())
        return fine.train(self.training)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, stride={self.stride}, padding={self.padding}, groups={self.groups}"


class ConvTranspose(GridLayer, Steered):
    """f_out(p) = Σ_q K(s q - p) f_in(q) + b: the adjoint arrangement of `Conv`, for up-sampling by the stride s.

    The size becomes (N-1)·s - 2·padding + k, which is symmetric for every N; there is no one-sided output padding.

    Args:
        in_rep: type of the input.
        out_rep: type of the output.
        kernel: how the kernel is solved.
        stride: the factor of the up-sampling.
        padding: pixels cut off on both sides.
        bias: add a learnt vector on the invariants of out_rep.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        KernelError: the kernel family does not serve the group, or no kernel exists.
    """

    kernel: SteerableKernel

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation,
        kernel: KernelSpec,
        *,
        stride: Size = 1,
        padding: Size = 0,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        built = kernel(in_rep, out_rep, device=device, dtype=dtype)
        super().__init__(in_rep, out_rep)
        self.steer(built, bias, device, dtype)
        self.factor = per_axis(stride, self.d, "stride", 1)
        self.padding = per_axis(padding, self.d, "padding")

    def filters(self) -> torch.Tensor:
        """(in, out, *sizes), as ``torch.nn.functional.conv_transpose_nd`` takes it: the kernel turned by v ↦ -v."""
        return self.kernel.stencil().transpose(0, 1).flip(tuple(range(2, 2 + self.d)))

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        self.check_grid(x)
        conv = functional("conv_transpose", self.d)
        return conv(x, self.filters(), self.expanded_bias(), self.factor, self.padding)

    @torch.no_grad()
    def freeze(self) -> torch.nn.Module:
        """The equivalent `torch.nn.ConvTranspose{d}d`."""
        bias, weight = self.expanded_bias(), self.filters()
        plain = functional("ConvTranspose", self.d)(
            self.in_rep.dim,
            self.out_rep.dim,
            self.kernel.sizes,
            self.factor,
            self.padding,
            bias=bias is not None,
            device=weight.device,
            dtype=weight.dtype,
        )
        _fill(plain, weight, bias)
        return plain.eval()

    def refined(self, factor: int) -> torch.nn.Module:
        raise FieldTypeError("a transposed convolution has no refinement: its stride is bound to the grid")

    def space_out(self, space: Any) -> Any:
        return space.coarsened(tuple(1 / f for f in self.factor)) if isinstance(space, Grid) else space


def _fill(plain: Any, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
    plain.weight.copy_(weight)
    if bias is not None:
        plain.bias.copy_(bias)


def _padding(padding: Size | str, sizes: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    if padding == "same":
        return tuple((k - 1) // 2 * e if k % 2 else (k - 1) * e // 2 for k, e in zip(sizes, dilation, strict=True))
    if isinstance(padding, str):
        raise FieldTypeError(f'expected a padding in pixels or "same", got {padding!r}')
    return per_axis(padding, len(sizes), "padding")


def _grouped(rep: Representation, groups: int, name: str) -> Representation:
    """The part of a type that each of equal groups of channels has."""
    if not isinstance(rep, Representation):
        raise FieldTypeError(f"expected a representation as {name}, such as 8 * reps.regular(group), got {rep!r}")
    if groups == 1:
        return rep
    fields = [term for m, term in rep.terms for _ in range(m)]
    size = len(fields) // groups if groups > 0 else 0
    if groups < 1 or len(fields) % groups or fields != fields[:size] * groups:
        raise FieldTypeError(f"expected {name} to consist of {groups} equal parts, one for each group, got {rep}")
    return direct_sum([(1, term) for term in fields[:size]])


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}

"""Figures of kernels as functions on a plane through the origin, with the orbits on which the group moves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, KernelError
from torsor.kernels import SteerableKernel
from torsor.kernels.quadric import signature
from torsor.plot.canvas import FAINT, INK, Page, Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXELS, SIDE, GAP, LEFT, HEAD = 121, 1.25, 0.12, 2.1, 0.3


def slices(
    *kernels: Any, axes: Sequence[tuple[int, int]] = ((0, -1),), extent: float | None = None, title: str = ""
) -> Figure:
    """Draw every entry of K(v) on planes of R^d: a row for each kernel, a column for each entry.

    Lines are the orbits η(v,v) = const: circles where the group turns, hyperbolas where it boosts, and the light cone.
    The first axis of a plane points down, the second to the right. Every entry has its own scale, symmetric about zero.

    Args:
        kernels: steerable kernels, or layers that have one; they are defined everywhere.
        axes: the two axes that span the plane, one pair for all kernels or one a kernel.
        extent: half the side of the window, in the units of v; by default the largest reach of the kernels.
        title: of the figure.

    Raises:
        FieldTypeError: no kernel, or as many planes as neither one nor kernels.
        KernelError: a kernel on a line, or one that is defined on a lattice only.
        MissingExtraError: matplotlib is not installed.
    """
    shown = [getattr(kernel, "kernel", kernel) for kernel in kernels]
    planes = list(axes) * len(shown) if len(axes) == 1 else list(axes)
    if not shown or len(planes) != len(shown) or any(not isinstance(k, SteerableKernel) for k in shown):
        raise FieldTypeError(f"expected steerable kernels, and one plane or one for each, got {kernels!r} and {axes!r}")
    reach = extent or max(kernel.spec.reach(kernel.in_rep.group) for kernel in shown)
    values = [plane_values(kernel, plane, reach) for kernel, plane in zip(shown, planes, strict=True)]
    entries = max(v.shape[0] * v.shape[1] for v in values)
    page = Page(LEFT + entries * (SIDE + GAP), HEAD + len(shown) * (SIDE + 2 * GAP + HEAD / 2))
    page.text(GAP, GAP, title, 10)
    for row, (kernel, plane, value) in enumerate(zip(shown, planes, values, strict=True)):
        top = HEAD + GAP + row * (SIDE + 2 * GAP + HEAD / 2)
        _labels(page, kernel, plane, top)
        flat = value.reshape(-1, *value.shape[2:])
        for column, image in enumerate(flat):
            place = page.axes(LEFT + column * (SIDE + GAP), top, SIDE, SIDE)
            _tile(place, image, max(np.abs(image).max(), 1e-6 * np.abs(flat).max()), kernel, plane, reach)
    return page.figure


def plane_values(kernel: SteerableKernel, plane: tuple[int, int], reach: float) -> np.ndarray:
    """K on a square of a plane: (c_out, c_in, pixels, pixels), the first axis of the plane along the first pixel axis.

    Raises:
        KernelError: a kernel on a line, or one that is defined on a lattice only.
    """
    d = kernel.in_rep.group.dim
    if d < 2 or kernel.spec.is_bound_to_lattice:
        raise KernelError(
            f"expected kernels that are functions on a plane, got {kernel.spec!r} of {kernel.in_rep.group}"
        )
    line = torch.linspace(-reach, reach, PIXELS, dtype=torch.float64)
    v = torch.zeros(PIXELS, PIXELS, d, dtype=torch.float64)
    v[..., plane[0]], v[..., plane[1]] = torch.meshgrid(line, line, indexing="ij")
    with torch.no_grad():
        found = kernel(v.flatten(0, 1).to(next(kernel.parameters())))
    return found.permute(1, 2, 0).unflatten(-1, (PIXELS, PIXELS)).double().cpu().numpy()


def _labels(page: Page, kernel: SteerableKernel, plane: tuple[int, int], top: float) -> None:
    group, d = kernel.in_rep.group, kernel.in_rep.group.dim
    across = " and ".join(str(axis % d) for axis in plane)
    page.text(GAP, top, str(group), 9, weight="bold")
    page.text(GAP, top + 0.2, f"{kernel.in_rep.name} →\n{kernel.out_rep.name}", 8)
    page.text(GAP, top + 0.55, f"plane of axes {across}", 8, color=FAINT)


def _tile(
    place: Axes, image: np.ndarray, largest: float, kernel: SteerableKernel, plane: tuple[int, int], reach: float
) -> None:
    scale = Scale(largest or 1.0)
    window = (-reach, reach, reach, -reach)
    place.imshow(image, extent=window, interpolation="nearest", **scale.style())
    time, _ = signature(kernel.in_rep.group) or (0, 0)
    signs = [-1.0 if axis % kernel.in_rep.group.dim < time else 1.0 for axis in plane]
    line = np.linspace(-reach, reach, PIXELS)
    square = signs[0] * line[:, None] ** 2 + signs[1] * line[None, :] ** 2
    levels = reach**2 * np.array([-0.5, -0.1, 0.1, 0.5])
    style = {"colors": INK, "linestyles": "solid", "linewidths": 0.4}
    place.contour(line, line, square, levels=levels, **style)
    if signs[0] != signs[1]:
        place.contour(line, line, square, levels=[0.0], **{**style, "linestyles": "dashed", "linewidths": 0.7})

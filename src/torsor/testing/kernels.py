"""The laws of a steerable kernel."""

from __future__ import annotations

import copy

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.kernels import ExpandedKernel, FeaturedKernel, SteerableKernel
from torsor.testing.draw import draw
from torsor.testing.symbolic import check_symbolic
from torsor.testing.verdict import require_close, require_that


def check_kernel(kernel: SteerableKernel, tolerance: float = 1e-10, samples: int = 8, seed: int = 0) -> None:
    """Check a kernel in float64: steerability, its stencil, all expansions with their gradients, its named blocks.

    The constraint K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹ is checked at random points (at lattice offsets, for
    kernels that are defined on a lattice only), for elements near the identity, uniform, and far out.

    Args:
        kernel: built by a `KernelSpec`; a copy in float64 is checked.
        tolerance: relative to the largest entry of the kernel (times the size of the elements, far out).
        samples: points, and elements in each regime.
        seed: of points and elements.

    Raises:
        ConformanceError: naming the law that is broken.
    """
    kernel = copy.deepcopy(kernel).double()
    stored = {name for name, _ in kernel.named_parameters()}
    require_that(set(kernel.state_dict()) == stored, f"the state_dict of {kernel} holds more than its parameters")
    points = _points(kernel, samples, seed)
    _check_values(kernel, points)
    for regime, g in draw(kernel.in_rep.group, samples, seed).items():
        _check_constraint(kernel, points, g, tolerance, regime)
    _check_stencil(kernel, tolerance)
    if isinstance(kernel, ExpandedKernel):
        if not isinstance(kernel, FeaturedKernel):
            _check_expansions(kernel, seed)
        _check_blocks(kernel)
    check_symbolic(kernel.spec)


def _points(kernel: SteerableKernel, samples: int, seed: int) -> torch.Tensor:
    """The origin and random points within the kernel, or random offsets where only those are allowed."""
    generator, group = torch.Generator().manual_seed(seed), kernel.in_rep.group
    points = torch.randn(samples, group.dim, generator=generator, dtype=torch.float64)
    points = points * kernel.spec.reach(group) / 3
    points[0] = 0.0
    try:
        kernel(points)
    except KernelError:
        offsets = torch.from_numpy(_offsets(kernel))
        return offsets[torch.randperm(len(offsets), generator=generator)[:samples]]
    return points


def _has_stencil(kernel: SteerableKernel) -> bool:
    """Whether the kernel reaches beyond one pixel of its grid."""
    return max(kernel.sizes) > 1 or kernel.spec.is_bound_to_lattice


def _offsets(kernel: SteerableKernel) -> np.ndarray:
    return kernel.spec.offsets(kernel.in_rep.group.dim)


def _check_values(kernel: SteerableKernel, v: torch.Tensor) -> None:
    value, shape = kernel(v), (len(v), kernel.out_rep.dim, kernel.in_rep.dim)
    require_that(value.shape == shape, f"K(v) of {kernel} has shape {tuple(value.shape)}, expected {shape}")
    require_that(torch.isfinite(value).all(), f"K(v) of {kernel} is not finite")
    require_that(value.abs().max() > 0, f"{kernel} vanishes at random points within its reach")


def _check_constraint(kernel: SteerableKernel, v: torch.Tensor, g: torch.Tensor, tolerance: float, regime: str) -> None:
    group = kernel.in_rep.group
    move = group.action(g)
    value, out, into = kernel(v), kernel.out_rep.rho(g), kernel.in_rep.rho(group.inverse(g))
    det = torch.linalg.det(move).abs()[:, None, None, None]
    expected = out[:, None] @ value @ into[:, None] / det
    moved = kernel(torch.einsum("gij,nj->gni", move, v))
    inside = kernel.out_rep.interior(g)[:, None, :, None] & kernel.in_rep.interior(g)[:, None, None, :]
    moved, expected = moved * inside, expected * inside  # of a window of scales, what both sides determine
    scale = float(value.detach().abs().max() * max(1, out.abs().max()) * max(1, into.abs().max()))
    scale *= max(1.0, float(move.abs().max()) ** 2)  # rounding gv changes η(gv, gv) by so much
    require_close(
        moved, expected, tolerance, f"K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹ of {kernel} ({regime})", scale
    )


def _check_stencil(kernel: SteerableKernel, tolerance: float) -> None:
    if not _has_stencil(kernel):
        return
    stencil = kernel.stencil()
    shape = (kernel.out_rep.dim, kernel.in_rep.dim, *kernel.sizes)
    require_that(stencil.shape == shape, f"the stencil of {kernel} has shape {tuple(stencil.shape)}")
    if not kernel.spec.is_sampled_plainly(len(kernel.sizes)):
        return
    values = kernel(torch.from_numpy(_offsets(kernel))).permute(1, 2, 0).reshape(shape)
    require_close(stencil, values, tolerance, f"the stencil of {kernel} is K at its offsets")


def _check_expansions(kernel: ExpandedKernel, seed: int) -> None:
    """All ways to expand give the kernel and the gradient of the dense one."""
    results = []
    for method in ("dense", "rows", "factored"):
        other = ExpandedKernel(kernel.spec, kernel.in_rep, kernel.out_rep, method=method, dtype=torch.float64)
        other.load_state_dict(kernel.state_dict())
        expanded = other.expand()
        noise = torch.randn(expanded.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        (gradient,) = torch.autograd.grad((expanded * noise).sum(), other.weight)
        results.append((method, expanded, gradient))
    (_, dense, slope), *others = results
    for method, expanded, gradient in others:
        require_close(expanded, dense, 1e-12, f"the {method} and the dense expansion of {kernel} agree")
        require_close(
            gradient, slope, 1e-12, f"the gradients of both, the {method} and the dense expansion, of {kernel}"
        )


def _check_blocks(kernel: ExpandedKernel) -> None:
    """The named blocks are views, and every weight is in exactly one of them."""
    n = kernel.weight.numel()
    with torch.no_grad():
        kernel.weight.copy_(torch.arange(n))
        views = kernel.blocks()
        entries = torch.cat([view.flatten() for view in views.values()])
        require_that(
            torch.equal(entries.sort().values, torch.arange(n, dtype=entries.dtype)),
            f"the blocks of {kernel} do not cover its weight exactly once",
        )
        for view in views.values():
            view.fill_(-1.0)
    require_that(bool(torch.all(kernel.weight == -1)), f"the blocks of {kernel} are copies, not views")

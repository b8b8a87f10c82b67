"""The laws of a representation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from torsor.linalg import block_diagonal, expm
from torsor.reps import PartialRepresentation, Representation, decompose, hom
from torsor.testing.draw import draw
from torsor.testing.symbolic import check_symbolic
from torsor.testing.verdict import require_close, require_that


def check_representation(rho: Representation, tolerance: float = 1e-10, samples: int = 8, seed: int = 0) -> None:
    """Check a representation: homomorphism, derivative, NumPy and torch, gradients, flags, decomposition, copies.

    Elements are drawn near the identity, uniformly, and, for non-compact groups, far out; errors are relative to the
    size of the matrices that are multiplied.

    Args:
        rho: any `Representation`.
        tolerance: relative, float64.
        samples: elements in each regime.
        seed: of the random elements.

    Raises:
        ConformanceError: naming the law that is broken.
    """
    for regime, g in draw(rho.group, samples, seed).items():
        _check_homomorphism(rho, g, tolerance, regime)
        _check_dual(rho, g, tolerance, regime)
        _check_kinds_of_array(rho, g, regime)
    _check_derivative(rho, tolerance, seed)
    _check_gradient(rho, tolerance, seed)
    _check_channels(rho)
    if any(isinstance(term, PartialRepresentation) for _, term in rho.terms):
        return check_symbolic(rho)  # the flags and the irreps are those of the whole, which has no matrices
    _check_flags(rho, samples, seed)
    if rho.invariant_form is not None:
        _check_decomposition(rho, tolerance, samples, seed)
    check_symbolic(rho)


def _size(*matrices: torch.Tensor | np.ndarray) -> float:
    """The product of the largest entries: what rounding errors of a matrix product scale with."""
    return max(1.0, float(np.prod([float(abs(m).max()) for m in matrices])))


def _check_homomorphism(rho: Representation, g: torch.Tensor, tolerance: float, regime: str) -> None:
    where = f"of {rho} ({regime})"
    h, one = g.roll(1, 0), torch.eye(g.shape[-1], dtype=g.dtype)
    image, other, inverse = rho.rho(g), rho.rho(h), rho.rho(rho.group.inverse(g))
    require_that(image.shape == (len(g), rho.dim, rho.dim), f"the image {where} has shape {tuple(image.shape)}")
    eye = np.eye(rho.dim)
    require_close(rho.rho(one), eye, tolerance, f"ρ(e) = 1 {where}")
    scale = _size(image, other) * _size(g, h)
    inside = rho.interior(g)[..., None]  # of a window of scales, the components that it determines
    require_close(rho.rho(g @ h) * inside, image @ other * inside, tolerance, f"ρ(gh) = ρ(g)ρ(h) {where}", scale)
    expected = np.broadcast_to(eye, image.shape) * inside.numpy()
    require_close(
        image @ inverse * inside, expected, tolerance, f"ρ(g)ρ(g⁻¹) = 1 {where}", _size(image, inverse) * _size(g, g)
    )


def _check_dual(rho: Representation, g: torch.Tensor, tolerance: float, regime: str) -> None:
    dual, image = rho.dual(), rho.rho(g)
    pairing = dual.rho(g).mT @ image
    inside = rho.interior(rho.group.inverse(g))[..., None]
    expected = np.broadcast_to(np.eye(rho.dim), image.shape) * inside.numpy()
    scale = _size(image, dual.rho(g)) * _size(g, g)
    require_close(pairing * inside, expected, tolerance, f"ρ*(g)ᵀρ(g) = 1 of {rho} ({regime})", scale)
    require_that(dual.dual() == rho, f"the dual of the dual of {rho} is {dual.dual()}")


def _check_kinds_of_array(rho: Representation, g: torch.Tensor, regime: str) -> None:
    """NumPy and torch, float32, and any batch shape give the same matrices."""
    image = rho.rho(g)
    require_that(image.dtype == g.dtype, f"ρ(g) of {rho} has dtype {image.dtype} for g of {g.dtype}")
    require_close(rho.rho(g.numpy()), image, 1e-12, f"NumPy and torch agree of {rho} ({regime})", _size(image, g))
    single = rho.rho(g.float())
    require_that(single.dtype == torch.float32, f"ρ(g) of {rho} has dtype {single.dtype} for float32 elements")
    require_close(single, image, 1e-4, f"float32 and float64 agree of {rho} ({regime})", _size(image, g, g))
    require_close(rho.rho(g[0]), image[0], 1e-12, f"one element and a batch agree of {rho}", _size(image, g))
    batch = rho.rho(g[: len(g) // 2 * 2].unflatten(0, (2, -1)))
    require_close(batch.flatten(0, 1), image[: len(g) // 2 * 2], 1e-12, f"batch shapes agree of {rho}", _size(image, g))


def _lie(rho: Representation, n: int, seed: int) -> np.ndarray:
    """The Lie algebra basis and n random combinations of it."""
    algebra = rho.group.algebra_array
    coordinates = np.random.default_rng(seed).normal(size=(n, len(algebra)))
    return np.concatenate([algebra, np.einsum("nk,kij->nij", coordinates, algebra)])


def _check_derivative(rho: Representation, tolerance: float, seed: int) -> None:
    if rho.group.is_enumerable:
        return
    a = _lie(rho, 3, seed)
    slope, step = rho.derivative(a), 1e-4
    require_that(slope.shape == (len(a), rho.dim, rho.dim), f"dρ of {rho} has shape {slope.shape}")
    difference = (rho.rho(expm(step * a)) - rho.rho(expm(-step * a))) / (2 * step)
    require_close(slope, difference, 1e-5, f"dρ(a) is the derivative of ρ(exp ta) of {rho}", _size(slope) ** 3)
    for t in (0.1, 1.0):
        image = rho.rho(expm(t * a))
        require_close(expm(t * slope), image, tolerance, f"exp(t dρ(a)) = ρ(exp ta) of {rho}", _size(image, image))
    bracket, b = a @ a[::-1] - a[::-1] @ a, slope[::-1]
    require_close(rho.derivative(bracket), slope @ b - b @ slope, tolerance, f"dρ[a, b] = [dρ(a), dρ(b)] of {rho}")
    require_close(rho.derivative(torch.from_numpy(a)), slope, 1e-12, f"dρ agrees in NumPy and torch of {rho}")


def _check_gradient(rho: Representation, tolerance: float, seed: int) -> None:
    """d/dt ⟨W, ρ(g exp ta)⟩ at t = 0 by autograd is ⟨W, ρ(g) dρ(a)⟩."""
    if rho.group.is_enumerable:
        return
    a = torch.from_numpy(_lie(rho, 1, seed)[-1])
    for regime, g in draw(rho.group, 3, seed).items():
        t = torch.zeros(len(g), dtype=torch.float64, requires_grad=True)
        moved = rho.rho(g @ torch.matrix_exp(t[:, None, None] * a))
        weight = torch.randn(rho.dim, rho.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        if moved.requires_grad:
            (slope,) = torch.autograd.grad((moved * weight).sum(), t)
        else:
            slope = torch.zeros_like(t)
        expected = (rho.rho(g) @ rho.derivative(a) * weight).sum((-1, -2))
        scale = _size(rho.rho(g), rho.derivative(a)) * _size(g, g) * rho.dim
        require_close(slope, expected, tolerance, f"the gradient flows through ρ of {rho} ({regime})", scale)


def _check_channels(rho: Representation) -> None:
    require_that(rho.dim == sum(m * term.dim for m, term in rho.terms), f"the terms of {rho} do not fill it")
    stops = [0]
    for place, term in rho.fields:
        require_that(place.start == stops[-1] and place.stop - place.start == term.dim, f"fields of {rho} overlap")
        stops.append(place.stop)
    require_that(stops[-1] == rho.dim, f"the fields of {rho} do not fill it")


def _check_flags(rho: Representation, samples: int, seed: int) -> None:
    """Each flag says what the images of the elements (of all, if they are few) say."""
    regimes = draw(rho.group, samples, seed)
    g = rho.group.elements() if (rho.group.order or 10**9) <= 200 else torch.cat(list(regimes.values()))
    image, one = rho.rho(g).numpy(), np.eye(rho.dim)
    _check_flag(rho, "is_orthogonal", lambda: np.abs(image.swapaxes(-1, -2) @ image - one).max() < 1e-8)
    _check_flag(rho, "is_trivial", lambda: np.abs(image - one).max() < 1e-8)
    _check_flag(rho, "is_signed_permutation", lambda: _permutes(np.abs(image)))
    _check_flag(rho, "is_permutation", lambda: _permutes(image))


def _check_flag(rho: Representation, name: str, truth: Callable[[], object]) -> None:
    flag, expected = getattr(rho, name), bool(truth())
    require_that(flag == expected, f"{name} of {rho} is {flag}, and its matrices say {expected}")


def _permutes(image: np.ndarray) -> bool:
    binary = np.minimum(np.abs(image), np.abs(image - 1)).max() < 1e-8
    return bool(binary and np.abs(image.sum(-1) - 1).max() < 1e-8 and np.abs(image.sum(-2) - 1).max() < 1e-8)


def _check_decomposition(rho: Representation, tolerance: float, samples: int, seed: int) -> None:
    """Q (⊕ irreps) Q⁻¹ = ρ, with Q orthogonal iff ρ is, and distinct irreducible blocks."""
    found, n = decompose(rho), rho.dim
    require_that(sum(m * sigma.dim for m, sigma in found.blocks) == n, f"the irreps do not fill {rho}")
    condition = _size(found.basis, found.inverse)
    require_close(found.basis @ found.inverse, np.eye(n), tolerance, f"Q Q⁻¹ = 1 of {rho}", condition)
    if rho.is_orthogonal:
        require_close(found.basis.T, found.inverse, tolerance, f"Q of the orthogonal {rho} is orthogonal")
    for regime, g in draw(rho.group, samples, seed).items():
        parts = [image for m, sigma in found.blocks for image in [sigma.rho(g)] * m]
        rebuilt = found.basis @ block_diagonal(parts).numpy() @ found.inverse
        require_close(rebuilt, rho.rho(g), tolerance, f"Q (⊕ irreps) Q⁻¹ = ρ of {rho} ({regime})", condition)
    sigmas = [sigma for _, sigma in found.blocks]
    for i, sigma in enumerate(sigmas):
        require_that(_is_irreducible(sigma), f"{sigma}, a block of {rho}, is reducible")
        for other in sigmas[:i]:
            require_that(not len(hom(other, sigma)), f"the blocks {other} and {sigma} of {rho} are equivalent")


def _is_irreducible(sigma: Representation) -> bool:
    """Whether only multiples of 1 commute with σ and are symmetric in its invariant form, as projections would be."""
    form, maps = sigma.invariant_form, hom(sigma, sigma).numpy()
    if form is None:
        return False
    symmetric = maps + np.linalg.inv(form) @ maps.swapaxes(-1, -2) @ form
    return bool(np.linalg.matrix_rank(symmetric.reshape(len(maps), -1), tol=1e-6) == 1)

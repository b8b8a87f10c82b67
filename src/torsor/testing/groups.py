"""The laws of a matrix group."""

from __future__ import annotations

import numpy as np
import torch

from torsor.groups import Group
from torsor.linalg import expm
from torsor.testing.draw import draw
from torsor.testing.symbolic import check_symbolic
from torsor.testing.verdict import require_close, require_that


def check_group(group: Group, samples: int = 16, tolerance: float = 1e-9, seed: int = 0) -> None:
    """Check a group: shapes, membership, closure, inverses, enumeration, flags, sampling and copies.

    Args:
        group: any `Group`.
        samples: random elements in each regime (near the identity, uniform, far out).
        tolerance: of inverses and of the Lie algebra, relative to the size of the elements.
        seed: of the random elements.

    Raises:
        ConformanceError: naming the law that is broken.
    """
    _check_shapes(group)
    _check_algebra(group, tolerance)
    _check_flags(group, samples, seed)
    for regime, g in draw(group, samples, seed).items():
        _check_membership(group, g, regime)
        _check_inverses(group, g, regime, tolerance)
    _check_outside(group, samples, seed)
    if group.is_enumerable:
        _check_enumeration(group)
    _check_sampling(group, seed)
    check_symbolic(group)


def _check_shapes(group: Group) -> None:
    n = group.algebra_array.shape[-1]
    for name in ("algebra", "generators"):
        value = getattr(group, name)
        require_that(value.shape[1:] == (n, n), f"{group}.{name}: expected (·, {n}, {n}), got {tuple(value.shape)}")
        require_that(value.dtype == torch.float64, f"{group}.{name}: expected float64, got {value.dtype}")
    action = group.action(torch.eye(n, dtype=torch.float64))
    require_close(action, np.eye(group.dim), 0.0, f"the action of the identity of {group}")


def _check_algebra(group: Group, tolerance: float) -> None:
    """exp(a) lies in G; brackets and conjugates of a lie in the span of the algebra, whose basis is independent."""
    algebra, generators = group.algebra_array, group.generator_array
    if not len(algebra):
        return
    flat = algebra.reshape(len(algebra), -1)
    require_that(np.linalg.matrix_rank(flat) == len(flat), f"the Lie algebra of {group} is linearly dependent")
    for t in (0.1, -1.0):
        require_that(group.contains(expm(t * algebra)).all(), f"exp(a) of a Lie algebra basis leaves {group}")
    brackets = algebra[:, None] @ algebra[None] - algebra[None] @ algebra[:, None]
    moved = generators[:, None] @ algebra[None] @ np.linalg.inv(generators)[:, None]
    for what, elements in {"a bracket": brackets, "a conjugate": moved}.items():
        rows = elements.reshape(-1, flat.shape[1])
        inside = rows @ np.linalg.pinv(flat) @ flat
        require_close(rows, inside, tolerance, f"{what} of the Lie algebra of {group} lies in its span")


def _check_membership(group: Group, g: torch.Tensor, regime: str) -> None:
    """Of elements, products and inverses. Far out, where `contains` is numerical and may miss some, of most of them."""
    h, share = g.roll(1, 0), 0.75 if regime == "far out" else 1.0
    for what, x in {"elements": g, "products": g @ h, "inverses": group.inverse(g)}.items():
        if regime == "far out":  # beyond that, rounding alone decides
            x = x[x.abs().amax((-1, -2)) * group.inverse(x).abs().amax((-1, -2)) < 1e6]
        inside = group.contains(x)
        require_that(inside.shape == x.shape[:-2], f"contains() of {group} has shape {tuple(inside.shape)}")
        enough = not len(x) or inside.double().mean() >= share
        require_that(enough, f"{group} does not contain its own {what} ({regime})")
    same = np.array_equal(group.contains(g.numpy()), group.contains(g).numpy())
    require_that(same, f"contains() of {group} differs for NumPy arrays ({regime})")


def _check_inverses(group: Group, g: torch.Tensor, regime: str, tolerance: float) -> None:
    one, inverse = np.eye(g.shape[-1]), group.inverse(g)
    scale = float(g.abs().max() * inverse.abs().max())
    for product in (g @ inverse, inverse @ g):
        expected = np.broadcast_to(one, product.shape)
        require_close(product, expected, tolerance, f"g g⁻¹ = 1 in {group} ({regime})", max(1.0, scale))


def _check_outside(group: Group, samples: int, seed: int) -> None:
    """Matrices g (1 + εN) with N orthogonal to the Lie algebra, and NaN, are no elements."""
    n, algebra = group.algebra_array.shape[-1], group.algebra_array
    with np.errstate(invalid="ignore"):
        require_that(not group.contains(np.full((n, n), np.nan)), f"{group} contains NaN")
    if len(algebra) == n * n:
        return
    normal = np.random.default_rng(seed).normal(size=(samples, n * n))
    if len(algebra):
        flat = algebra.reshape(len(algebra), -1)
        normal = normal - normal @ np.linalg.pinv(flat) @ flat
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    near = np.eye(n) + 1e-3 * normal.reshape(-1, n, n)
    g = draw(group, samples, seed)["uniform"].numpy()
    require_that(not np.any(group.contains(near)), f"{group} contains matrices that are not near any element")
    require_that(not np.any(group.contains(g @ near)), f"{group} contains perturbed elements")


def _check_enumeration(group: Group) -> None:
    """The elements are distinct, the identity first, and closed: the multiplication table is a Latin square."""
    elements = group.element_array
    n = len(elements)
    require_that(group.order == n, f"{group} has order {group.order} but {n} elements")
    require_close(elements[0], np.eye(elements.shape[-1]), 1e-12, f"the first element of {group} is the identity")
    some = np.arange(n) if n <= 64 else np.random.default_rng(0).permutation(n)[:64]
    table = group.index(elements[some][:, None] @ elements[None])
    latin = np.array_equal(np.sort(table, axis=1), np.broadcast_to(np.arange(n), table.shape))
    require_that(latin, f"the elements of {group} are not distinct, or not closed under products")


def _check_flags(group: Group, samples: int, seed: int) -> None:
    regimes = draw(group, samples, seed)
    require_that(group <= group, f"{group} is not a subgroup of itself")
    require_that(not group.is_finite or group.is_compact, f"{group} is finite but not compact")
    if group.is_orthogonal:
        require_that(group.is_compact, f"{group} is orthogonal but not compact")
        for regime, g in regimes.items():
            expected = np.broadcast_to(np.eye(g.shape[-1]), g.shape)
            require_close(g.mT @ g, expected, 1e-9, f"gᵀg = 1 in the orthogonal {group} ({regime})")
    if not group.is_finite and group.is_compact:
        near, far = (group.sample(64, torch.Generator().manual_seed(seed), scale=s) for s in (1.0, 30.0))
        require_that(far.abs().max() < 50 * near.abs().max(), f"{group} is called compact, and grows")


def _check_sampling(group: Group, seed: int) -> None:
    first, again = (group.sample(5, torch.Generator().manual_seed(seed)) for _ in range(2))
    require_that(torch.equal(first, again), f"sample() of {group} ignores its generator")
    require_that(first.dtype == torch.float64, f"sample() of {group} has dtype {first.dtype}")

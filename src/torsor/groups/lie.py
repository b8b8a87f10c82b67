"""Lie groups given by an algebra and component generators: membership and random elements, numerically."""

from __future__ import annotations

import numpy as np
import torch

from torsor.errors import GroupError
from torsor.linalg import expm

FACTORS = 16
"""Factors of a uniform element, which deviates from uniform by 3⁻¹⁶ = 2e-8."""


def spans(algebra: np.ndarray, elements: np.ndarray) -> bool:
    """Whether every element (m, d, d) lies in the linear span of the algebra (k, d, d)."""
    return not len(elements) or bool(np.abs(_outside(algebra, elements)).max() < 1e-9)


def check_closed(algebra: np.ndarray, generators: np.ndarray) -> None:
    """Raise unless the span of the algebra is closed under brackets and under conjugation by the generators.

    Raises:
        GroupError: naming what leaves the span.
    """
    if len(algebra) and np.linalg.matrix_rank(algebra.reshape(len(algebra), -1)) < len(algebra):
        raise GroupError("the Lie algebra elements are linearly dependent: give a basis")
    for i, a in enumerate(algebra):
        for j, b in enumerate(algebra[:i]):
            if not spans(algebra, (a @ b - b @ a)[None]):
                raise GroupError(
                    f"the Lie algebra is not closed: the bracket of basis elements {j} and {i} leaves it; "
                    "MatrixGroup.closure(…) adds all brackets"
                )
        for j, g in enumerate(generators):
            if not spans(algebra, (g @ a @ np.linalg.inv(g))[None]):
                raise GroupError(
                    f"component generator {j} does not normalise the Lie algebra: it moves element {i} out of its "
                    "span; MatrixGroup.closure(…) adds what is missing"
                )


def closure(algebra: np.ndarray, generators: np.ndarray) -> np.ndarray:
    """The smallest Lie algebra that contains some elements (k, d, d) and that generators (m, d, d) normalise."""
    basis = algebra[:0]
    queue = list(algebra)
    while queue:
        a = queue.pop(0)
        if spans(basis, a[None] / max(float(np.abs(a).max(initial=0.0)), 1e-300)):
            continue
        queue += [a @ b - b @ a for b in basis] + [g @ a @ np.linalg.inv(g) for g in generators]
        basis = np.concatenate([basis, a[None]])
    return basis


def contains(algebra: np.ndarray, components: np.ndarray, g: np.ndarray, tolerance: float) -> np.ndarray:
    """Whether g (..., d, d) lies in the group of an algebra and one element of each component: (...) bool.

    An element of the component of w is w exp(a₁) exp(a₂) …; Newton steps go from g w⁻¹ towards the identity, from
    several random starts in the component. The test is numerical: an element very far out may be missed.
    """
    flat = g.reshape(-1, *g.shape[-2:])
    found = np.zeros(len(flat), dtype=bool)
    for w in components:
        todo = ~found
        if todo.any():
            found[todo] = _in_identity_component(algebra, flat[todo] @ np.linalg.inv(w), tolerance)
    return found.reshape(g.shape[:-2])


def components(algebra: np.ndarray, generators: np.ndarray) -> np.ndarray:
    """One element of each connected component, (n, d, d); the identity comes first.

    Raises:
        GroupError: over 1000 components.
    """
    found = [np.eye(algebra.shape[-1])]
    queue = list(generators)
    while queue:
        w = queue.pop(0)
        relative = np.stack([np.linalg.inv(c) @ w for c in found])
        if _in_identity_component(algebra, relative, 1e-6).any():
            continue
        found.append(w)
        if len(found) > 1000:
            raise GroupError("the generators give more than 1000 connected components")
        queue += [w @ s for s in generators]
    return np.stack(found)


def sample(
    algebra: torch.Tensor,
    generators: torch.Tensor,
    n: int,
    generator: torch.Generator | None,
    scale: float | None,
) -> torch.Tensor:
    """Random elements: a random word in the generators times exponentials of Gaussian algebra elements."""
    d = algebra.shape[-1]
    g = torch.eye(d, dtype=torch.float64).expand(n, d, d)
    alphabet = torch.cat([torch.eye(d, dtype=torch.float64)[None], generators])
    for _ in range(4 * len(generators)):
        g = g @ alphabet[torch.randint(len(alphabet), (n,), generator=generator)]
    return g @ _gaussian(algebra, n, generator, 1.0 if scale is None else scale)


def sample_uniform(
    algebra: torch.Tensor, components: torch.Tensor, n: int, generator: torch.Generator | None
) -> torch.Tensor:
    """Uniform elements of a compact group: a random component times `FACTORS` long random rotations.

    A long rotation is spread evenly along a maximal torus. Its mean in an irrep is the share of the zero weights, at
    most 1/3 of the dimension unless the irrep is trivial: products of k are uniform up to 3⁻ᵏ.
    """
    g = components[torch.randint(len(components), (n,), generator=generator)]
    frequencies = torch.linalg.eigvals(algebra).abs().amax(-1)
    for _ in range(FACTORS):
        g = g @ _gaussian(algebra / frequencies[:, None, None], n, generator, 2 * torch.pi)
    return g


def _gaussian(algebra: torch.Tensor, n: int, generator: torch.Generator | None, deviation: float) -> torch.Tensor:
    coordinates = deviation * torch.randn(n, len(algebra), generator=generator, dtype=torch.float64)
    return torch.einsum("nk,kij->nij", coordinates, algebra).matrix_exp()


def _outside(algebra: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """The part of each element that is orthogonal to the span of the algebra."""
    flat = elements.reshape(len(elements), -1)
    if not len(algebra):
        return flat
    _, values, rows = np.linalg.svd(algebra.reshape(len(algebra), -1), full_matrices=False)
    rows = rows[values > 1e-12]
    return flat - (flat @ rows.T) @ rows


def _in_identity_component(algebra: np.ndarray, g: np.ndarray, tolerance: float, starts: int = 12) -> np.ndarray:
    flat = algebra.reshape(len(algebra), algebra.shape[-1] ** 2)
    project = np.linalg.pinv(flat) if len(flat) else np.zeros((flat.shape[1], 0))
    rng, one = np.random.default_rng(0), np.eye(g.shape[-1])
    found = np.zeros(len(g), dtype=bool)
    for start in range(starts):
        todo = np.flatnonzero(~found)
        if not len(todo):
            break
        coordinates = rng.normal(size=len(flat)) * (0.0 if start == 0 else 2.0)
        h = g[todo] @ expm((coordinates @ flat).reshape(one.shape))
        found[todo] = _descend(h, flat, project, one, tolerance)
    return found


def _descend(h: np.ndarray, flat: np.ndarray, project: np.ndarray, one: np.ndarray, tolerance: float) -> np.ndarray:
    for _ in range(40):
        step = -((h - one).reshape(len(h), -1) @ project) @ flat
        norm = np.maximum(np.abs(step).sum(-1, keepdims=True), 1.0)
        h = expm((step / norm).reshape(h.shape)) @ h
    return np.abs(h - one).max((-1, -2)) < tolerance

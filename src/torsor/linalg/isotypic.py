"""Isotypic frames: representations split into irreducible copies that all transform by the same matrices.

For representations whose matrices are closed under transposition, jointly, a random polynomial in them is

    M = ⊕_τ  (random matrix of τ) ⊗ 1,    S = M + Mᵀ,

so one eigenspace of S meets one irreducible type τ only, in one vector (over R, C or H) of every copy of τ. A second
random polynomial T carries the eigenspace λ₀ to every other λ of the same type by a multiple of an isometry: the
columns T v, one for each λ, span a copy of τ, and every copy has the same matrices in them. Schur's lemma is then
explicit, and no linear system over pairs of indices is ever formed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Images = tuple[np.ndarray, np.ndarray]
"""(algebra images, generator images) of a representation, (k, n, n) and (m, n, n)."""

SAME = 1e-8
"""Eigenvalues of S closer than this fraction of the largest are one; those of different types differ generically."""

MET = 1e-7
"""Two eigenspaces belong to one irreducible type if T couples them by more than this."""


class NotGeneric(Exception):
    """The random polynomials did not separate the irreducible types; another draw does, with probability one."""


def self_adjoint_part(parts: list[Images]) -> tuple[np.ndarray, np.ndarray]:
    """The largest part of the images that is closed under transposition, in all representations at once.

    Of the algebra that is {a : aᵀ in the algebra}, a subalgebra. Component generators must be orthogonal in all
    representations, or symmetric in all.

    Returns:
        orthonormal coefficients (s, k) of the subalgebra in the basis, and which generators belong, (m,) bool.
    """
    algebra = np.concatenate([a.reshape(len(a), a.shape[-1] ** 2) for a, _ in parts], axis=1)
    flipped = np.concatenate([a.mT.reshape(len(a), a.shape[-1] ** 2) for a, _ in parts], axis=1)
    solved = np.linalg.lstsq(algebra.T, flipped.T, rcond=1e-10)[0] if len(algebra) else np.zeros((0, 0))
    outside = flipped - solved.T @ algebra
    inner, values, _ = np.linalg.svd(outside @ outside.T / max(1.0, np.abs(algebra).max(initial=0.0)) ** 2)
    generators = range(len(parts[0][1]))
    normal = [
        all(_is_orthogonal(g[i]) for _, g in parts) or all(_is_symmetric(g[i]) for _, g in parts) for i in generators
    ]
    return inner[:, values < 1e-16].T, np.array(normal, dtype=bool)


def _is_orthogonal(g: np.ndarray) -> bool:
    return bool(np.abs(g @ g.T - np.eye(len(g))).max(initial=0.0) < 1e-9)


def _is_symmetric(g: np.ndarray) -> bool:
    return bool(np.abs(g - g.T).max(initial=0.0) < 1e-9 * max(1.0, np.abs(g).max(initial=0.0)))


@dataclass(frozen=True)
class Frames:
    """All copies of one irreducible type τ in several representations.

    Attributes:
        parts: for each representation, (units, copies, n, dim τ): orthonormal columns J_b J_a v of a copy. In the
            columns of unit a = 0 every copy has the same matrices; those of unit a have the endomorphism J_a before.
    """

    parts: tuple[np.ndarray, ...]

    @property
    def dim(self) -> int:
        """dim τ."""
        return self.parts[0].shape[-1]

    def number(self, into: int, out: int) -> int:
        """How many intertwiners `maps` gives: copies times copies times the dimension of the endomorphisms."""
        return self.parts[out].shape[0] * self.parts[out].shape[1] * self.parts[into].shape[1]

    def maps(self, into: int, out: int) -> np.ndarray:
        """Orthonormal intertwiners from copies in one representation to copies in another, (number, n_out, n_in)."""
        right, left = self.parts[into][0], self.parts[out]
        found = np.tensordot(left, right, axes=(3, 2)) / np.sqrt(self.dim)  # (unit, copy, n_out, copy, n_in)
        return found.transpose(1, 3, 0, 2, 4).reshape(-1, left.shape[2], right.shape[1])


def isotypic_frames(parts: list[Images], draw: int = 0) -> list[Frames] | None:
    """The frames of all irreducible types that occur in every one of the representations, in an arbitrary order.

    None if the random polynomials of this draw do not separate the types, which has probability zero.

    Args:
        parts: images on one algebra basis and one list of generators, closed under transposition.
        draw: the seed of the random polynomials, and what their degree, 4 + draw, grows with.
    """
    try:
        return _frames(parts, np.random.default_rng(draw), 4 + draw)
    except NotGeneric:
        return None


def _frames(parts: list[Images], rng: np.random.Generator, length: int) -> list[Frames]:
    scaled = _normalised(parts)
    words = _words(scaled, rng, length)
    eigen = [np.linalg.eigh(s + s.T) for s in words]
    sizes = _clusters([values for values, _ in eigen])
    turned = [
        [v.T @ m @ v for m, (_, v) in zip(_words(scaled, rng, length), eigen, strict=True)] for _ in range(3)
    ]  # [polynomial][part], in the eigenbasis of S
    common = np.flatnonzero(np.all(sizes > 0, axis=1))
    starts = np.cumsum(sizes, axis=0) - sizes
    found, todo = [], [int(c) for c in common]
    while todo:
        family = _family(turned[0][0], starts[:, 0], sizes[:, 0], todo)
        places = [[slice(starts[c, p], starts[c, p] + sizes[c, p]) for c in family] for p in range(len(parts))]
        found.append(_frame([v for _, v in eigen], turned, places))
        todo = [c for c in todo if c not in set(family)]
    return found


def _normalised(parts: list[Images]) -> list[np.ndarray]:
    """The algebra and the generators of every part in one stack, each scaled alike in all parts to a norm of one."""
    stacks = [np.concatenate(images) for images in parts]
    norms = np.max([np.abs(s).sum(-1).max(-1, initial=0.0) for s in stacks], axis=0)
    return [s / np.where(norms > 0, norms, 1.0)[:, None, None] for s in stacks]


def _words(stacks: list[np.ndarray], rng: np.random.Generator, length: int) -> list[np.ndarray]:
    """One random polynomial Σ_± Π_l (c_l + Σ_i u_li x_i) in the matrices x_i, evaluated in every part."""
    coefficients = rng.normal(size=(2, length, 1 + len(stacks[0])))
    coefficients[:, :, 0] = np.sign(coefficients[:, :, 0]) * 0.5
    totals = []
    for stack in stacks:
        total, one = np.zeros(stack.shape[1:]), np.eye(stack.shape[-1])
        for word in coefficients:
            product = one
            for c in word:
                product = product @ (c[0] * one + np.tensordot(c[1:], stack, axes=1))
            total = total + product
        totals.append(total)
    scale = max(np.abs(t).sum(-1).max(initial=0.0) for t in totals)
    return [t / max(scale, 1e-300) for t in totals]


def _clusters(values: list[np.ndarray]) -> np.ndarray:
    """How many eigenvalues each part has in each cluster of the joint spectrum, ascending: (clusters, parts)."""
    joint = np.concatenate(values)
    owner = np.repeat(np.arange(len(values)), [len(v) for v in values])
    order = np.argsort(joint, kind="stable")
    jumps = np.diff(joint[order]) > SAME * max(np.abs(joint).max(initial=0.0), 1e-300)
    label = np.concatenate([[0], np.cumsum(jumps)]) if len(joint) else np.zeros(0, int)
    sizes = np.zeros((int(label[-1]) + 1 if len(joint) else 0, len(values)), dtype=int)
    np.add.at(sizes, (label, owner[order]), 1)
    return sizes


def _family(polynomial: np.ndarray, starts: np.ndarray, sizes: np.ndarray, todo: list[int]) -> list[int]:
    """The clusters that T couples with the first of ``todo``; the root, whose weakest coupling is strongest, first."""
    rows = np.concatenate([np.arange(starts[c], starts[c] + sizes[c]) for c in todo])
    cuts = np.concatenate([[0], np.cumsum([sizes[c] for c in todo])[:-1]])
    squares = polynomial[np.ix_(rows, rows)] ** 2
    norms = np.sqrt(np.add.reduceat(np.add.reduceat(squares, cuts, axis=0), cuts, axis=1))
    strength = norms / np.sqrt([sizes[c] for c in todo])
    family = np.flatnonzero((strength[:, 0] > MET) | (np.arange(len(todo)) == 0))
    inner = strength[np.ix_(family, family)] + np.diag(np.full(len(family), np.inf))
    root = int(np.argmax(inner.min(axis=0)))
    ordered = [family[root], *(c for c in family if c != family[root])]
    return [todo[c] for c in ordered]


def _frame(vectors: list[np.ndarray], turned: list[list[np.ndarray]], places: list[list[slice]]) -> Frames:
    """Frames of one type from its clusters, the root first."""
    strengths, carried = None, []
    for v, t, slices in zip(vectors, turned[0], places, strict=True):
        root = slices[0]
        blocks = [np.eye(root.stop - root.start), *(t[s, root] for s in slices[1:])]
        if strengths is None:
            strengths = [np.sqrt(np.mean(np.sum(b * b, axis=0))) for b in blocks]
        blocks = [_isometry(b, s) for b, s in zip(blocks, strengths, strict=True)]
        carried.append(np.stack([v[:, s] @ b for s, b in zip(slices, blocks, strict=True)]))  # (λ, n, width)
    corners = [[m[slices[0], slices[0]] for m, slices in zip(t, places, strict=True)] for t in turned]
    units = _units(corners)
    return Frames(tuple(_copies(c, u) for c, u in zip(carried, units, strict=True)))


def _isometry(block: np.ndarray, strength: float) -> np.ndarray:
    """B / |B|, checked to be an isometry between eigenspaces of equal size."""
    scaled = block / strength if block.shape[0] == block.shape[1] and strength > 0 else np.zeros((1, block.shape[1]))
    if np.abs(scaled.T @ scaled - np.eye(block.shape[1])).max() > 1e-6:
        raise NotGeneric
    return scaled


def _units(corners: list[list[np.ndarray]]) -> list[np.ndarray]:
    """The imaginary units of the endomorphism algebra, in every part: (1, 2 or 4, width, width), the identity first.

    The root's eigenspace is a space over the division algebra R, C or H, and the corners of random polynomials act on
    it as random numbers of that algebra. Their skew parts are imaginary; J₁, J₂ come by orthogonalisation, J₃ = J₁J₂.
    """
    parts = range(len(corners[0]))
    units = [[np.eye(len(corners[0][p])) for p in parts]]
    for corner in corners:
        skew = [(m - m.T) / 2 for m in corner]
        for unit in units[1:]:
            along = np.sum(unit[0] * skew[0]) / len(skew[0])
            skew = [k - along * u for k, u in zip(skew, unit, strict=True)]
        norm = np.sqrt(np.sum(skew[0] ** 2) / len(skew[0]))
        if norm > MET and len(units) < 3:
            units.append([k / norm for k in skew])
    if len(units) == 3:
        units.append([a @ b for a, b in zip(units[1], units[2], strict=True)])
    found = [np.stack([u[p] for u in units]) for p in parts]
    for u in found:
        if np.abs(u[1:] @ u[1:] + np.eye(u.shape[-1])).max(initial=0.0) > 1e-6 or u.shape[-1] % len(u):
            raise NotGeneric
    return found


def _copies(carried: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(unit a, copy, n, dim τ): columns F_λ J_b J_a v for orthonormal lines v of the root's eigenspace."""
    width = units.shape[-1]
    lines, spanned = np.zeros((0, width)), np.zeros((0, width))
    while len(spanned) < width:
        rest = np.eye(width) - spanned.T @ spanned
        line = rest[np.argmax(np.diagonal(rest) > np.diagonal(rest).max() - 1e-6)]
        line = line - spanned.T @ (spanned @ line)
        line = line / np.linalg.norm(line)
        lines, spanned = np.concatenate([lines, line[None]]), np.concatenate([spanned, units @ line])
    moved = np.einsum("bij,ajk,ck->acbi", units, units, lines, optimize=True)
    frame = np.einsum("lni,acbi->acnlb", carried, moved, optimize=True)
    return frame.reshape(*frame.shape[:3], -1)

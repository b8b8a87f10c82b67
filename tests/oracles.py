"""Answers that do not come from torsor: characters in closed form, brute-force null spaces, planar groups by hand.

An element of a planar group is a pair (θ, s), the matrix R_θ f^s with f = diag(1, -1).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torsor import groups as G


def matrices(angles: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """R_θ f^s: (n, 2, 2)."""
    c, s, sign = np.cos(angles), np.sin(angles), 1.0 - 2.0 * flips
    return np.stack([np.stack([c, -s * sign], -1), np.stack([s, c * sign], -1)], -2)


@dataclass(frozen=True)
class Planar:
    """All elements (θ, s) of a finite planar group, or equispaced nodes of SO(2), O(2): means over them are exact."""

    group: G.Group
    angles: np.ndarray
    flips: np.ndarray
    n: int | None  # of C_N, D_N

    @property
    def name(self) -> str:
        return f"{type(self.group).__name__}{self.group._fields() and tuple(self.group._fields().values())}"

    @property
    def order(self) -> int:
        return len(self.angles)

    @cached_property
    def elements(self) -> np.ndarray:
        return matrices(self.angles, self.flips)

    @property
    def reflects(self) -> bool:
        return bool(self.flips.any())

    def labels(self, band: int = 4) -> list[tuple[int, ...]]:
        """The labels of all irreps (of SO(2), O(2) up to a band)."""
        if isinstance(self.group, G.Trivial):
            return [(0,)]
        if isinstance(self.group, G.Reflection):
            return [(0,), (1,)]
        top = band if self.n is None else self.n // 2
        if not self.reflects:
            return [(k,) for k in range(top + 1)]
        folded = [(0, top)] if self.n is not None and self.n % 2 == 0 else []
        return [(0, 0), (1, 0), *((1, k) for k in range(1, top + 1)), *folded]

    def character(self, label: tuple[int, ...]) -> np.ndarray:
        """χ of an irrep at every element."""
        parity, k = (0, label[0]) if len(label) == 1 else label
        if isinstance(self.group, G.Trivial | G.Reflection):
            return (1.0 - 2.0 * self.flips) ** label[0]
        sign = (1.0 - 2.0 * self.flips) ** parity
        if k == 0:
            return sign * np.ones(self.order)
        if self.n is not None and 2 * k == self.n:
            return sign * np.cos(k * self.angles)
        return np.where(self.flips > 0, 0.0, 2 * np.cos(k * self.angles))

    def harmonic(self, l: int) -> np.ndarray:
        """χ on the harmonic polynomials of degree l of the plane."""
        return np.where(self.flips > 0, 0.0, 2 * np.cos(l * self.angles)) if l else np.ones(self.order)

    def count(self, *characters: np.ndarray) -> int:
        """The mean of a product of characters, which is the dimension of the invariants of the tensor product."""
        mean = float(np.mean(np.prod(characters, axis=0)))
        assert abs(mean - round(mean)) < 1e-9, mean
        return round(mean)

    def induced(self, subgroup: np.ndarray, character: np.ndarray) -> np.ndarray:
        """Frobenius: χ(g) = |H|⁻¹ Σ_x χ_τ(x⁻¹ g x) over x with x⁻¹ g x in H. H is a mask of elements."""
        sign = 1.0 - 2.0 * self.flips
        total = np.zeros(self.order)
        for a, s in zip(self.angles, sign, strict=True):
            # (a, s)⁻¹ (b, t) (a, s) = (s (b - a + t a), t)
            angle = s * (self.angles - a + sign * a)
            apart = np.abs(np.exp(1j * angle)[:, None] - np.exp(1j * self.angles)[None])
            match = (apart < 1e-9) & (self.flips[:, None] == self.flips[None])
            assert (match.sum(1) == 1).all()
            image = match.argmax(1)
            total += np.where(subgroup[image], character[image], 0.0)
        return total / subgroup.sum()


def cyclic(n: int) -> Planar:
    return Planar(G.Cyclic(n), 2 * np.pi * np.arange(n) / n, np.zeros(n), n)


def dihedral(n: int) -> Planar:
    angles = 2 * np.pi * np.arange(n) / n
    return Planar(G.Dihedral(n), np.tile(angles, 2), np.repeat([0.0, 1.0], n), n)


NODES = 2 * np.pi * np.arange(128) / 128
SO2 = Planar(G.SO(2), NODES, np.zeros(128), None)
O2 = Planar(G.O(2), np.tile(NODES, 2), np.repeat([0.0, 1.0], 128), None)
SMALL = [
    Planar(G.Trivial(2), np.zeros(1), np.zeros(1), None),
    Planar(G.Reflection(2), np.zeros(2), np.array([0.0, 1.0]), None),
    Planar(G.Reflection(2, 0), np.array([0.0, np.pi]), np.array([0.0, 1.0]), None),
]
FINITE = [*(cyclic(n) for n in range(1, 33)), *(dihedral(n) for n in range(1, 17))]
PLANAR = [*FINITE, SO2, O2, *SMALL]


# ------------------------------------------------------------------------------------- linear algebra


def rows(x: np.ndarray) -> np.ndarray:
    """Flatten all axes but the first, which may be empty."""
    return x.reshape(len(x), int(np.prod(x.shape[1:])))


def null_basis(matrix: np.ndarray) -> np.ndarray:
    """Orthonormal rows that span {x : matrix x = 0}, by SVD."""
    if len(matrix) > matrix.shape[1]:
        matrix = np.linalg.qr(matrix, "r")
    _, values, vectors = np.linalg.svd(matrix)
    rank = int((values > 1e-9 * max(1.0, values[0])).sum())
    return vectors[rank:]


def same_span(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-9) -> bool:
    """Whether the rows of a and of b span one space."""
    if len(a) != len(b):
        return False
    if not len(a):
        return True
    qa, qb = np.linalg.qr(a.T)[0], np.linalg.qr(b.T)[0]
    full = np.linalg.matrix_rank(a) == len(a)
    return bool(full and np.abs(qa @ qa.T - qb @ qb.T).max() < tolerance)


def hom_by_force(images: np.ndarray, other: np.ndarray) -> np.ndarray:
    """{W : W ρ(g) = σ(g) W for all given g}, from images (m, n, n) of ρ and (m, k, k) of σ; rows are W, flattened."""
    n, k = images.shape[-1], other.shape[-1]
    equations = [np.kron(s, np.eye(n)) - np.kron(np.eye(k), r.T) for r, s in zip(images, other, strict=True)]
    return null_basis(np.concatenate(equations))

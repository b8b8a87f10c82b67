"""The Clifford algebra Cl(p, q): the geometric product of multivectors, as a table of indices and signs.

The basis of blades e_A = e_{i₁} … e_{i_k}, i₁ < … < i_k, is ordered by grade k, then lexicographically, as in
`torsor.reps.multivector`. With e_i² = η_ii = ±1 and e_i e_j = -e_j e_i every product of blades is ± one blade,

    e_A e_B = s(A, B) e_{A △ B},      s(A, B) = (-1)^{#{(a, b) : a > b}} ∏_{i ∈ A ∩ B} η_ii,

so that every component of a product of multivectors is a sum of 2^n terms, where the dense table has 4^n entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np

Blade = tuple[int, ...]
"""The indices i₁ < … < i_k of e_{i₁} … e_{i_k}."""

Path = tuple[int, int, int]
"""Grades (i, j, k) of the two factors and of the part of the product."""


@dataclass(frozen=True)
class Clifford:
    """The real algebra of multivectors with e_i² = `signs[i]`. Arrays of multivectors are (..., 2^n).

    Args:
        signs: the diagonal of η, entries ±1.

    Raises:
        ValueError: another entry.
    """

    signs: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(sign not in (-1, 1) for sign in self.signs):
            raise ValueError(f"expected a metric diag(±1, …), got {self.signs}")

    @property
    def n(self) -> int:
        """The dimension of the space of vectors."""
        return len(self.signs)

    @property
    def dim(self) -> int:
        """2^n."""
        return 2**self.n

    @cached_property
    def blades(self) -> tuple[Blade, ...]:
        """The basis, grade after grade, each in lexicographic order."""
        return tuple(blade for k in range(self.n + 1) for blade in combinations(range(self.n), k))

    @cached_property
    def grades(self) -> np.ndarray:
        """The grade of every component, (2^n,)."""
        return np.array([len(blade) for blade in self.blades])

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of blades of every grade."""
        return tuple(int(m) for m in np.bincount(self.grades))

    @cached_property
    def partners(self) -> np.ndarray:
        """B with e_A e_B = ±e_C: (C, A) -> index of B, of shape (2^n, 2^n)."""
        place = {blade: index for index, blade in enumerate(self.blades)}
        return np.array([[place[tuple(sorted(set(a) ^ set(c)))] for a in self.blades] for c in self.blades])

    @cached_property
    def coefficients(self) -> np.ndarray:
        """The signs of e_A e_B = ±e_C: (C, A), of shape (2^n, 2^n)."""
        rows = [[self._sign(a, self.blades[b]) for a, b in zip(self.blades, row, strict=True)] for row in self.partners]
        return np.array(rows, dtype=float)

    def _sign(self, a: Blade, b: Blade) -> float:
        swaps = sum(i > j for i in a for j in b)
        return float((-1) ** swaps * np.prod([self.signs[i] for i in set(a) & set(b)]))

    # ------------------------------------------------------------------------------------------------------- products

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The grades (i, j, k) for which (x_i y_j)_k is not always zero: k = |i - j|, |i - j| + 2, … ≤ i + j."""
        return tuple(sorted({(int(i), int(j), int(k)) for i, j, k in self._graded}))

    @cached_property
    def path_index(self) -> np.ndarray:
        """Which of the `paths` the term (C, A) belongs to, (2^n, 2^n)."""
        place = {path: index for index, path in enumerate(self.paths)}
        found = [place[int(i), int(j), int(k)] for i, j, k in self._graded]
        return np.array(found, dtype=int).reshape(self.dim, self.dim)

    @property
    def _graded(self) -> np.ndarray:
        left, right = np.broadcast_to(self.grades, (self.dim, self.dim)), self.grades[self.partners]
        return np.stack([left, right, np.broadcast_to(self.grades[:, None], left.shape)], -1).reshape(-1, 3)

    def product(self, x: np.ndarray, y: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        """(xy)_C = Σ_A ±x_A y_B, over the terms (C, A) of `path_index` in `kept`, by default all."""
        weights = self.coefficients if kept is None else self.coefficients * kept
        return np.einsum("ca,...a,...ca->...c", weights, x, y[..., self.partners])

    def wedge(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """x ∧ y: the parts of grade i + j. It does not depend on the metric."""
        return self.product(x, y, self._of(lambda i, j, k: k == i + j))

    def contraction(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """x ⌟ y, the left contraction: the parts of grade j - i."""
        return self.product(x, y, self._of(lambda i, j, k: k == j - i))

    def _of(self, rule) -> np.ndarray:
        return np.array([rule(*path) for path in self.paths], dtype=float)[self.path_index]

    @property
    def cayley(self) -> np.ndarray:
        """The dense table e_A e_B = Σ_C T[A, B, C] e_C, of 8^n entries."""
        table = np.zeros((self.dim, self.dim, self.dim))
        c, a = np.indices((self.dim, self.dim))
        table[a, self.partners, c] = self.coefficients
        return table

    # ---------------------------------------------------------------------------------------- involutions, forms, duals

    @property
    def reversion(self) -> np.ndarray:
        """Signs (-1)^{k(k-1)/2} of x ↦ x̃, which reverses the order of factors: (xy)˜ = ỹ x̃."""
        return (-1.0) ** (self.grades * (self.grades - 1) // 2)

    @property
    def involution(self) -> np.ndarray:
        """Signs (-1)^k of the grade involution, the automorphism v ↦ -v."""
        return (-1.0) ** self.grades

    @property
    def conjugation(self) -> np.ndarray:
        """Signs of the Clifford conjugation, reversion and grade involution together."""
        return self.reversion * self.involution

    @cached_property
    def form(self) -> np.ndarray:
        """The diagonal of the invariant form (x, y) = ⟨x̃ y⟩₀ = Σ_A η_A x_A y_A, η_A = ∏_{i ∈ A} η_ii."""
        return np.array([float(np.prod([self.signs[i] for i in blade])) for blade in self.blades])

    def square(self, x: np.ndarray) -> np.ndarray:
        """(x_k, x_k) of every grade, of either sign or zero: (..., 2^n) -> (..., n + 1)."""
        return np.stack([(self.form * x**2)[..., self.grades == k].sum(-1) for k in range(self.n + 1)], -1)

    @property
    def pseudoscalar(self) -> np.ndarray:
        """I = e_0 e_1 … e_{n-1}."""
        return np.eye(self.dim)[-1]

    def dual(self, x: np.ndarray) -> np.ndarray:
        """The Hodge dual ⋆x = x̃ I, with y ∧ ⋆x = (y, x) I for x and y of one grade."""
        return self.product(self.reversion * x, np.broadcast_to(self.pseudoscalar, x.shape))

    def vector(self, v: np.ndarray) -> np.ndarray:
        """Vectors (..., n) as multivectors of grade 1."""
        out = np.zeros((*v.shape[:-1], self.dim))
        out[..., 1 : self.n + 1] = v
        return out


@lru_cache(maxsize=64)
def clifford(signs: tuple[int, ...]) -> Clifford:
    """The algebra of a metric, made once."""
    return Clifford(signs)

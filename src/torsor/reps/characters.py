"""Character tables of finite groups: of the real irreps, and of the complex ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from torsor.groups import Group
from torsor.groups.classes import class_constants, class_numbers
from torsor.reps.irreps import irrep_label, irreps
from torsor.reps.tables import TYPES


@dataclass(frozen=True)
class CharacterTable:
    """The characters of a finite group, one row an irrep, one column a conjugacy class.

    Attributes:
        group: the group.
        classes: the indices of the elements of each class, as `Group.conjugacy_classes` gives them.
        labels: the labels of the real irreps, in the order of `irreps`.
        types: "real", "complex" or "quaternionic", for each real irrep.
        real: χ of the real irreps, (irreps, classes) float64. ⟨χ, χ⟩ is 1, 2 or 4 by type.
        complex: χ of the complex irreps, (classes, classes) complex128, orthonormal: by dimension, then by descending
            real and imaginary parts. A real irrep of complex type is χ + χ̄, one of quaternionic type 2χ.
    """

    group: Group
    classes: tuple[np.ndarray, ...]
    labels: tuple[tuple, ...]
    types: tuple[str, ...]
    real: np.ndarray
    complex: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """The number of elements of each class."""
        return np.array([len(members) for members in self.classes])

    def inner(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """⟨a, b⟩ = Σ_C |C| a(C) conj b(C) / |G| of class functions (..., classes)."""
        return (self.sizes * a * np.conj(b)).sum(-1) / self.sizes.sum()


@lru_cache(maxsize=64)
def character_table(group: Group) -> CharacterTable:
    """The character table of a finite group, exact to 1e-12.

    The real table is read from the irreps; the complex one from the class algebra, without them (Burnside, Dixon).

    Raises:
        GroupError: the group is infinite.
    """
    classes, reps = group.conjugacy_classes(), irreps(group)
    representatives = group.element_array[[members[0] for members in classes]]
    real = np.stack([np.trace(rep.rho(representatives), axis1=-2, axis2=-1) for rep in reps])
    table = complex_characters(group)
    sizes = np.array([len(members) for members in classes])
    squares = _square_classes(group, classes)
    pairs = zip(real, real[:, squares], strict=True)
    means = [[int(np.rint((sizes * x).sum() / sizes.sum())) for x in (chi**2, power)] for chi, power in pairs]
    return CharacterTable(
        group, classes, tuple(map(irrep_label, reps)), tuple(TYPES[norm, nu] for norm, nu in means), real, table
    )


def complex_characters(group: Group) -> np.ndarray:
    """The irreducible complex characters, (classes, classes) complex128, without constructing an irrep.

    ω_χ(C) = |C| χ(C)/χ(1) are the characters of the class algebra C_i C_j = Σ_k a_ijk C_k: joint eigenvectors of the
    matrices a_i. A combination with conjugate coefficients on inverse classes is Hermitian in the basis C_k/√|C_k|.
    """
    classes, inverses = group.conjugacy_classes(), group.inverse_indices
    sizes = np.array([len(members) for members in classes])
    constants = class_constants(group.product_table, inverses, classes)
    first = [members[0] for members in classes]
    inverse_classes = class_numbers(classes)[inverses[first]]
    root = np.sqrt(sizes)
    symmetric = constants * root / root[:, None] / root[:, None, None]
    _, vectors = max((_spectrum(symmetric, inverse_classes, seed) for seed in range(4)), key=lambda pair: pair[0])
    omega = vectors.T * root
    omega = omega / omega[:, :1]
    degrees = np.rint(np.sqrt(sizes.sum() / (np.abs(omega) ** 2 / sizes).sum(1)))
    return _sorted(omega * degrees[:, None] / sizes)


def _spectrum(symmetric: np.ndarray, inverse_classes: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """The least gap of the eigenvalues of a generic Hermitian combination of the matrices a_i, and the eigenvectors."""
    weights = np.exp(1j * np.sqrt(2 + seed) * (1 + np.arange(len(symmetric))) ** 2)
    hermitian = np.einsum("i,ijk->jk", weights + np.conj(weights[inverse_classes]), symmetric)
    values, vectors = np.linalg.eigh((hermitian + hermitian.conj().T) / 2)
    return float(np.diff(values).min(initial=np.inf)), vectors


def _sorted(table: np.ndarray) -> np.ndarray:
    """By dimension, then by descending real and imaginary parts."""
    real, imaginary = np.real(table), np.imag(table)
    digits = np.round(np.concatenate([real[:, :1], -real, -imaginary], axis=1), 6) + 0.0
    return table[np.lexsort(digits.T[::-1])]


def _square_classes(group: Group, classes: tuple[np.ndarray, ...]) -> np.ndarray:
    """The class of g², g in each class."""
    first = np.array([members[0] for members in classes])
    return class_numbers(classes)[group.product_table[first, first]]

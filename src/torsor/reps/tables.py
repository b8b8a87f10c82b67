"""The matrices of all irreps of a finite group, by one numerical method.

Every irrep of a finite group occurs in a tensor power of a faithful representation (Burnside). So: start from the
trivial one, multiply what is found by the standard representation, split off what is new, until Σ dim²/type = |G|.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.linalg import canonical_bases, kron

TYPES = {(1, 1): "real", (2, 0): "complex", (4, -2): "quaternionic"}
"""The type of a real irrep by ⟨χ, χ⟩ and by its Frobenius–Schur indicator, the mean of χ(g²)."""


@lru_cache(maxsize=256)
def finite_irrep_tables(group: Group) -> tuple[np.ndarray, ...]:
    """ρ of every element in the order of `Group.elements`, (order, dim, dim), for all real irreps ρ of a finite group.

    Orthogonal matrices; homomorphisms to 1e-12. Sorted by dimension, then by descending character; trivial is first.
    Irreps that occur in low tensor powers have the basis that is sparse there: the standard representation of a
    polyhedral group is its own irrep.

    Raises:
        GroupError: the group is infinite.
    """
    standard, n = _orthogonal_elements(group), len(group.element_array)
    found = [np.ones((n, 1, 1))]
    for table in found:
        found += _new_irreps(kron(table, standard), found)
        if sum(t.shape[-1] ** 2 / character_norm(t) for t in found) > n - 0.5:
            break
    found.sort(key=lambda t: (t.shape[-1], tuple(-np.round(character(t), 6) + 0.0)))
    for table in found:
        table.setflags(write=False)
    return tuple(found)


def character(table: np.ndarray) -> np.ndarray:
    """χ(g) = tr ρ(g): (n, d, d) -> (n,)."""
    return np.trace(table, axis1=-2, axis2=-1)


def character_norm(table: np.ndarray) -> int:
    """⟨χ, χ⟩, the mean of χ(g)²: 1, 2 or 4 for an irrep of real, complex or quaternionic type."""
    return int(np.rint(np.mean(character(table) ** 2)))


def table_type(table: np.ndarray) -> str | None:
    """ "real", "complex" or "quaternionic", None for a reducible representation."""
    indicator = int(np.rint(np.einsum("gij,gji->", table, table) / len(table)))
    return TYPES.get((character_norm(table), indicator))


def isotypic_projector(table: np.ndarray, irrep: np.ndarray) -> np.ndarray:
    """The projector dim σ/⟨χ, χ⟩ · mean of χ(g) ρ(g) onto the copies of an irrep σ in ρ, χ the character of σ."""
    chi = character(irrep)
    return irrep.shape[-1] / character_norm(irrep) * np.einsum("g,gij->ij", chi, table) / len(table)


def _orthogonal_elements(group: Group) -> np.ndarray:
    """The elements, in an orthonormal basis of the invariant inner product mean(gᵀg)."""
    g = group.element_array
    if group.is_orthogonal:
        return g
    root = np.linalg.cholesky((np.swapaxes(g, -1, -2) @ g).mean(0)).T
    return root @ g @ np.linalg.inv(root)


def _new_irreps(table: np.ndarray, known: list[np.ndarray]) -> list[np.ndarray]:
    """The irreps in an orthogonal representation (n, m, m) that are not among the known ones."""
    rest = np.eye(table.shape[-1]) - sum(isotypic_projector(table, irrep) for irrep in known)
    if np.trace(rest) < 0.5:
        return []
    new: list[np.ndarray] = []
    for rows in _split(table, canonical_bases(rest[None])[0]):
        image = rows @ table @ rows.T
        if all(np.abs(character(image) - character(other)).max() > 1e-6 for other in new):
            new.append(image)
    return new


def _split(table: np.ndarray, rows: np.ndarray, attempt: int = 0) -> list[np.ndarray]:
    """Irreducible subspaces of an invariant subspace, each by canonical orthonormal rows.

    The eigenspaces of a generic symmetric matrix that commutes with the representation; what is not irreducible yet
    is split by another one.
    """
    image = rows @ table @ rows.T
    if table_type(image) is not None:
        return [rows]
    if attempt > 8:
        raise RepresentationError("a representation of a finite group could not be split; are its elements a group?")
    values, vectors = np.linalg.eigh(_average(image, _generic(len(rows), attempt)))
    parts = np.split(vectors, np.flatnonzero(np.diff(values) > 1e-4) + 1, axis=1)
    spaces = [part.T @ rows for part in parts]
    bases = [canonical_bases((space.T @ space)[None])[0] for space in spaces]
    return [block for basis in bases for block in _split(table, basis, attempt + 1)]


def _average(table: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The mean of ρ(g) S ρ(g)ᵀ: the part of a symmetric matrix S that commutes with an orthogonal ρ."""
    mean = np.tensordot(table @ matrix, table, axes=((0, 2), (0, 2))) / len(table)
    return (mean + mean.T) / 2


def _generic(n: int, seed: int) -> np.ndarray:
    """A symmetric matrix without any relation to a group."""
    i = np.arange(1, n + 1)
    return np.cos(np.sqrt(2 + seed) * (i[:, None] * i + i[:, None] + i) + seed)

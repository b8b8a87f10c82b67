"""The invariant part of a field: where biases and means may live."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from torsor.reps import Representation, trivial
from torsor.reps.hom import hom_array


@lru_cache(maxsize=1024)
def invariant_vectors(rep: Representation) -> np.ndarray:
    """A basis of the vectors that ρ fixes, (number, dim ρ), each scaled to a largest entry of 1.

    Of a regular or quotient representation that is the constant vector (1, …, 1): a bias per field, as usual.
    """
    vectors = hom_array(trivial(rep.group), rep)[:, :, 0]
    return vectors / np.abs(vectors).max(1, keepdims=True) if len(vectors) else vectors


def invariant_map(rep: Representation) -> np.ndarray:
    """The linear map from coordinates on the invariant vectors of all fields to channels: (number, rep.dim)."""
    rows = []
    for channels, term in rep.fields:
        for vector in invariant_vectors(term):
            row = np.zeros(rep.dim)
            row[channels] = vector
            rows.append(row)
    return np.array(rows).reshape(-1, rep.dim)


def is_uniform(rep: Representation) -> bool:
    """Whether (1, …, 1) spans the invariant vectors of an orthogonal ρ: transitive permutations, and scalars."""
    vectors = invariant_vectors(rep)
    return len(vectors) == 1 and bool(np.allclose(vectors, 1.0)) and rep.is_orthogonal

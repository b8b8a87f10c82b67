"""Linear algebra in float64: null spaces with canonical bases, polynomials, exponentials, invariant forms."""

from torsor.linalg.arrays import (
    Array,
    block_diagonal,
    constant,
    identity,
    is_torch,
    kron,
    namespace,
    transpose,
)
from torsor.linalg.expm import expm
from torsor.linalg.forms import invariant_form, is_invariant
from torsor.linalg.nullspace import canonical_bases, null_projectors, null_space
from torsor.linalg.polynomials import (
    harmonic_basis,
    harmonic_power,
    harmonic_power_derivative,
    harmonics,
    monomials,
    multi_indices,
    symmetric_power,
    symmetric_power_derivative,
)

__all__ = [
    "Array",
    "block_diagonal",
    "canonical_bases",
    "constant",
    "expm",
    "harmonic_basis",
    "harmonic_power",
    "harmonic_power_derivative",
    "harmonics",
    "identity",
    "invariant_form",
    "is_invariant",
    "is_torch",
    "kron",
    "monomials",
    "multi_indices",
    "namespace",
    "null_projectors",
    "null_space",
    "symmetric_power",
    "symmetric_power_derivative",
    "transpose",
]

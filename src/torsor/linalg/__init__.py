"""Linear algebra in float64: null spaces with canonical bases, polynomials, exponentials, invariant forms."""

from torsor.linalg.arrays import (
    Array,
    block_diagonal,
    constant,
    floating,
    identity,
    is_torch,
    kron,
    namespace,
    transpose,
)
from torsor.linalg.averages import is_invariant
from torsor.linalg.clifford import Clifford, clifford
from torsor.linalg.expm import expm
from torsor.linalg.finite_differences import central_difference, difference_stencil, half_width
from torsor.linalg.forms import invariant_form
from torsor.linalg.gaussian import gaussian, gaussian_derivatives, moment_corrected, smoothed_derivatives
from torsor.linalg.invariants import dual_images, invariant_maps, invariant_tensors, product_images
from torsor.linalg.isotypic import Images
from torsor.linalg.nullspace import canonical_bases, canonical_rows, null_projectors, null_space
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
from torsor.linalg.pseudo_harmonics import (
    pseudo_harmonic_basis,
    pseudo_harmonic_power,
    pseudo_harmonic_power_derivative,
    pseudo_harmonics,
)
from torsor.linalg.quadrature import rotation_from_pole, rotation_quadrature, sphere_rotations
from torsor.linalg.rbf import closest_pair, polyharmonic_weights, unisolvence
from torsor.linalg.spherical import clebsch_gordan, spherical_harmonics, wigner, wigner_derivative, wigners
from torsor.linalg.taylor import indices_up_to, symmetric_weight, taylor_derivatives, taylor_monomials

__all__ = [
    "Array",
    "Images",
    "Clifford",
    "block_diagonal",
    "canonical_bases",
    "canonical_rows",
    "central_difference",
    "clebsch_gordan",
    "clifford",
    "closest_pair",
    "constant",
    "difference_stencil",
    "dual_images",
    "expm",
    "gaussian",
    "gaussian_derivatives",
    "half_width",
    "harmonic_basis",
    "harmonic_power",
    "harmonic_power_derivative",
    "harmonics",
    "identity",
    "indices_up_to",
    "invariant_form",
    "invariant_maps",
    "invariant_tensors",
    "is_invariant",
    "floating",
    "is_torch",
    "kron",
    "moment_corrected",
    "monomials",
    "multi_indices",
    "namespace",
    "null_projectors",
    "null_space",
    "polyharmonic_weights",
    "product_images",
    "pseudo_harmonic_basis",
    "pseudo_harmonic_power",
    "pseudo_harmonic_power_derivative",
    "pseudo_harmonics",
    "rotation_from_pole",
    "rotation_quadrature",
    "smoothed_derivatives",
    "sphere_rotations",
    "spherical_harmonics",
    "symmetric_power",
    "symmetric_power_derivative",
    "symmetric_weight",
    "taylor_derivatives",
    "taylor_monomials",
    "transpose",
    "unisolvence",
    "wigner",
    "wigner_derivative",
    "wigners",
]

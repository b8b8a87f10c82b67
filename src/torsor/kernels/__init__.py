"""Kernel families: how K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹ is solved."""

from torsor.kernels import operators
from torsor.kernels.base import KernelSpec, SteerableKernel
from torsor.kernels.clifford import Clifford, CliffordKernel
from torsor.kernels.covariants import covariants, harmonic_covariants
from torsor.kernels.differential import Differential, Operator
from torsor.kernels.differential_kernel import DifferentialKernel
from torsor.kernels.expanded import BasisSpec, ExpandedKernel, FeaturedKernel
from torsor.kernels.harmonic import Harmonic
from torsor.kernels.implicit import Implicit, edge_attributes
from torsor.kernels.lattice import lattice_elements
from torsor.kernels.profiles import RadialNetwork
from torsor.kernels.pseudo_riemannian import PseudoRiemannian, PseudoRiemannianKernel
from torsor.kernels.radial import RadialHarmonic
from torsor.kernels.scaled import Scaled
from torsor.kernels.slices import ScaledKernel
from torsor.kernels.stencil import Stencil

__all__ = [
    "BasisSpec",
    "Clifford",
    "CliffordKernel",
    "Differential",
    "DifferentialKernel",
    "ExpandedKernel",
    "FeaturedKernel",
    "Harmonic",
    "Implicit",
    "KernelSpec",
    "Operator",
    "PseudoRiemannian",
    "PseudoRiemannianKernel",
    "RadialHarmonic",
    "RadialNetwork",
    "Scaled",
    "ScaledKernel",
    "SteerableKernel",
    "Stencil",
    "covariants",
    "edge_attributes",
    "harmonic_covariants",
    "lattice_elements",
    "operators",
]

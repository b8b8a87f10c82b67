"""Representations: the types of feature fields."""

from torsor.linalg import clebsch_gordan, spherical_harmonics
from torsor.reps.bandlimited import BandLimited, BandLimitedSections
from torsor.reps.base import Representation, direct_sum
from torsor.reps.basic import density, exterior, sign, standard, symmetric, tensor, trivial
from torsor.reps.characters import CharacterTable, character_table
from torsor.reps.decompose import Decomposition, decompose, irrep_type
from torsor.reps.hom import hom
from torsor.reps.induced import Induced
from torsor.reps.irreps import irrep, irrep_label, irreps
from torsor.reps.multivector import Multivector, multivector
from torsor.reps.named import induced, quotient, regular
from torsor.reps.partial import PartialRepresentation, base_of, inflated, scale_factors, scale_type, scaled
from torsor.reps.physics import (
    bivector,
    components_from_symmetric,
    pseudoscalar,
    pseudovector,
    quadrupole,
    quaternion,
    stress,
    symmetric_from_components,
    vector,
)
from torsor.reps.sphere import Spherical, spherical
from torsor.reps.strings import from_string, to_string

__all__ = [
    "base_of",
    "bivector",
    "stress",
    "vector",
    "BandLimited",
    "BandLimitedSections",
    "CharacterTable",
    "Decomposition",
    "Induced",
    "PartialRepresentation",
    "Multivector",
    "Representation",
    "Spherical",
    "character_table",
    "clebsch_gordan",
    "components_from_symmetric",
    "decompose",
    "density",
    "direct_sum",
    "exterior",
    "from_string",
    "hom",
    "induced",
    "inflated",
    "irrep",
    "irrep_label",
    "irrep_type",
    "irreps",
    "multivector",
    "pseudoscalar",
    "pseudovector",
    "quadrupole",
    "quaternion",
    "quotient",
    "regular",
    "scale_factors",
    "scale_type",
    "scaled",
    "sign",
    "spherical",
    "spherical_harmonics",
    "standard",
    "symmetric",
    "symmetric_from_components",
    "tensor",
    "to_string",
    "trivial",
]

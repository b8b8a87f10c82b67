"""Representations: the types of feature fields."""

from torsor.reps.bandlimited import BandLimited
from torsor.reps.base import Representation, direct_sum
from torsor.reps.basic import density, exterior, sign, standard, symmetric, tensor, trivial
from torsor.reps.decompose import Decomposition, decompose, irrep_type
from torsor.reps.hom import hom
from torsor.reps.induced import Induced, induced
from torsor.reps.irreps import irrep, irrep_label, irreps
from torsor.reps.named import quotient, regular

__all__ = [
    "BandLimited",
    "Decomposition",
    "Induced",
    "Representation",
    "decompose",
    "density",
    "direct_sum",
    "exterior",
    "hom",
    "induced",
    "irrep",
    "irrep_label",
    "irrep_type",
    "irreps",
    "quotient",
    "regular",
    "sign",
    "standard",
    "symmetric",
    "tensor",
    "trivial",
]

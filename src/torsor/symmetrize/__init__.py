"""Wrappers that make any module symmetric, or teach it to be: the alternatives to equivariant layers."""

from torsor.symmetrize.action import act, elements_of
from torsor.symmetrize.augment import Augment
from torsor.symmetrize.average import FrameAverage, GroupAverage
from torsor.symmetrize.canonical import Argmax, Canonicalize, Canonicalizer, GramSchmidt, PrincipalAxes
from torsor.symmetrize.frames import FrameSource, PrincipalFrames
from torsor.symmetrize.jumps import jumps

__all__ = [
    "Argmax",
    "Augment",
    "Canonicalize",
    "Canonicalizer",
    "FrameAverage",
    "FrameSource",
    "GramSchmidt",
    "GroupAverage",
    "PrincipalAxes",
    "PrincipalFrames",
    "act",
    "elements_of",
    "jumps",
]

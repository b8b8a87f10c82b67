"""Wrappers that make any module symmetric, or teach it to be: the alternatives to equivariant layers."""

from torsor.symmetrize.action import act, elements_of
from torsor.symmetrize.augment import Augment
from torsor.symmetrize.average import FrameAverage, GroupAverage
from torsor.symmetrize.canonical import Argmax, Canonicalize, Canonicalizer, GramSchmidt, PrincipalAxes
from torsor.symmetrize.centred import Centred
from torsor.symmetrize.frames import FrameSource, PrincipalFrames, ScoredFrames
from torsor.symmetrize.jumps import jumps
from torsor.symmetrize.wrapper import Wrapper, inscribed

__all__ = [
    "Argmax",
    "Augment",
    "Canonicalize",
    "Canonicalizer",
    "Centred",
    "FrameAverage",
    "FrameSource",
    "GramSchmidt",
    "GroupAverage",
    "PrincipalAxes",
    "PrincipalFrames",
    "ScoredFrames",
    "Wrapper",
    "act",
    "elements_of",
    "inscribed",
    "jumps",
]

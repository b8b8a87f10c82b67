"""Layers that act point by point and know no space."""

from torsor.fibre.base import Layer, freeze, join_fields, split_fields
from torsor.fibre.bilinear import TensorProduct
from torsor.fibre.contraction import Bilinear
from torsor.fibre.dropout import ChannelDropout, FieldDropout
from torsor.fibre.expansion import BasisSource, Expansion
from torsor.fibre.fourier import Fourier
from torsor.fibre.linear import Linear
from torsor.fibre.multivector import GeometricProduct
from torsor.fibre.multivector_gate import MultivectorActivation, MultivectorGate
from torsor.fibre.multivector_norm import GradeNorm, MultivectorNorm
from torsor.fibre.nonlinear import Gated, Norm, Squash
from torsor.fibre.norm import BatchNorm, InstanceNorm, LayerNorm
from torsor.fibre.pointwise import ELU, GELU, Pointwise, ReLU, SiLU, Tanh
from torsor.fibre.pool import GroupPool, NormPool, VectorPool

__all__ = [
    "ELU",
    "GELU",
    "BasisSource",
    "BatchNorm",
    "Bilinear",
    "ChannelDropout",
    "Expansion",
    "FieldDropout",
    "Fourier",
    "Gated",
    "GeometricProduct",
    "GradeNorm",
    "GroupPool",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "MultivectorActivation",
    "MultivectorGate",
    "MultivectorNorm",
    "Norm",
    "NormPool",
    "Pointwise",
    "ReLU",
    "SiLU",
    "Squash",
    "Tanh",
    "TensorProduct",
    "VectorPool",
    "freeze",
    "join_fields",
    "split_fields",
]

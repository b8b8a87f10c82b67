"""Layers of equivariant networks on grids, points and manifolds; the layers of `torsor.fibre` are here too."""

from torsor.fibre import (
    ELU,
    GELU,
    BatchNorm,
    Bilinear,
    ChannelDropout,
    FieldDropout,
    Fourier,
    Gated,
    GeometricProduct,
    GradeNorm,
    GroupPool,
    InstanceNorm,
    Layer,
    LayerNorm,
    Linear,
    MultivectorActivation,
    MultivectorGate,
    MultivectorNorm,
    Norm,
    NormPool,
    Pointwise,
    ReLU,
    SiLU,
    Squash,
    Tanh,
    TensorProduct,
    VectorPool,
    freeze,
)
from torsor.nn import init
from torsor.nn.atlas import AtlasGlobalPool, AtlasPool, AtlasUnpool
from torsor.nn.cache import cached
from torsor.nn.cloud import GlobalPool, PointInterpolate, PointPool
from torsor.nn.combine import Concatenate, Restrict, Sequential
from torsor.nn.conv import Conv, ConvTranspose
from torsor.nn.match import count_parameters, match_parameters
from torsor.nn.pool import AdaptiveAvgPool, AdaptiveMaxPool, AntialiasedPool, AvgPool, MaxPool, NormMaxPool
from torsor.nn.resample import DiscMask, Upsample
from torsor.nn.scale_pool import ScalePool, widened
from torsor.nn.spectral import SphericalResample, SphericalSample
from torsor.nn.spectral_conv import SphericalConv
from torsor.nn.summary import Summary, summary
from torsor.spaces.harmonic_rotation import rotated_coefficients
from torsor.spaces.harmonics import InverseSphericalTransform, SphericalTransform

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AntialiasedPool",
    "AtlasGlobalPool",
    "AtlasPool",
    "AtlasUnpool",
    "AvgPool",
    "BatchNorm",
    "Bilinear",
    "ChannelDropout",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "DiscMask",
    "FieldDropout",
    "Fourier",
    "Gated",
    "GeometricProduct",
    "GradeNorm",
    "GlobalPool",
    "GroupPool",
    "InstanceNorm",
    "InverseSphericalTransform",
    "Layer",
    "LayerNorm",
    "Linear",
    "MultivectorActivation",
    "MultivectorGate",
    "MultivectorNorm",
    "MaxPool",
    "Norm",
    "NormMaxPool",
    "NormPool",
    "PointInterpolate",
    "PointPool",
    "Pointwise",
    "ReLU",
    "Restrict",
    "ScalePool",
    "Sequential",
    "SiLU",
    "SphericalConv",
    "SphericalResample",
    "SphericalSample",
    "SphericalTransform",
    "Squash",
    "Summary",
    "Tanh",
    "TensorProduct",
    "Upsample",
    "VectorPool",
    "cached",
    "count_parameters",
    "freeze",
    "init",
    "match_parameters",
    "rotated_coefficients",
    "summary",
    "widened",
]

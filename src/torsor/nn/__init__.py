"""Layers of equivariant networks on grids; the layers of `torsor.fibre` are here too."""

from torsor.fibre import (
    ELU,
    GELU,
    BatchNorm,
    ChannelDropout,
    FieldDropout,
    Fourier,
    Gated,
    GroupPool,
    InstanceNorm,
    Layer,
    LayerNorm,
    Linear,
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
from torsor.nn.cache import cached
from torsor.nn.cloud import GlobalPool, PointInterpolate, PointPool
from torsor.nn.combine import Concatenate, Restrict, Sequential
from torsor.nn.conv import Conv, ConvTranspose
from torsor.nn.match import count_parameters, match_parameters
from torsor.nn.pool import AdaptiveAvgPool, AdaptiveMaxPool, AntialiasedPool, AvgPool, MaxPool, NormMaxPool
from torsor.nn.resample import DiscMask, Upsample
from torsor.nn.summary import Summary, summary

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AntialiasedPool",
    "AvgPool",
    "BatchNorm",
    "ChannelDropout",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "DiscMask",
    "FieldDropout",
    "Fourier",
    "Gated",
    "GlobalPool",
    "GroupPool",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool",
    "Norm",
    "NormMaxPool",
    "NormPool",
    "PointInterpolate",
    "PointPool",
    "Pointwise",
    "ReLU",
    "Restrict",
    "Sequential",
    "SiLU",
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
    "summary",
]

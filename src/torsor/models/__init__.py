"""Reference networks: one architecture a file."""

from torsor.models.digits import DigitsNet, digits_net, plain_net
from torsor.models.equivariant_mlp import EquivariantMLP, uniform
from torsor.models.moebius import CutNet, MobiusNet
from torsor.models.pyramid import Pyramid
from torsor.models.resnet import ResNet
from torsor.models.spacetime_resnet import SpacetimeBlock, SpacetimeResNet
from torsor.models.wide_resnet import ResidualBlock, WideResNet

__all__ = [
    "CutNet",
    "DigitsNet",
    "EquivariantMLP",
    "MobiusNet",
    "Pyramid",
    "ResNet",
    "ResidualBlock",
    "SpacetimeBlock",
    "SpacetimeResNet",
    "WideResNet",
    "digits_net",
    "plain_net",
    "uniform",
]

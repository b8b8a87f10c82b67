"""Reference networks: one architecture a file."""

from torsor.models.digits import DigitsNet, digits_net, plain_net
from torsor.models.wide_resnet import ResidualBlock, WideResNet

__all__ = ["DigitsNet", "ResidualBlock", "WideResNet", "digits_net", "plain_net"]

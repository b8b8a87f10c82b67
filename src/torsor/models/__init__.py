"""Reference networks: one architecture a file."""

from torsor.models.digits import DigitsNet, digits_net, plain_net

__all__ = ["DigitsNet", "digits_net", "plain_net"]

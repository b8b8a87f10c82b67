"""Data sets, and the rotation of images: a data set a file, tensors in and tensors out."""

from torsor.data.digits import digits
from torsor.data.download import Remote, fetch
from torsor.data.mnist import mnist
from torsor.data.mnist_rot import mnist_rot
from torsor.data.rotate import random_angles, rotate

__all__ = ["Remote", "digits", "fetch", "mnist", "mnist_rot", "random_angles", "rotate"]

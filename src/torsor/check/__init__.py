"""Checks that return data: the equivariance of modules, the constraint of kernels."""

from torsor.check.equivariance import equivariance
from torsor.check.frames import FrameReport, gauge, isometry
from torsor.check.kernel import kernel
from torsor.check.report import ElementError, EquivarianceReport

__all__ = ["ElementError", "EquivarianceReport", "FrameReport", "equivariance", "gauge", "isometry", "kernel"]

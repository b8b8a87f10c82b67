"""What a trained classifier does: scores, errors, errors over angles, equivariance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from torsor import check
from torsor.data.rotate import rotate
from torsor.kernels import lattice_elements
from torsor.reps import Representation


def scores(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The class scores (n, classes) of a network in its present mode, computed on its device; on the CPU."""
    device = next(net.parameters(), torch.empty(0)).device
    with torch.inference_mode():
        return torch.cat([net(x.to(device)).cpu() for x in images.split(batch_size(device))])


def error_rate(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The fraction of images whose largest score is not at their label."""
    return (scores(net, images).argmax(dim=1) != labels).float().mean().item()


def errors_by_angle(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, angles: Sequence[float]) -> list[float]:
    """The error rate with all images turned by each angle (radians)."""
    return [error_rate(net, rotate(images, angle).clamp(0, 1), labels) for angle in angles]


def equivariance_error(net: nn.Module, in_rep: Representation, out_rep: Representation, size: int) -> float:
    """The largest ‖N(g f) − g N(f)‖ / ‖N(f)‖ over elements g that a square grid does exactly, in float64."""
    exact = torch.tensor(lattice_elements(in_rep.group))
    return check.equivariance(net, in_rep, out_rep, size=size, elements=exact, gradients=False).exact_error


def fastest_device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def batch_size(device: torch.device) -> int:
    """How many images at a time are fastest without gradients: few stay in a processor's cache."""
    return 50 if device.type == "cpu" else 500


def degrees(step: int) -> list[float]:
    """The angles 0, step, 2·step … below 360 degrees, in radians."""
    return [math.radians(angle) for angle in range(0, 360, step)]

"""Initialisation of steerable layers."""

from __future__ import annotations

import numpy as np
import torch

from torsor.errors import ConfigError
from torsor.fibre import Expansion
from torsor.fibre.steered import Steered
from torsor.kernels import ExpandedKernel, FeaturedKernel, SteerableKernel
from torsor.nn.conv import Conv
from torsor.nn.spectral_conv import DegreeWeights
from torsor.reps import Representation, decompose

GAINS = {"linear": 1.0, "relu": 2.0**0.5, "elu": 1.0, "tanh": 5 / 3, "sigmoid": 1.0}


def he_(module: torch.nn.Module, nonlinearity: str = "relu") -> torch.nn.Module:
    """Set every steerable layer in a module to Gaussian weights that keep the mean square through a nonlinearity.

    An output irrep that n weights feed gets each of variance gain²/n: He et al., 2015, in the basis of irreps.

    Args:
        module: any module; its layers with steerable weights are changed in place, their biases set to zero.
        nonlinearity: "linear", "relu", "elu", "tanh" or "sigmoid".

    Raises:
        ConfigError: an unknown nonlinearity.
    """
    if nonlinearity not in GAINS:
        raise ConfigError(f"expected a nonlinearity among {', '.join(GAINS)}, got {nonlinearity!r}")
    kernels = [m for m in module.modules() if isinstance(m, SteerableKernel)]
    inside = {id(part) for kernel in kernels for part in kernel.modules() if part is not kernel}
    for layer in module.modules():
        if id(layer) in inside:
            continue  # a kernel with a network inside knows how to draw it
        if isinstance(layer, (Expansion, SteerableKernel, DegreeWeights)):
            layer.reset_parameters(GAINS[nonlinearity])
        elif isinstance(layer, Steered) and layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)
    return module


@torch.no_grad()
def delta_orthogonal_(layer: Conv, gain: float = 1.0, generator: torch.Generator | None = None) -> Conv:
    """Set a convolution to an orthogonal intertwiner at the centre and zero elsewhere.

    For every irrep type the matrix of its copies, out × in, is a random (semi-)orthogonal matrix. The kernel is the
    one in the span of the basis closest to that delta: exactly it for `Stencil`, a smoothed one for `Harmonic`.
    Source: Xiao et al., Dynamical isometry and a mean field theory of CNNs, 2018.

    Raises:
        ConfigError: the kernel has no pixel at the centre to set: a kernel with a network, or of derivatives.
    """
    expansion = layer.kernel
    if not isinstance(expansion, ExpandedKernel) or isinstance(expansion, FeaturedKernel):
        raise ConfigError(
            f"expected a kernel on the pixels of a grid, Harmonic(size) or Stencil, got {expansion.spec!r}"
        )
    center = int(np.abs(expansion.spec.offsets(layer.d)).sum(1).argmin())
    mixing: dict = {}
    for pair in expansion.pairs:
        for piece in pair.basis.pieces:
            if not piece.size:
                continue
            view = piece.view(pair.block(expansion.weight))
            view.zero_()
            if piece.tau != piece.sigma:
                continue
            matrix = _mixing(mixing, layer, piece.tau, generator)
            rows = _copies(expansion.out_rep, pair.out_term, piece.tau)
            columns = _copies(expansion.in_rep, pair.in_term, piece.tau)
            part = matrix[rows][:, columns].view(pair.copies_out, piece.copies_out, pair.copies_in, piece.copies_in)
            target = np.zeros(piece.maps.shape[1:])
            target[..., center] = np.eye(piece.tau.dim)
            flat = piece.maps.reshape(piece.number, -1)
            coefficients = np.linalg.lstsq(flat.T, target.ravel(), rcond=None)[0]
            scale = gain * np.sqrt(piece.tau.dim) / max(np.linalg.norm(coefficients @ flat), 1e-12)
            view.copy_(part.permute(0, 2, 1, 3)[..., None].to(view) * torch.as_tensor(scale * coefficients).to(view))
    if layer.bias is not None:
        layer.bias.zero_()
    return layer


def _mixing(known: dict, layer: Conv, tau: Representation, generator: torch.Generator | None) -> torch.Tensor:
    """One (semi-)orthogonal matrix (copies out, copies in) for each irrep type of the layer, group by group."""
    if tau not in known:
        out, into = (
            sum(len(_copies(rep, k, tau)) for k in range(len(rep.terms)))
            for rep in (layer.kernel.out_rep, layer.kernel.in_rep)
        )
        shape = (out // layer.groups, into)
        parts = [torch.empty(shape, dtype=torch.float64) for _ in range(layer.groups)]
        known[tau] = torch.cat([torch.nn.init.orthogonal_(part, generator=generator) for part in parts])
    return known[tau]


def _copies(rep: Representation, term: int, tau: Representation) -> list[int]:
    """The places, among all copies of an irrep in a type, of those in one term."""
    counts = [m * sum(c for c, s in decompose(part).blocks if s == tau) for m, part in rep.terms]
    start = sum(counts[:term])
    return list(range(start, start + counts[term]))

"""One example of every layer: name -> (build, input sizes), small and quick."""

import torch

from tests.fibre.action import C4, C8, CUBE, D4, LINE, MIRROR, O2, SO2
from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R

REGULAR = 2 * R.regular(C4)
MIXED = 2 * R.trivial(D4) + R.standard(D4) + R.regular(D4) + R.sign(D4)
BAND = 2 * R.regular(O2, band=2) + R.trivial(O2)
IRREPS = R.direct_sum([(2, rho) for rho in R.irreps(SO2, 2)])


def softly(x: torch.Tensor) -> torch.Tensor:
    """A function that is no module."""
    return torch.nn.functional.softplus(x)


def small_net() -> nn.Sequential:
    """Convolutions of several types with batch norms and nonlinearities."""
    gated = nn.Gated(IRREPS)
    band = 2 * R.regular(SO2, band=2)
    return nn.Sequential(
        nn.Conv(R.trivial(SO2), gated.in_rep, K.Harmonic(3)),
        nn.BatchNorm(gated.in_rep),
        gated,
        nn.AntialiasedPool(IRREPS, size=3),
        nn.Conv(IRREPS, band, K.Harmonic(3)),
        nn.Fourier(band),
        nn.Norm(band),
        nn.GroupPool(band),
    )


LAYERS = {
    "Conv": (lambda: nn.Conv(R.trivial(C8), R.regular(C8), K.Harmonic(3)), (5, 5)),
    "Conv mixed": (lambda: nn.Conv(MIXED, MIXED, K.Harmonic(3)), (5, 5)),
    "Conv stencil, stride": (lambda: nn.Conv(REGULAR, R.regular(C4), K.Stencil(3), stride=2), (5, 5)),
    "Conv even, dilated, valid": (lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(2), padding=0, dilation=2), (5, 5)),
    "Conv groups": (lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), groups=2), (5, 5)),
    "Conv reflect": (lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), padding_mode="reflect"), (5, 5)),
    "Conv circular, no bias": (
        lambda: nn.Conv(IRREPS, IRREPS, K.Harmonic(3), bias=False, padding_mode="circular"),
        (5, 5),
    ),
    "Conv replicate": (lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), padding_mode="replicate"), (5, 5)),
    "Conv 1d": (lambda: nn.Conv(R.regular(LINE), R.regular(LINE), K.Stencil(3)), (5,)),
    "Conv 3d": (lambda: nn.Conv(R.standard(CUBE), R.trivial(CUBE) + R.standard(CUBE), K.Harmonic(3)), (3, 3, 3)),
    "ConvTranspose": (lambda: nn.ConvTranspose(MIXED, MIXED, K.Harmonic(4), stride=2, padding=1), (3, 3)),
    "ConvTranspose 1d": (lambda: nn.ConvTranspose(R.regular(LINE), R.sign(LINE), K.Stencil(3), stride=2), (4,)),
    "Linear": (lambda: nn.Linear(MIXED, R.regular(D4)), (3, 3)),
    "ReLU": (lambda: nn.ReLU(REGULAR), (3, 3)),
    "ELU": (lambda: nn.ELU(REGULAR), (3, 3)),
    "GELU": (lambda: nn.GELU(REGULAR), (3, 3)),
    "SiLU": (lambda: nn.SiLU(REGULAR), (3, 3)),
    "Tanh": (lambda: nn.Tanh(R.sign(D4) + R.regular(D4)), (3, 3)),
    "Pointwise": (lambda: nn.Pointwise(REGULAR, softly), (3, 3)),
    "Norm": (lambda: nn.Norm(MIXED), (3, 3)),
    "Norm without bias": (lambda: nn.Norm(MIXED, torch.nn.Softplus(), bias=False), (3, 3)),
    "Squash": (lambda: nn.Squash(MIXED), (3, 3)),
    "Gated": (lambda: nn.Gated(MIXED), (3, 3)),
    "Fourier": (lambda: nn.Fourier(BAND), (3, 3)),
    "BatchNorm uniform": (lambda: nn.BatchNorm(REGULAR), (3, 3)),
    "BatchNorm mixed": (lambda: nn.BatchNorm(MIXED), (3, 3)),
    "BatchNorm plain": (lambda: nn.BatchNorm(IRREPS, affine=False), (3, 3)),
    "InstanceNorm": (lambda: nn.InstanceNorm(MIXED, affine=True), (3, 3)),
    "InstanceNorm plain": (lambda: nn.InstanceNorm(MIXED), (3, 3)),
    "LayerNorm": (lambda: nn.LayerNorm(2 * MIXED), (3, 3)),
    "FieldDropout": (lambda: nn.FieldDropout(MIXED), (3, 3)),
    "ChannelDropout": (lambda: nn.ChannelDropout(MIXED), (3, 3)),
    "GroupPool": (lambda: nn.GroupPool(REGULAR), (3, 3)),
    "GroupPool band, mean": (lambda: nn.GroupPool(BAND, "mean"), (3, 3)),
    "NormPool": (lambda: nn.NormPool(MIXED), (3, 3)),
    "VectorPool": (lambda: nn.VectorPool(2 * R.regular(D4)), (3, 3)),
    "MaxPool": (lambda: nn.MaxPool(REGULAR), (4, 4)),
    "NormMaxPool": (lambda: nn.NormMaxPool(MIXED, 3, 2, 1), (5, 5)),
    "AvgPool": (lambda: nn.AvgPool(MIXED, 3, 2, 1), (5, 5)),
    "AdaptiveAvgPool": (lambda: nn.AdaptiveAvgPool(MIXED, 2), (5, 5)),
    "AdaptiveMaxPool": (lambda: nn.AdaptiveMaxPool(REGULAR), (5, 5)),
    "AntialiasedPool": (lambda: nn.AntialiasedPool(MIXED), (6, 6)),
    "AntialiasedPool max": (lambda: nn.AntialiasedPool(REGULAR, size=3, mode="max"), (5, 5)),
    "Upsample": (lambda: nn.Upsample(MIXED), (3, 3)),
    "Upsample cubic": (lambda: nn.Upsample(MIXED, 3, "cubic"), (4, 4)),
    "Upsample 3d": (lambda: nn.Upsample(R.standard(CUBE), 2, "nearest"), (2, 2, 2)),
    "DiscMask": (lambda: nn.DiscMask(MIXED), (5, 5)),
    "Restrict": (lambda: nn.Restrict(MIXED, C4), (3, 3)),
    "Sequential": (small_net, (7, 7)),
}
"""All are exactly equivariant under lattice elements at these sizes."""


def build(name: str, dtype: torch.dtype | None = torch.float64, device: str | None = None) -> torch.nn.Module:
    """The layer of a name, seeded."""
    torch.manual_seed(0)
    with torch.device(device or "cpu"):
        layer = LAYERS[name][0]()
    return layer.to(dtype) if dtype is not None else layer


def sample(name: str, layer: torch.nn.Module, batch: int = 2, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """A random input."""
    return torch.randn(batch, layer.in_rep.dim, *LAYERS[name][1], dtype=dtype)


__all__ = ["BAND", "G", "IRREPS", "LAYERS", "MIRROR", "MIXED", "REGULAR", "build", "sample", "small_net"]

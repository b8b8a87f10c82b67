"""One network over an image pyramid: the strong alternative to kernels that are dilated."""

from __future__ import annotations

import torch

from torsor.errors import FieldTypeError


class Pyramid(torch.nn.Module):
    """y = max_k N(x ↓ s_k): the shared network N at several sizes of the image, and the largest of each feature.

    Images shrink by the factors with an antialiasing (triangle) filter. If the image is scaled by a ratio of the
    factors the features move along the pyramid, and their maximum stays, up to resampling and to the ends of the
    pyramid: invariance without any steerable kernel. It serves outputs of fixed size only, such as pooled features.

    Args:
        module: N, from images (batch, channels, h, w) to features (batch, features).
        factors: s_k ≥ 1, by which images shrink; below 1 they grow.
        mode: "max" or "mean" over the pyramid.

    Raises:
        FieldTypeError: factors that are not positive, or an unknown mode.

    Source: Kanazawa, Sharma and Jacobs, Locally scale-invariant convolutional neural networks, 2014.
    """

    def __init__(self, module: torch.nn.Module, factors: tuple[float, ...] = (1.0, 2.0), mode: str = "max") -> None:
        super().__init__()
        if not factors or min(factors) <= 0:
            raise FieldTypeError(f"expected positive factors, got {factors}")
        if mode not in ("max", "mean"):
            raise FieldTypeError(f'expected the mode "max" or "mean", got {mode!r}')
        self.module, self.factors, self.mode = module, tuple(factors), mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The features of images (batch, channels, h, w): (batch, features)."""
        levels = torch.stack([self.module(shrink(x, factor)) for factor in self.factors])
        return levels.amax(0) if self.mode == "max" else levels.mean(0)

    def extra_repr(self) -> str:
        return f"factors={tuple(round(f, 3) for f in self.factors)}, mode={self.mode}"


def shrink(x: torch.Tensor, factor: float) -> torch.Tensor:
    """Images of 1/factor of the size, antialiased: (batch, c, h, w) -> (batch, c, h/factor, w/factor), rounded."""
    if factor == 1:
        return x
    size = [max(1, round(n / factor)) for n in x.shape[2:]]
    return torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)

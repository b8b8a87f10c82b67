"""Networks for images on the Möbius strip: steerable ones that follow its twist, and a CNN that sees it cut."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torsor import nn, reps
from torsor.errors import ConfigError
from torsor.fields import Field
from torsor.groups import Reflection
from torsor.kernels import Stencil
from torsor.reps import Representation
from torsor.spaces.strips import Mobius

CHANNELS = (16, 32, 64, 128, 256, 64)
"""Of the six convolutions; pooling follows the second and the fourth."""
FEWER = (12, 24, 48, 95, 190, 48)
"""Channels of the smaller CNN, about as large as the steerable networks."""
FIELDS = ("scalar", "sign-flip", "regular", "irreps", "mixed")
"""Types of the hidden features; the networks that have components of both parities are the smaller ones."""


class MobiusNet(torch.nn.Module):
    """Images (batch, 1, width, length) on a Möbius strip -> scores (batch, classes), invariant under all its shifts.

    Six steerable convolutions of 5×5 pixels on the strip, zeros beyond its edge, each with batch norm and a
    nonlinearity; two maxima over 2×2 pixels; scalars and their maximum over the strip; two linear layers. Scalar and
    regular fields go through ReLU, sign-flip fields through f(|x| + b) x/|x|, and their maximum is that of |x|. Shifts
    by multiples of 4 leave the scores as they are to rounding, the one by `length`, which comes back mirrored,
    included; others are seen by pooling.

    Args:
        fields: the type of the hidden features, "scalar", "sign-flip", "regular", "irreps" (scalars and sign-flips
            half and half) or "mixed" (a quarter each, and half of the channels in regular fields).
        length: pixels along the strip.
        width: pixels across it.
        channels: of the six convolutions; multiples of 4, but the last, which are scalars.
        classes: number of scores.
        dtype: of the parameters.

    Raises:
        ConfigError: an unknown type, channels that it does not divide, or sizes that no two poolings divide.

    Source: M. Weiler, P. Forré, E. Verlinde, M. Welling, Coordinate Independent Convolutional Networks (2021).
    """

    def __init__(
        self,
        fields: str = "regular",
        length: int = 28,
        width: int = 28,
        channels: Sequence[int] = CHANNELS,
        classes: int = 10,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if length % 4 or width % 4 or len(channels) != 6:
            raise ConfigError(f"expected sizes that 4 divides and six channels, got {width}×{length} and {channels}")
        group = Reflection(2, 0)
        self.strips = tuple(Mobius(length // n, width // n, group) for n in (1, 2, 4))
        types = [reps.trivial(group), *(hidden(fields, c) for c in channels[:-1]), channels[-1] * reps.trivial(group)]
        self.convs = torch.nn.ModuleList(
            nn.Conv(a, b, Stencil(5), bias=False, dtype=dtype) for a, b in zip(types[:-1], types[1:], strict=True)
        )
        self.norms = torch.nn.ModuleList(nn.BatchNorm(rep, dtype=dtype) for rep in types[1:])
        self.acts = torch.nn.ModuleList(activation(rep, dtype) for rep in types[1:])
        self.pools = torch.nn.ModuleList(largest(types[k]) for k in (2, 4))
        self.head = head(channels[-1], classes, dtype)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The scalars before the maximum over the strip, (batch, channels, width/4, length/4)."""
        y = x.unsqueeze(2)
        for k, (conv, norm, act) in enumerate(zip(self.convs, self.norms, self.acts, strict=True)):
            if k in (2, 4):
                y = self.pools[k // 2 - 1](y)
            y = act(norm(conv(Field(y, conv.in_rep, self.strips[k // 2])).tensor))  # type: ignore[arg-type]
        return y.squeeze(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch of images."""
        return self.head(self.features(x).amax((2, 3)))


class CutNet(torch.nn.Module):
    """The ordinary CNN of the same design: it sees the strip cut open, an image with zeros around it.

    Weights are drawn as those of the steerable networks are, by the rule of He et al.

    Args:
        channels: of the six convolutions.
        classes: number of scores.
        dtype: of the parameters.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, classes: int = 10, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        for k, (a, b) in enumerate(zip((1, *channels[:-1]), channels, strict=True)):
            layers += [torch.nn.MaxPool2d(2)] if k in (2, 4) else []
            conv = torch.nn.Conv2d(a, b, 5, padding=2, bias=False, dtype=dtype)
            torch.nn.init.kaiming_normal_(conv.weight)
            layers += [conv, torch.nn.BatchNorm2d(b, dtype=dtype), torch.nn.ReLU()]
        self.body, self.head = torch.nn.Sequential(*layers), head(channels[-1], classes, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch of images."""
        return self.head(self.body(x).amax((2, 3)))


class TermByTerm(nn.Layer):
    """Layers for the terms of a type, one each, side by side: (batch, channels, 1, H, W) and back."""

    def __init__(self, layers: Sequence[nn.Layer]) -> None:
        rep = reps.direct_sum([pair for layer in layers for pair in layer.in_rep.terms])
        super().__init__(rep, rep)
        self.parts = torch.nn.ModuleList(layers)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        parts = x.squeeze(2).split([layer.in_rep.dim for layer in self.parts], dim=1)  # type: ignore[union-attr]
        found = [layer(part) for layer, part in zip(self.parts, parts, strict=True)]
        return (torch.cat(found, dim=1) if len(found) > 1 else found[0]).unsqueeze(2)


def activation(rep: Representation, dtype: torch.dtype | None = None) -> TermByTerm:
    """ReLU of scalars and regular fields, the norm nonlinearity of sign-flip fields."""
    parts = [m * term for m, term in rep.terms]
    return TermByTerm([nn.ReLU(part) if part.is_permutation else nn.Norm(part, dtype=dtype) for part in parts])


def largest(rep: Representation) -> TermByTerm:
    """The largest of 2×2 pixels: by value for scalars and regular fields, by |x| for sign-flip fields."""
    parts = [m * term for m, term in rep.terms]
    return TermByTerm([nn.MaxPool(part) if part.is_permutation else nn.NormMaxPool(part) for part in parts])


def hidden(fields: str, channels: int) -> Representation:
    """A type with so many channels.

    Raises:
        ConfigError: an unknown name, or channels that it does not divide.
    """
    group = Reflection(2, 0)
    scalar, sign, regular = reps.trivial(group), reps.sign(group), reps.regular(group)
    shares = {
        "scalar": [(1, scalar)],
        "sign-flip": [(1, sign)],
        "regular": [(2, regular)],
        "irreps": [(2, scalar), (2, sign)],
        "mixed": [(4, scalar), (4, sign), (4, regular)],
    }
    if fields not in shares:
        raise ConfigError(f"expected fields among {FIELDS}, got {fields!r}")
    if any(channels % part for part, _ in shares[fields]):
        raise ConfigError(f'expected channels that 4 divides for "{fields}" fields, got {channels}')
    return reps.direct_sum([(channels // part, term) for part, term in shares[fields]])


def head(channels: int, classes: int, dtype: torch.dtype | None) -> torch.nn.Sequential:
    """Two linear layers on invariants."""
    return torch.nn.Sequential(
        torch.nn.Linear(channels, 32, dtype=dtype),
        torch.nn.BatchNorm1d(32, dtype=dtype),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(32, classes, dtype=dtype),
    )

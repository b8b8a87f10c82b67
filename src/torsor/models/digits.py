"""Small networks for rotated digits: an equivariant one, and an ordinary CNN of the same design."""

from __future__ import annotations

import torch

from torsor import groups, kernels, nn, reps
from torsor.errors import ConfigError
from torsor.groups import Group
from torsor.reps import Representation

FIELDS = (6, 10, 10, 14, 14)
"""Fields of the five convolutions at width 1."""


class DigitsNet(torch.nn.Module):
    """Images (batch, 1, 28, 28) -> scores (batch, classes), invariant under the group.

    Five steerable convolutions (7×7, then 5×5, smooth kernels of degree up to 2; of the trivial group all kernels, an
    ordinary CNN), each with batch norm and a nonlinearity, two antialiased poolings, a
    maximum over the group and over space, and two linear layers on the invariants.

    Args:
        group: a planar compact group, or its name.
        representation: "regular" (finite groups), "irreps", or "regular" with `band` for SO(2) and O(2).
        width: multiplies the number of fields.
        band: the highest frequency, for irreps and for Lie groups.
        classes: number of scores.

    Raises:
        ConfigError: an unknown representation.
    """

    def __init__(
        self,
        group: Group | str = "C8",
        representation: str = "regular",
        width: float = 1.0,
        band: int = 3,
        classes: int = 10,
    ) -> None:
        super().__init__()
        group = groups.from_name(group) if isinstance(group, str) else group
        types = [_type(group, representation, max(1, round(width * n)), band) for n in FIELDS]
        self.in_rep: Representation = reps.trivial(group)
        self.body = nn.Sequential(
            *_block(self.in_rep, types[0], 7),
            nn.AntialiasedPool(types[0]),
            *_block(types[0], types[1], 5),
            *_block(types[1], types[2], 5),
            nn.AntialiasedPool(types[2]),
            *_block(types[2], types[3], 5),
            *_block(types[3], types[4], 5),
            *_invariant(types[4]),
        )
        features = self.body.out_rep.dim
        self.head = torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(features, 64),
            torch.nn.BatchNorm1d(64),
            torch.nn.ELU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(64, classes),
        )
        self.out_rep = reps.direct_sum([(classes, self.in_rep)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of a batch of images."""
        return self.head(self.body(x))

    def freeze(self) -> torch.nn.Module:
        """The equivalent network of plain torch modules."""
        return torch.nn.Sequential(self.body.freeze(), nn.freeze(self.head)).eval()


def _type(group: Group, representation: str, fields: int, band: int) -> Representation:
    """The feature type of a layer with about as many channels as `fields` regular fields."""
    if representation == "regular":
        return fields * reps.regular(group, None if group.is_finite else band)
    if representation == "irreps":
        return reps.direct_sum([(fields, rho) for rho in reps.irreps(group, band)])
    raise ConfigError(f'expected the representation "regular" or "irreps", got {representation!r}')


def _block(in_rep: Representation, out_rep: Representation, size: int) -> list[torch.nn.Module]:
    """Convolution, batch norm, and the nonlinearity that suits the type."""
    if out_rep.is_permutation:
        act: nn.Layer = nn.ReLU(out_rep)
    elif all(isinstance(term, reps.BandLimited) for _, term in out_rep.terms):
        act = nn.Fourier(out_rep, torch.nn.ELU())
    else:
        act = nn.Gated(out_rep)
    trivial = in_rep.group.order == 1  # all kernels: an ordinary convolution
    spec = kernels.Stencil(size) if trivial else kernels.Harmonic(size, degrees=2, width=0.7)
    return [nn.Conv(in_rep, act.in_rep, spec, bias=False), nn.BatchNorm(act.in_rep), act]


def _invariant(rep: Representation) -> list[torch.nn.Module]:
    """To scalars, then the maximum over space."""
    functions = all(term.is_permutation or isinstance(term, reps.BandLimited) for _, term in rep.terms)
    pool = nn.GroupPool(rep) if functions else nn.NormPool(rep)
    return [pool, nn.AdaptiveMaxPool(pool.out_rep)]


def digits_net(
    group: Group | str = "C8", representation: str = "regular", width: float = 1.0, band: int = 3, classes: int = 10
) -> DigitsNet:
    """The equivariant network; see `DigitsNet`."""
    return DigitsNet(group, representation, width, band, classes)


def plain_net(parameters: int | None = None, width: float = 1.0, classes: int = 10) -> DigitsNet:
    """The ordinary CNN of the same design, the network of the trivial group.

    Args:
        parameters: choose the width so that the network has about this many parameters.
        width: multiplies the number of channels, if `parameters` is not given.
        classes: number of scores.
    """
    group = groups.Trivial(2)
    if parameters is not None:
        width = nn.match_parameters(lambda w: DigitsNet(group, width=w, classes=classes), parameters)
    return DigitsNet(group, width=width, classes=classes)

"""Canonicalisation: the input is turned into a standard pose, and the output is turned back."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.groups import SO, Group, O
from torsor.reps import Representation, standard
from torsor.symmetrize.frames import moments, pooled, require_isometries, scored_group
from torsor.symmetrize.wrapper import Wrapper, weighted_sum


class Canonicalizer(torch.nn.Module):
    """x ↦ one element g(x) ∈ G a sample, with g(h x) = h g(x), and a confidence that carries gradients, or None."""

    group: Group

    @abstractmethod
    def forward(self, x: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(batch, d, d), and (batch,) of value 1 or None."""


class Canonicalize(Wrapper):
    """x ↦ g f(g⁻¹ x), g = g(x): equivariant for any f, at the price of one evaluation.

    Exact where g(x) is unique. Where two elements tie, g jumps and with it the output, unless f is equivariant itself
    (see `jumps`); a generic equivariant choice without jumps does not exist.

    Args:
        module: f.
        in_rep: ρ_in.
        out_rep: ρ_out.
        canonicalizer: `PrincipalAxes`, `Argmax` or `GramSchmidt`.
        grid: `mode`, `disk`, `space`, see `Wrapper`.

    Raises:
        FieldTypeError: a canonicalizer of another group.

    Source: Kaba et al., Equivariance with learned canonicalization functions, 2023.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        in_rep: Representation,
        out_rep: Representation,
        canonicalizer: Canonicalizer,
        **grid: Any,
    ) -> None:
        super().__init__(module, in_rep, out_rep, **grid)
        if canonicalizer.group != in_rep.group:
            raise FieldTypeError(f"expected a canonicalizer of {in_rep.group}, got one of {canonicalizer.group}")
        self.canonicalizer = canonicalizer

    def evaluate(self, x: Any) -> Any:
        """The output in the pose of the input."""
        g, confidence = self.canonicalizer(x)
        inverse = self.in_rep.group.inverse(g)
        y = self.back(self.module(self.moved(x, inverse)), inverse)
        return y if confidence is None else weighted_sum([y], [confidence])


class PrincipalAxes(Canonicalizer):
    """The principal axes of a cloud or an image, signs by the third moments: (Σ over the axis of its cube) > 0.

    For SO(d) the sign of the first axis follows from the determinant.

    Args:
        group: SO(d) or O(d).

    Raises:
        GroupError: another group.
    """

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = require_isometries(group)

    def forward(self, x: Any) -> tuple[torch.Tensor, None]:
        d = self.group.dim
        axes = torch.linalg.eigh(moments(x, 2, d)).eigenvectors
        skew = torch.einsum("bijk,bia,bja,bka->ba", moments(x, 3, d), axes, axes, axes)
        g = axes * torch.where(skew < 0, -1.0, 1.0)[:, None]
        if isinstance(self.group, SO):
            first = torch.cat([torch.linalg.det(g)[:, None], g.new_ones(len(g), d - 1)], 1)
            g = g * first[:, None]
        return g, None


class Argmax(Canonicalizer):
    """The element h with the largest value f(h) of a regular field of an equivariant network, pooled.

    The values are logits. The output is multiplied by p / p.detach(), of value 1, with the probability p of h: so the
    network is trained with the rest (a straight-through estimate).

    Args:
        network: an equivariant module whose `out_rep` is the regular representation of a finite group.

    Raises:
        FieldTypeError: another output.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.group = network, scored_group(network)

    def forward(self, x: Any) -> tuple[torch.Tensor, torch.Tensor]:
        probabilities = pooled(self.network(x)).softmax(1)
        best = probabilities.argmax(1)
        chosen = probabilities.gather(1, best[:, None])[:, 0]
        return self.group.elements().to(best.device)[best], chosen / chosen.detach()


class GramSchmidt(Canonicalizer):
    """The frame that Gram–Schmidt makes of vectors which an equivariant network gives, pooled over space.

    SO(d) takes d - 1 vectors and completes the frame to determinant 1, O(d) takes d. Differentiable where the vectors
    are independent.

    Args:
        network: an equivariant module whose `out_rep` is (d - 1) or d times `standard` of SO(d) or O(d).

    Raises:
        FieldTypeError: another output.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        out: Any = getattr(network, "out_rep", None)
        group = out.group if isinstance(out, Representation) else None
        if not isinstance(group, (SO, O)) or not group.is_compact:
            raise FieldTypeError(f"expected a network that gives vectors of SO(d) or O(d), got {out}")
        self.number = group.dim - isinstance(group, SO)
        if not out.coincides(self.number * standard(group)):
            raise FieldTypeError(f"expected {self.number} vectors, {self.number} * standard of {group}, got {out}")
        self.network, self.group = network, group

    def forward(self, x: Any) -> tuple[torch.Tensor, None]:
        vectors = pooled(self.network(x)).unflatten(1, (self.number, self.group.dim)).double()
        axes: list[torch.Tensor] = []
        for v in vectors.unbind(1):
            for e in axes:
                v = v - (v * e).sum(-1, keepdim=True) * e
            axes.append(v / v.norm(dim=-1, keepdim=True).clamp(min=1e-12))
        if isinstance(self.group, SO):
            axes.append(_completed(torch.stack(axes, -1)))
        return torch.stack(axes, -1), None


def _completed(axes: torch.Tensor) -> torch.Tensor:
    """The unit vector n with det(axes, n) = 1: cofactors, (batch, d, d - 1) -> (batch, d)."""
    d = axes.shape[1]
    rows = [torch.linalg.det(axes[:, [i for i in range(d) if i != k]]) * (-1) ** (k + d - 1) for k in range(d)]
    return torch.stack(rows, -1)

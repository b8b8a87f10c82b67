"""Fields over a window of scales: a part of the infinite-dimensional regular representation of the scalings.

A function on the scales s = b^k of a scale group S is moved by (ρ(g) f)(s) = f(g⁻¹ s). There are infinitely many
scales; a field holds those of a window. What leaves the window is lost, and what enters it is unknown, taken as zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from torsor.errors import RepresentationError
from torsor.groups import Group, Join, Scaling, Trivial
from torsor.linalg import Array, identity, is_torch, kron, namespace
from torsor.reps.base import Representation, Restricted
from torsor.reps.basic import TrivialRepresentation


def scale_factors(group: Group) -> tuple[Group, Scaling]:
    """(H, S) of a group of scalings S, or of its join with a group H of rotations and reflections.

    Raises:
        RepresentationError: the group is neither, or its scalings are not discrete.
    """
    found: tuple[Group, Group] | None = None
    if isinstance(group, Scaling):
        found = Trivial(group.dim), group
    elif isinstance(group, Join):
        pairs = ((group.left, group.right), (group.right, group.left))
        found = next(((h, s) for h, s in pairs if isinstance(s, Scaling) and h.is_orthogonal), None)
    if found is None:
        raise RepresentationError(
            f"expected scalings, Scaling(d, base), or their Join with a group of rotations and reflections, got {group}"
        )
    rotations, scalings = found
    if not isinstance(scalings, Scaling) or scalings.base is None:
        raise RepresentationError(f"expected a discrete group of scalings, base=2 ** 0.5 for example, got {scalings}")
    return rotations, scalings


def is_scale_group(group: Group) -> bool:
    """Whether a group consists of scalings, or joins them with others."""
    if isinstance(group, Join):
        return is_scale_group(group.left) or is_scale_group(group.right)
    return isinstance(group, Scaling)


def base_of(group: Group) -> float:
    """The smallest factor above 1 of a group of scalings, or of its join with another group."""
    return scale_factors(group)[1].base or 1.0


class Unscaled(Representation):
    """A representation that is given by one of H: g = h s is split into h and the power k of the base in s."""

    rep: Representation

    def split(self, g: Array) -> tuple[Array, Array]:
        """(h, k) of elements g = h b^k: (..., d, d) and (...) of integers."""
        xp = namespace(g)
        s = xp.abs(xp.linalg.det(g)) ** (1 / g.shape[-1])
        powers = xp.log(s) / math.log(base_of(self.group))
        return g / s[..., None, None], powers.detach().round().long() if is_torch(g) else np.rint(powers).astype(int)


@dataclass(frozen=True, eq=False, repr=False)
class PartialRepresentation(Unscaled):
    """ρ(h b^k) = N^k ⊗ τ(h) on a window of scales: component (i, a) is i · dim τ + a, the scale b^{start+i} outer.

    N^k moves the scale j to j + k and drops what leaves the window. This is a part of the regular representation of the
    scalings (times τ), and no representation itself: ρ(g) ρ(h) f = ρ(gh) f holds for the components that `interior`
    marks. The flags (orthogonal, permutation, …) are those of the whole.

    Args:
        group: S, or its join with a group H.
        rep: τ, a representation of H ({e} if there is only S).
        scales: the number of scales.
        start: the power of the base of the first one.

    Raises:
        RepresentationError: no scales, or another group.
    """

    group: Group
    rep: Representation
    scales: int
    start: int = 0

    def __post_init__(self) -> None:
        rotations = scale_factors(self.group)[0]
        if not isinstance(self.scales, int) or self.scales < 1:
            raise RepresentationError(f"expected a window of at least one scale, got {self.scales!r}")
        if self.rep.group != rotations:
            raise RepresentationError(f"expected a representation of {rotations} at each scale, got {self.rep}")

    @property
    def dim(self) -> int:
        return self.scales * self.rep.dim

    @property
    def name(self) -> str:
        window = f"{self.scales}" if self.start == 0 else f"{self.start}…{self.start + self.scales - 1}"
        inner = "" if isinstance(self.rep, TrivialRepresentation) else f"{self.rep.name} × "
        return f"{inner}scales[{window}]"

    @property
    def factors(self) -> np.ndarray:
        """The scales b^start, b^{start+1}, …: (scales,)."""
        return base_of(self.group) ** np.arange(self.start, self.start + self.scales, dtype=float)

    def interior(self, g: Array) -> Array:
        """Which components of ρ(g) f the window of f determines: (..., d, d) -> (..., dim) bool."""
        source = self._index(g) - self.split(g)[1][..., None]
        inside = (source >= 0) & (source < self.scales)
        return inside.repeat_interleave(self.rep.dim, -1) if is_torch(g) else np.repeat(inside, self.rep.dim, -1)

    def _index(self, g: Array) -> Array:
        return torch.arange(self.scales, device=g.device) if is_torch(g) else np.arange(self.scales)

    def _rho(self, g: Array) -> Array:
        h, k = self.split(g)
        i = self._index(g)
        shift = 1 * (i[:, None] == i[None, :] + k[..., None, None])
        return kron(shift.to(g.dtype) if is_torch(g) else shift.astype(g.dtype), self.rep._rho(h))

    def _derivative(self, a: Array) -> Array:
        return kron(identity(self.scales, a), self.rep._derivative(a))

    @property
    def is_orthogonal(self) -> bool:  # type: ignore[override]
        return self.rep.is_orthogonal

    @property
    def is_trivial(self) -> bool:  # type: ignore[override]
        return False

    @property
    def is_permutation(self) -> bool:  # type: ignore[override]
        return self.rep.is_permutation

    @property
    def is_signed_permutation(self) -> bool:  # type: ignore[override]
        return self.rep.is_signed_permutation

    @property
    def invariant_form(self) -> np.ndarray | None:  # type: ignore[override]
        form = self.rep.invariant_form
        return None if form is None else np.kron(np.eye(self.scales), form)

    def coincides(self, other: Representation) -> bool:
        same = isinstance(other, PartialRepresentation) and replace(other, rep=self.rep) == self
        return same and self.rep.coincides(other.rep)  # type: ignore[attr-defined]

    def dual(self) -> Representation:
        return replace(self, rep=self.rep.dual())

    def _restricted(self, subgroup: Group) -> Representation:
        """Without scalings the scales are separate fields."""
        rotations, _ = scale_factors(self.group)
        if isinstance(subgroup, (Scaling, Join)):
            below, scalings = scale_factors(subgroup)
            if scalings == scale_factors(self.group)[1]:
                return replace(self, group=subgroup, rep=self.rep.restrict(below))
        if subgroup <= rotations:
            return self.scales * self.rep.restrict(subgroup)
        return Restricted(self, subgroup)


@dataclass(frozen=True, eq=False, repr=False)
class Inflated(Unscaled):
    """ρ(h s) = τ(h): a representation of H on which the scalings act trivially.

    Raises:
        RepresentationError: another group.
    """

    group: Group
    rep: Representation

    def __post_init__(self) -> None:
        rotations = scale_factors(self.group)[0]
        if self.rep.group != rotations:
            raise RepresentationError(f"expected a representation of {rotations}, got {self.rep}")

    @property
    def dim(self) -> int:
        return self.rep.dim

    @property
    def name(self) -> str:
        return f"unscaled {self.rep.name}"

    def _rho(self, g: Array) -> Array:
        return self.rep._rho(self.split(g)[0])

    def _derivative(self, a: Array) -> Array:
        return self.rep._derivative(a)


def inflated(group: Group, rep: Representation) -> Representation:
    """τ of H as a representation of H × S on which S acts trivially; scalars stay scalars."""
    return TrivialRepresentation(group) if isinstance(rep, TrivialRepresentation) else Inflated(group, rep)


def scaled(group: Group, rep: Representation, window: int | tuple[int, int]) -> Representation:
    """τ of H at every scale of a window: n scales from 1 = b⁰ on, or (first, last) powers of the base.

    Raises:
        RepresentationError: an empty window, or a group without discrete scalings.
    """
    first, last = (0, window - 1) if isinstance(window, int) else window
    return PartialRepresentation(group, rep, last - first + 1, first)


@dataclass(frozen=True)
class ScaleType:
    """What a representation of H × S is: τ(h) at each scale of a window, or b^{k·weight} τ(h) at no scale.

    Attributes:
        rep: τ, of H.
        scales: the number of scales; 0 where there is no window.
        start: the power of the base of the first scale.
        weight: the scalings act by their power of this weight; 0 in a window.
    """

    rep: Representation
    scales: int = 0
    start: int = 0
    weight: float = 0.0

    @property
    def powers(self) -> np.ndarray:
        """The powers of the base of the scales of the window; 0 without one."""
        return self.start + np.arange(max(self.scales, 1))


def scale_type(rep: Representation) -> ScaleType:
    """How a representation of H × S depends on the two factors.

    Raises:
        RepresentationError: the scalings act neither on a window nor by a power of the scale.
    """
    rotations, scalings = scale_factors(rep.group)
    if isinstance(rep, PartialRepresentation):
        return ScaleType(rep.rep, rep.scales, rep.start)
    if isinstance(rep, Inflated):
        return ScaleType(rep.rep)
    image = rep._rho(scalings.generator_array[0])
    if not np.allclose(image, image[0, 0] * np.eye(rep.dim), atol=1e-9) or image[0, 0] <= 0:
        raise RepresentationError(
            f"expected a type on which scalings act by a power of the scale, or a window of scales, got {rep}"
        )
    weight = float(math.log(image[0, 0]) / math.log(base_of(rep.group)))
    return ScaleType(rep.restrict(rotations), weight=round(weight, 9))


def is_scaled(rep: Representation) -> bool:
    """Whether a field of this type has a window of scales."""
    return isinstance(rep, PartialRepresentation)


def partial_hom(
    rho: Representation, sigma: Representation, solve: Callable[[Representation, Representation], np.ndarray]
) -> np.ndarray:
    """Equivariant maps where one side is a window of scales: (number, dim σ, dim ρ), orthonormal.

    Between two windows W_{ij} depends on the ratio of the scales s_j/s_i only: the intertwiners of the whole,
    cut to the windows. To and from fields without scales it is the same at every scale, up to a power of the scale.

    Args:
        rho: the type of the input.
        sigma: the type of the output.
        solve: finds the maps between two representations of H.
    """
    into, out = scale_type(rho), scale_type(sigma)
    i, j = out.powers[:, None], into.powers[None]
    if into.scales and out.scales:
        patterns = np.stack([(j - i == r).astype(float) for r in np.unique(j - i)])
    else:
        base = base_of(rho.group)
        patterns = (base ** (out.weight * j - into.weight * i))[None]
    patterns = patterns / np.linalg.norm(patterns, axis=(1, 2), keepdims=True)
    found = np.einsum("pij,mab->pmiajb", patterns, solve(into.rep, out.rep))
    return found.reshape(-1, sigma.dim, rho.dim)

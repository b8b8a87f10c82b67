"""The irreps of SO(2) and O(2) about an axis of space: C_∞, C_∞v, C_∞h, D_∞ and D_∞h."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torsor.errors import RepresentationError
from torsor.groups import Axial, Group
from torsor.linalg import Array
from torsor.reps.base import Representation
from torsor.reps.basic import Density, TrivialRepresentation

Label = tuple[int | str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class AxialIrrep(Representation):
    """The pull-back of a planar irrep π: ρ(diag(p, s)) = s^odd π(p), of an infinite axial group.

    Its label is that of π, (k) or (parity, k); with a horizontal mirror, which implies the inversion, followed by g or
    u: ρ(-1) = ±1, where ρ(-1) = (-1)^(k + odd).

    Raises:
        RepresentationError: π belongs to another planar group, or s is a function of p.
    """

    group: Group
    planar: Representation
    odd: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.group, Axial) or self.group.is_finite or self.planar.group != self.group.planar:
            raise RepresentationError(
                f"expected an infinite axial group and an irrep of its planar group, got {self.group}, {self.planar}"
            )
        if self.odd and not self.group.mirror:
            raise RepresentationError(f"{self.group} has no horizontal mirror, so none of its irreps is odd under it")

    @property
    def dim(self) -> int:
        return self.planar.dim

    @property
    def label(self) -> Label:
        """(k) or (parity, k), then g or u if there is a horizontal mirror."""
        k = getattr(self.planar, "k", 0)
        parity = getattr(self.planar, "parity", int(isinstance(self.planar, Density)))
        ending = ("u" if (k + self.odd) % 2 else "g",) if self._axial.mirror else ()
        return ((parity, k) if self._axial.reflects else (k,)) + ending

    @property
    def name(self) -> str:
        return f"irrep({','.join(map(str, self.label))})"

    @property
    def _axial(self) -> Axial:
        return self.group  # type: ignore[return-value]

    def _rho(self, g: Array) -> Array:
        p, sign = self._axial.project(g)
        return sign[..., None, None] * self.planar._rho(p) if self.odd else self.planar._rho(p)

    def _derivative(self, a: Array) -> Array:
        return self.planar._derivative(self._axial.project(a)[0])


def axial_irreps(group: Axial, planar: Iterable[Representation]) -> tuple[Representation, ...]:
    """The irreps of an infinite axial group, given those of its planar group; `trivial` and `sign` where they are."""
    named = (TrivialRepresentation(group), Density(group, 0.0, True))
    found = _pull_backs(group, planar)
    return tuple(next((n for n in named if _is_same(n, rep)), rep) for rep in found)


def axial_label(rep: Representation) -> Label | None:
    """The label of an irrep of an infinite axial group, `trivial` and `sign` among them; None of other ones."""
    if isinstance(rep, AxialIrrep):
        return rep.label
    group = rep.group
    if not isinstance(group, Axial) or group.is_finite or rep.dim != 1:
        return None
    planar = [TrivialRepresentation(group.planar)] + [Density(group.planar, 0.0, True)] * group.reflects
    return next((other.label for other in _pull_backs(group, planar) if _is_same(rep, other)), None)


def _pull_backs(group: Axial, planar: Iterable[Representation]) -> list[AxialIrrep]:
    return [AxialIrrep(group, pi, odd) for pi in planar for odd in ((False, True) if group.mirror else (False,))]


def _is_same(rep: Representation, other: AxialIrrep) -> bool:
    """Whether two one-dimensional representations are equal; `sign` of a group of rotations is `trivial`."""
    if rep.dim != 1 or other.dim != 1:
        return False
    return bool((abs(rep.generator_images - other.generator_images) < 0.5).all())

"""Regular, quotient and induced representations, of finite groups and, band-limited, of Lie groups."""

from __future__ import annotations

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.reps.bandlimited import BandLimited, BandLimitedSections
from torsor.reps.base import Representation
from torsor.reps.basic import trivial
from torsor.reps.induced import Induced, identity_subgroup
from torsor.reps.partial import is_scale_group, scale_factors, scaled


def regular(group: Group, band: int | None = None, window: int | tuple[int, int] | None = None) -> Representation:
    """Functions on G, (ρ(g) f)(h) = f(g⁻¹h): the permutation matrices ρ(g) e_h = e_{gh} of a finite group.

    Of scalings, alone or joined with a group H, it is infinite-dimensional; a window of scales is a
    `PartialRepresentation`: functions on H at each scale, scale after scale.

    Args:
        group: the group.
        band: of a Lie group, the highest frequency of the functions; the components are Fourier coefficients then.
        window: of scalings, the number of scales from 1 = base⁰ on, or the (first, last) powers of the base.

    Raises:
        RepresentationError: an infinite group without a band limit, or scalings without a window.
    """
    if window is not None:
        rotations = scale_factors(group)[0]
        return scaled(group, trivial(rotations) if rotations.order == 1 else regular(rotations, band), window)
    if is_scale_group(group):
        raise RepresentationError(
            f"the regular representation of {group} is infinite-dimensional: expected a window of scales, window=4"
        )
    return quotient(group, identity_subgroup(group), band)


def quotient(group: Group, subgroup: Group, band: int | None = None) -> Representation:
    """Functions on G/H: the permutation of the cosets of a subgroup of finite index, or band-limited functions.

    Raises:
        RepresentationError: H is no subgroup, or G/H is infinite and there is no band limit.
    """
    if band is not None:
        return BandLimited(group, subgroup, band)
    if len(subgroup.algebra_array) != len(group.algebra_array):
        raise RepresentationError(
            f"{group} has infinitely many cosets of {subgroup}: expected a band limit, band=…, or a finite group"
        )
    return Induced(group, trivial(subgroup))


def induced(group: Group, rep: Representation, band: int | None = None) -> Representation:
    """Ind_H^G τ of a representation τ of a subgroup H of finite index, or up to a band limit.

    Example: pairs of SO(2) fields that reflections swap are ``induced(O(2), irrep(SO(2), k))``.

    Raises:
        RepresentationError: H is no subgroup, or of infinite index and there is no band limit.
    """
    return Induced(group, rep) if band is None else BandLimitedSections(group, rep, band)

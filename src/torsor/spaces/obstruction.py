"""Which structure groups glued charts allow, and why not others."""

from __future__ import annotations

import numpy as np

from torsor.groups import Cyclic, Dihedral, Group, Reflection, Trivial
from torsor.groups.finite import enumerate_elements
from torsor.spaces.gluing import Gluing


def transporters(gluing: Gluing) -> np.ndarray:
    """g_{p←q} of every crossing of a seam, (2 seams, 2, 2)."""
    return gluing.elements[np.array([c.turn for c in gluing.crossings], dtype=int)].reshape(-1, 2, 2)


def obstruction(gluing: Gluing, group: Group) -> str:
    """Why a group is no structure group of the charts, and the smallest one that is."""
    moves = transporters(gluing)
    outside = ~np.asarray(group.contains(moves))
    seam = gluing.crossings[int(outside.argmax())]
    smallest = describe(enumerate_elements(moves))
    reason = "the frames of two charts differ by elements outside it"
    if not is_orientable(gluing):
        reason = "the space has no orientation: a loop through this seam returns every frame reflected"
    return (
        f"{group} is no structure group of these charts: {reason} (side {seam.axis, int(seam.high_end)} of chart "
        f'{seam.chart}); the smallest group that works is {smallest}, and singular="allow" transports by the identity '
        "where frames jump"
    )


def is_orientable(gluing: Gluing) -> bool:
    """Whether the charts can be oriented so that no seam reflects."""
    signs = {0: 1.0}
    for _ in range(gluing.charts):
        for c in gluing.crossings:
            if c.chart in signs:
                signs.setdefault(c.other, signs[c.chart] * float(np.linalg.det(gluing.turns[c.turn])))
    return all(
        signs.get(c.chart, 1.0) * float(np.linalg.det(gluing.turns[c.turn])) * signs.get(c.other, 1.0) > 0
        for c in gluing.crossings
    )


def describe(elements: np.ndarray) -> str:
    """The name of a finite group of matrices of the plane."""
    n = len(elements)
    candidates = [Trivial(2), Reflection(2, 0), Reflection(2, 1), Cyclic(n), Dihedral(max(n // 2, 1))]
    fits = [c for c in candidates if c.order == n and bool(np.all(c.contains(elements)))]
    return fits[0].name if fits else f"a group of order {n}"

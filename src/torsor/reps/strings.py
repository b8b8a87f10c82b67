"""Sums of irreps as text: "8x0e+4x1o" of O(3), "8x0+4x1" of SO(3), "2x0+3x1" of SO(2)."""

from __future__ import annotations

import re

import numpy as np

from torsor.errors import RepresentationError
from torsor.groups import Group
from torsor.reps.base import Representation, direct_sum
from torsor.reps.decompose import decompose
from torsor.reps.irreps import irrep, irrep_label
from torsor.reps.wigner import DegreeParityIrrep, degree_label

TERM = re.compile(r"(?:(\d+)\s*x\s*)?(.+)")


def from_string(group: Group, text: str) -> Representation:
    """⊕ m_i σ_i from "m₁xσ₁+m₂xσ₂+…", in that order; a multiplicity of one may be left out.

    A symbol is the label by which `irrep` knows σ: "2" of SO(3), "1o" of O(3) (degree; e is even, o odd under the
    inversion), "3" of SO(2), "(1,2)" of O(2), a Mulliken symbol of a point group.

    Raises:
        RepresentationError: a term that is no irrep of the group, or a multiplicity of zero.
    """
    terms = []
    for part in re.split(r"\+(?![^(]*\))", text):
        match = TERM.fullmatch(part.strip())
        if match is None:
            raise RepresentationError(f'expected terms such as "{_example(group)}" of {group}, got {text!r}')
        count = int(match[1] or 1)
        if count < 1:
            raise RepresentationError(
                f"expected a multiplicity of at least 1, got {part.strip()!r}: leave the term out"
            )
        try:
            terms.append((count, irrep(group, *_label(match[2].strip()))))
        except (RepresentationError, TypeError) as error:
            raise RepresentationError(
                f'expected terms such as "{_example(group)}" of {group}, got {part.strip()!r}: {error}'
            ) from error
    return direct_sum(terms)


def to_string(rep: Representation) -> str:
    """The text of a sum of irreps, inverse of `from_string`; term after term, neighbours of one kind merged.

    Raises:
        RepresentationError: a term is not an irrep in the basis of `irrep`.
    """
    symbols: list[list] = []
    for count, term in rep.terms:
        found = decompose(term)
        if [m for m, _ in found.blocks] != [1] or not np.allclose(found.basis, np.eye(term.dim), atol=1e-9):
            raise RepresentationError(
                f"expected a sum of irreps, got the term {term}; its irreps are those of "
                "direct_sum(decompose(rep).blocks), after a change of basis"
            )
        symbol = _symbol(found.blocks[0][1])
        if symbols and symbols[-1][1] == symbol:
            symbols[-1][0] += count
        else:
            symbols.append([count, symbol])
    return "+".join(f"{count}x{symbol}" for count, symbol in symbols)


def _label(symbol: str) -> tuple:
    parts = symbol[1:-1].split(",") if symbol.startswith("(") and symbol.endswith(")") else [symbol]
    return tuple(int(part) if re.fullmatch(r"\s*-?\d+\s*", part) else part.strip() for part in parts)


def _symbol(sigma: Representation) -> str:
    label = irrep_label(sigma)
    degree = degree_label(sigma)
    if degree is not None and len(degree) == 2:
        return f"{degree[0]}{'e' if degree[1] == 1 else 'o'}"
    return str(label[0]) if len(label) == 1 else f"({','.join(map(str, label))})"


def _example(group: Group) -> str:
    try:
        found = irrep(group, "1o")
    except (RepresentationError, TypeError):
        return "8x0+4x1"
    return "8x0e+4x1o" if isinstance(found, DegreeParityIrrep) else "8x0+4x1"

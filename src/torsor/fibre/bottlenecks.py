"""Terms of a type that no equivariant map reaches or leaves: information that a layer silently drops."""

from __future__ import annotations

from torsor.errors import BottleneckWarning
from torsor.reps import Representation
from torsor.warn import warn


def report_bottlenecks(in_rep: Representation, out_rep: Representation, linked: set[tuple[int, int]]) -> None:
    """Warn if some terms have no path at all; linked are the pairs (output term, input term) that have one.

    That two particular terms have no path is the rule (Schur's lemma), and no reason to warn.

    Warns:
        BottleneckWarning: terms of the output that stay zero, and terms of the input that are ignored.
    """
    idle = [rep.name for j, (_, rep) in enumerate(out_rep.terms) if j not in {a for a, _ in linked}]
    unused = [rep.name for i, (_, rep) in enumerate(in_rep.terms) if i not in {b for _, b in linked}]
    told = [f"{', '.join(idle)} of the output stay zero"] if idle else []
    told += [f"{', '.join(unused)} of the input are ignored"] if unused else []
    if told:
        warn(
            f"bottleneck: no equivariant map of {in_rep.group} connects some terms: {'; '.join(told)}",
            BottleneckWarning,
        )

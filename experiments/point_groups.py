"""All kernels between all irreps of every finite subgroup of O(3) up to order 120, checked as in the tests.

``python -m experiments.point_groups`` writes experiments/results/point_groups.csv: for each group its order, the number
of irreps, the number of harmonic covariants of degree 0 … 6 (equal to character theory), and the largest violation
of the steerability constraint relative to the largest entry of the kernel.
"""

import csv
import logging
from pathlib import Path

from tests.point_groups import FAMILIES, POLYHEDRAL, check
from torsor import groups as G

ORDERS = {"Cn": 1, "Cnv": 2, "Cnh": 2, "S2n": 2, "Dn": 2, "Dnh": 4, "Dnd": 4}
"""The order of the group divided by n."""

RESULTS = Path(__file__).parent / "results" / "point_groups.csv"


def every(largest: int = 120) -> list[tuple[str, G.Group]]:
    """Families and their members, the polyhedral groups last; D_nd has order 4n, S_2n has 2n."""
    found = [(name, make(n)) for name, make in FAMILIES.items() for n in range(1, largest // ORDERS[name] + 1)]
    return found + [("polyhedral", group) for group in POLYHEDRAL]


def main() -> None:
    """Check all groups; the file is complete only if none fails."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = []
    for family, group in every():
        found = check(group)
        rows.append({"family": family, "group": str(group), "order": group.order, **found})
        rows[-1]["residual"] = f"{found['residual']:.1e}"
        logging.info("  ".join(f"{name}={value}" for name, value in rows[-1].items()))
    with open(RESULTS, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()

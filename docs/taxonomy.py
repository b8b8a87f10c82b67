"""Renews the table of docs/pages/taxonomy.md: ``python docs/taxonomy.py``, about a minute on one core."""

import math
import re
from pathlib import Path

import torch

from torsor.taxonomy import ROWS, Certificate, Measured, measure

PAGE = Path(__file__).parent / "pages" / "taxonomy.md"
TABLE = re.compile(r"(<!-- table: python docs/taxonomy.py -->\n).*(<!-- end of the table -->)", re.DOTALL)
HEAD = (
    "| id | what it is | fields live on | group | types | error | budget | refined | controls |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def number(x: float, digits: int = 0) -> str:
    """x > 0 rounded up: to a power of ten below 10⁻⁹, otherwise to 1 + `digits` digits."""
    if x == 0:
        return "0"
    exponent = math.floor(math.log10(x))
    if x < 1e-9:
        return f"1e{math.ceil(math.log10(x))}"
    step = 10.0 ** (exponent - digits)
    return f"{math.ceil(x / step - 1e-9) * step:.2g}"


def lines(measured: Measured) -> str:
    """The lines of a row: one a network or law, the first with the row's name."""
    row, found = measured.row, []
    for k, c in enumerate(measured.certificates):
        identity, name = (f"**{row.id}**", row.name) if k == 0 else ("", "")
        found.append(f"| {identity} | {name} | {where(measured, c)} | {numbers(c)} |\n")
    return "".join(found)


def where(measured: Measured, c: Certificate) -> str:
    """Space, group and types; of a law its statement."""
    if not c.space:
        return f"| | *{c.network}*"
    return f"{c.space} | {c.group} | {c.network}"


def numbers(c: Certificate) -> str:
    """Error, budget, the error on the finest grid, and the smaller control."""
    refined = number(c.refinement[-1]) if c.refinement else ""
    return f"{number(c.error)} | {c.budget:.0e} | {refined} | {c.control:.1g}"


def main() -> None:
    """Measure everything and write the table."""
    torch.set_num_threads(1)
    table = HEAD + "".join(lines(measure(row)) for row in ROWS.values())
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda match: match[1] + "\n" + table + "\n" + match[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()

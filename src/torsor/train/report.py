"""One HTML file that says what was trained, and what came out: no other file and no network needed."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files

from torsor.train.results import Results, Row


def html(results: Results, figures: dict[str, tuple[bytes, str]]) -> str:
    """The report.

    Args:
        results: what came out.
        figures: of each title, the PNG file and its caption.
    """
    parts = "".join(_figure(title, *figure) for title, figure in figures.items())
    style = files("torsor.train").joinpath("report.css").read_text(encoding="utf-8")
    body = f"{_head(results)}<h2>Errors</h2>{_table(results)}{parts}<h2>What was run</h2>{_facts(results)}{_FOOT}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Rotated digits</title><style>\n{style}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )


_FOOT = (
    "<footer><p>Digits: a subset of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), CC BY-SA 3.0. "
    "Settings were chosen on validation digits only.</p></footer>"
)


def _head(results: Results) -> str:
    ours, plain = (results.row(network, "upright") for network in ("equivariant", "plain CNN"))
    return (
        "<h1>Rotated digits</h1>"
        f'<p class="lead">Two networks of equal size learnt upright digits. '
        f"Shown digits at random angles, the plain CNN errs on {percent(plain.error_rotated)}, "
        f"the equivariant network on <strong>{percent(ours.error_rotated)}</strong>: it need not learn "
        f"what a rotation is.</p>"
        f"<p>When both learn from rotated digits instead, the equivariant network makes "
        f"{results.ratio('rotated'):.2f} times the errors of the plain one.</p>"
    )


def _table(results: Results) -> str:
    titles = [
        "network",
        "trained on",
        "parameters",
        "validation",
        "test, upright",
        "test, rotated",
        "time",
        "equivariance",
    ]
    head = "".join(f'<th class="left">{t}</th>' if i < 2 else f"<th>{t}</th>" for i, t in enumerate(titles))
    rows = "".join(_row(row) for row in results.rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        '<p class="soft">Errors are fractions of wrong answers. Rotated: every test digit at its own random '
        "angle. Equivariance: the largest relative change of the scores under elements exact on the grid, "
        "in float64.</p>"
    )


def _row(row: Row) -> str:
    mark = ' class="mark"' if row.network == "equivariant" else ""
    return (
        f"<tr{mark}>"
        + "".join(
            f'<td class="left">{escape(c)}</td>' if i < 2 else f"<td>{escape(c)}</td>" for i, c in enumerate(cells(row))
        )
        + "</tr>"
    )


def cells(row: Row) -> list[str]:
    """The entries of a row, as text."""
    errors = [percent(e) for e in (row.validation_error, row.error_upright, row.error_rotated)]
    return [
        row.network,
        row.trained_on,
        f"{row.parameters:,}",
        *errors,
        f"{row.seconds:.0f} s",
        f"{row.equivariance_error:.1e}",
    ]


def percent(fraction: float) -> str:
    """A fraction as a percentage with two decimals."""
    return f"{100 * fraction:.2f} %"


def _figure(title: str, image: bytes, caption: str) -> str:
    data = base64.b64encode(image).decode("ascii")
    return (
        f'<h2>{escape(title)}</h2><figure><img alt="{escape(title)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _facts(results: Results) -> str:
    facts = {**results.settings, **results.environment, "total time": f"{results.seconds:.0f} s"}
    rows = "".join(f"<dt>{escape(k.replace('_', ' '))}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    return f"<dl>{rows}</dl>"

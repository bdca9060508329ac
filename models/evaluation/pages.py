"""What reports are made of: one HTML page with everything inside, tables, pictures as SVG."""

import html
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOUND: Final = "#c2410c"
HUMAN: Final = "#2563a8"
UNCERTAIN: Final = "#f3c9a8"
INK: Final = "#1f2933"
QUIET: Final = "#6b7785"
RULE: Final = "#cbd2d9"
STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "earmark",
}
WORDS: Final = 6  # letters from which a cell is words
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff;
       max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ margin-top: 2.5rem; border-bottom: 2px solid #e4e7eb; }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e4e7eb;
         vertical-align: top; }}
th:first-child, td:first-child {{ text-align: left; }}
td.words {{ text-align: left; }}
figure {{ margin: 1rem 0; }}
figcaption {{ color: #52606d; max-width: 48rem; }}
svg {{ max-width: 100%; height: auto; }}
nav a {{ margin-right: 1rem; }}
.pass {{ color: #1b6e3c; font-weight: 600; }}
.fail {{ color: #b42318; font-weight: 600; }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def page(title: str, body: Iterable[str]) -> str:
    """Return a page that needs nothing beside it; call under ``style`` where it has pictures."""
    return _PAGE.format(title=html.escape(title), body="\n".join(body))


def style() -> Any:
    """Return the context in which pictures are drawn."""
    return mpl.rc_context(STYLE)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; cells are escaped."""
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    """Return a cell; sentences and names begin at the left, figures end at the right."""
    words = isinstance(value, str) and sum(letter.isalpha() for letter in value) > WORDS
    return f"<td{' class=words' if words else ''}>{html.escape(str(value))}</td>"


def paragraph(text: str) -> str:
    """Return a paragraph of escaped text."""
    return f"<p>{html.escape(text)}</p>"


def picture(figure: Figure, caption: str) -> str:
    """Return a figure as SVG inside the page, with what it says in words."""
    return f"<figure>{svg(figure)}<figcaption>{html.escape(caption)}</figcaption></figure>"


def svg(figure: Figure) -> str:
    """Return the figure as an element to put into a page."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def rows_chart(rows: int, row_inches: float, left: float = 0.26) -> tuple[Figure, Axes]:
    """Return axes with a row for each of ``rows`` names, the first on top, shares across."""
    height = row_inches * rows + 0.8
    figure = Figure(figsize=(8.5, height))
    axes = figure.add_axes((left, 0.55 / height, 0.97 - left, 1 - 0.65 / height))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def percent(value: float | None) -> str:
    """Return a share as people read it."""
    return "-" if value is None else f"{100 * value:.1f} %"


def between(interval: Sequence[float] | None) -> str:
    """Return an interval of shares."""
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"

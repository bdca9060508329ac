"""Reports as lists of blocks, rendered as Markdown or as one HTML page with its pictures inside."""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import orjson
from matplotlib.figure import Figure

STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "earmark",
}
NAME_LETTERS: Final = 6  # a cell with more is a name or a sentence: it begins at the left
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff;
       max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ margin-top: 2.5rem; border-bottom: 2px solid #e4e7eb; }}
p {{ white-space: pre-line; }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e4e7eb;
         vertical-align: top; }}
th:first-child, td:first-child {{ text-align: left; }}
td.words {{ text-align: left; }}
figure {{ margin: 1rem 0; }}
figcaption {{ color: #52606d; max-width: 48rem; }}
svg {{ max-width: 100%; height: auto; }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


@dataclass(frozen=True)
class Heading:
    """A heading in a report: ``level`` 2 of a part, 3 inside of one."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Table:
    """A table; cells are shown as ``str`` gives them."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Picture:
    """A picture with its caption, for HTML pages alone; drawn in the style of the reports."""

    draw: Callable[[], Figure]
    caption: str


Block = str | Heading | Table | Picture
"""A string is a paragraph."""


def markdown(blocks: Iterable[Block]) -> str:
    """Return the report as Markdown, without its pictures."""
    return "\n\n".join(_markdown(one) for one in blocks if not isinstance(one, Picture)) + "\n"


def _markdown(block: str | Heading | Table) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * (level + 1)} {text[:1].upper()}{text[1:]}"
        case Table(head, rows):
            lines = (f"| {' | '.join(map(str, row))} |" for row in rows)
            return "\n".join((f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines))
        case _:
            return block


def page(title: str, blocks: Iterable[Block]) -> str:
    """Return the report as an HTML page that fetches nothing."""
    with mpl.rc_context(STYLE):
        body = "\n".join(map(_html, blocks))
    return _PAGE.format(title=html.escape(title), body=body)


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Table(head, rows):
            names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
            body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
            return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"
        case Picture(draw, caption):
            out = StringIO()
            draw().savefig(out, format="svg", metadata={"Date": None})
            svg = out.getvalue()[out.getvalue().index("<svg") :]
            return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"
        case _:
            return f"<p>{html.escape(block)}</p>"


def _cell(value: Any) -> str:
    words = isinstance(value, str) and sum(map(str.isalpha, value)) > NAME_LETTERS
    return f"<td{' class=words' if words else ''}>{html.escape(str(value))}</td>"


def write_files(folder: Path, contents: Mapping[str, Any]) -> list[Path]:
    """Write files by name: strings as they are, other contents as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        text = content if isinstance(content, str) else json_of(content)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in contents]


def json_of(figures: Any) -> str:
    """Return figures as indented JSON."""
    return orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode() + "\n"


def percent(share: float | None) -> str:
    """Return a share in per cent, or a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"


def decimal(share: float | None) -> str:
    """Return a share with two decimals, or a dash."""
    return "-" if share is None else f"{share:.2f}"


def between(interval: Sequence[float] | None) -> str:
    """Return an interval of shares in per cent."""
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"

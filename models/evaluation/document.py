"""Reports as lists of blocks, rendered as Markdown or as one HTML page with its pictures inside."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from io import StringIO
from operator import getitem
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import orjson
from jinja2 import Environment, PackageLoader
from matplotlib.figure import Figure

from detector.explain.plot import STYLE

NAME_LETTERS: Final = 6  # a cell with more is a name or a sentence: it begins at the left


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
    """A picture with its caption, for HTML pages alone."""

    draw: Callable[[], Figure]
    caption: str

    def svg(self) -> str:
        """Return the picture as an SVG element, in the style of the reports."""
        out = StringIO()
        with mpl.rc_context(STYLE | {"font.size": 9}):
            self.draw().savefig(out, format="svg", metadata={"Date": None})
        return out.getvalue()[out.getvalue().index("<svg") :]


Column = tuple[str, str] | tuple[str, str, Callable[[Any], str]]
"""The heading of a column, the path of its figure in a row with slashes, how to show it."""


def table_of(columns: Sequence[Column], rows: Iterable[Any]) -> Table:
    """Return a table of nested figures."""
    return Table(
        [column[0] for column in columns],
        [[_shown(row, *column[1:]) for column in columns] for row in rows],
    )


def _shown(row: Any, path: str, show: Callable[[Any], str] = str) -> str:
    return show(reduce(getitem, filter(None, path.split("/")), row))


def named(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with their names as the figure ``name``."""
    return [{"name": name, **row} for name, row in rows.items()]


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


def page(title: str, blocks: Sequence[Block]) -> str:
    """Return the report as an HTML page that fetches nothing."""
    pages = Environment(loader=PackageLoader("models.evaluation", ""), autoescape=True)
    pages.tests["words"] = lambda cell: sum(map(str.isalpha, str(cell))) > NAME_LETTERS
    return pages.get_template("report.html").render(title=title, blocks=blocks)


def write_files(folder: Path, contents: Mapping[str, Any]) -> list[Path]:
    """Write files by name: strings as they are, other contents as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if not isinstance(content, str):
            content = orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n"
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


def percent(share: float | None) -> str:
    """Return a share in per cent, or a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"


def decimal(value: float | None, places: int = 2) -> str:
    """Return a figure with decimals, or a dash."""
    return "-" if value is None else f"{value:.{places}f}"


def between(interval: Sequence[float] | None) -> str:
    """Return an interval of shares in per cent."""
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"

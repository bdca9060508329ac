"""The page of a scan: one HTML file that needs no network, with small drawings in SVG."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from scipy.special import bdtrc

from detector.assessment.model import Model
from detector.types import Rates
from streams.contract.printing import on_a_page
from streams.contract.vocabulary import Outcome
from streams.ops.scan.tables import KINDS, Count, Report
from streams.ops.scan.track import Track
from streams.services.wording import words

HERE: Final = Path(__file__).resolve().parent
MOST_TRACKS: Final = 1_000
MOST_NAMES: Final = 500
MOST_GROUPS: Final = 200
MOST_UNREADABLE: Final = 500
LONGEST: Final = 200  # characters of a text of others
STANDOUTS: Final = 3  # of each kind
SELDOM: Final = 0.011  # a single track that is suspected stands out
FOLDER: Final = "folder"
BAR: Final = 100  # units of width
UNREADABLE: Final = "unreadable"
SHARES: Final = {**{one.value: one.words for one in Outcome}, UNREADABLE: "Unreadable"}
"""What a bar is made of, in its order, in words."""


@dataclass(frozen=True)
class Part:
    """One stretch of a bar."""

    kind: str
    words: str
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class About:
    """What was scanned, by what."""

    names: tuple[str, ...]
    model: Model
    rates: Rates
    passed_over: int
    """Files that are not named like audio."""
    known: bool
    """Whether an index of known tracks was asked."""


@dataclass(frozen=True)
class Standout:
    """An artist, release, deliverer or folder with findings."""

    kind: str
    count: Count


def page(report: Report, about: About, at: datetime | None = None) -> str:
    """Return the page."""
    script = (HERE / "report.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template("report.html").render(
        about=about,
        report=report,
        bar=bar(report.total),
        tracks=sorted(report.tracks, key=_interest)[:MOST_TRACKS],
        groups=group_numbers(report),
        kinds=[
            (kind, table, [one for one in report.counts[kind] if one.name], _unnamed(report, kind))
            for kind, table in KINDS.items()
        ],
        columns=columns_of(report),
        standouts=standouts(report, about.rates),
        most=MOST_NAMES,
        duplicates=report.duplicates[:MOST_GROUPS],
        parts=report.parts[:MOST_GROUPS],
        unreadable=[track for track in report.tracks if track.unreadable][:MOST_UNREADABLE],
        at=at or datetime.now(UTC),
        version=version("earmark"),
        by_chance=about.rates.suspected * sum(report.total.outcomes.values()),
        style=Markup((HERE / "report.css").read_text()),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - likewise
        script_digest=digest,
    )  # fmt: skip


def bar(count: Count) -> list[Part]:
    """Return the stretches of a bar of outcomes, ``BAR`` units wide; none for no tracks."""
    counts = {**count.outcomes, UNREADABLE: count.unreadable}
    total = sum(counts.values())
    parts: list[Part] = []
    start = 0.0
    for kind, text in SHARES.items():
        if number := counts.get(kind, 0):
            width = BAR * number / total
            parts.append(Part(kind, text, number, round(start, 3), round(width, 3)))
            start += width
    return parts


def group_numbers(report: Report) -> dict[str | None, Any]:
    """Return the group of duplicates of each content that is in one."""
    return {track.content: group for group in report.duplicates for track in group.tracks}


def columns_of(report: Report) -> frozenset[str]:
    """Return which columns of the table of tracks have a value at all."""
    names = {
        "artist": lambda track: track.artists,
        "release": lambda track: track.release,
        "deliverer": lambda track: track.deliverer,
        "states": lambda track: track.states_ai,
        "there": lambda track: track.reading and track.reading.matches,
    }
    present = {name for name, value in names.items() if any(map(value, report.tracks))}
    return frozenset(present | ({"there"} if report.duplicates else set()))


def standouts(report: Report, rates: Rates) -> list[Standout]:
    """Return the artists, releases and deliverers with more findings than by chance.

    Folders stand for them where no file names any.
    """

    def stands_out(count: Count) -> bool:
        suspected = count.outcomes[Outcome.SUSPECTED]
        # how often so many are suspected of so many recordings by people
        by_chance = bdtrc(suspected - 1, count.tracks, rates.suspected) if suspected else 1.0
        certain = count.outcomes[Outcome.IDENTIFIED] or count.marked
        return bool(certain or by_chance <= SELDOM)

    named = [kind for kind in KINDS if kind != FOLDER and any(c.name for c in report.counts[kind])]
    return [
        Standout(kind, count)
        for kind in named or [FOLDER]
        for count in report.counts[kind][:STANDOUTS]
        if count.name and stands_out(count)
    ]


def _unnamed(report: Report, kind: str) -> int:
    return sum(one.tracks for one in report.counts[kind] if not one.name)


def _interest(track: Track) -> tuple[int, float, str]:
    """Sort what the detector finds first, the surest in front; then what files state."""
    order = {Outcome.IDENTIFIED.value: 0, Outcome.SUSPECTED.value: 1}
    rank = order.get(track.outcome or "", 2 if track.states_ai else 3)
    p_value = track.reading.p_value if track.reading else None
    return rank, 1.0 if p_value is None else p_value, track.path


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        words=words, hours=hours, number=number, p_value=p_value_text, bar=bar, joined=joined
    )
    return environment


def _shown(value: Any) -> Any:
    """Return a text of others without what reorders a page, and not endlessly long."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = on_a_page(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def hours(seconds: float) -> str:
    """Return a duration in words."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60:,} h {minutes % 60} min"


def number(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}"


def p_value_text(value: float | None) -> str:
    """Return a p-value as people read it; empty: there is none."""
    if value is None:
        return ""
    return f"{value:.3g}" if value >= 0.0001 else "< 0.0001"


def joined(texts: Iterable[str] | Sequence[str]) -> str:
    """Return texts with commas between."""
    return ", ".join(texts)

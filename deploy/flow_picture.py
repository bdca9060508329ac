"""The drawing of the flow, ``docs/pictures/flow.svg``: processes and topics from the registry.

It has the colours of the page that shows it, light or dark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from streams.contract import topics
from streams.contract.processes import (
    CATALOGUE,
    CLASSIFY,
    CONSOLE,
    DECIDE,
    FINGERPRINT,
    LEDGER,
    PROCESSES,
    REDECIDE,
)

WIDTH, HEIGHT, BOX, TALL = 940, 640, 250, 62
STYLE: Final = """\
svg { background: #fff; color: #1f2937; font: 14px system-ui, sans-serif }
rect { fill: #eef2ff; stroke: #4f5fbf; rx: 8 }
.store rect { fill: #f3f4f6; stroke: #6b7280 }
path { fill: none; stroke: #4f5fbf; stroke-width: 1.6 }
path.reads { stroke: #6b7280; stroke-dasharray: 5 4 }
text { fill: currentColor } .name { font-weight: 600 } .small { font-size: 12px }
.topic { font: 12px ui-monospace, monospace }
@media (prefers-color-scheme: dark) {
  svg { background: #12161d; color: #e5e7eb }
  rect { fill: #1e2447; stroke: #8b9af0 }
  .store rect { fill: #262b33; stroke: #9ca3af }
  path { stroke: #8b9af0 } path.reads { stroke: #9ca3af }
}"""


@dataclass(frozen=True)
class Box:
    """A box with its upper left corner."""

    name: str
    text: str
    x: int
    y: int
    store: bool = False


def _short(text: str) -> str:
    """Return what stands before the first colon of a process's meaning."""
    return text.partition(":")[0]


HOOK: Final = Box("your ingest pipeline", "the hook, or POST /v1/uploads", 30, 20)
BOXES: Final = {
    "hook": HOOK,
    FINGERPRINT.name: Box("fingerprint", _short(FINGERPRINT.meaning), 30, 140),
    CLASSIFY.name: Box("classify", _short(CLASSIFY.meaning), 30, 260),
    DECIDE.name: Box("decide", _short(DECIDE.meaning), 30, 380),
    CATALOGUE.name: Box("catalogue", "your platform applies decisions", 30, 550),
    "store": Box("artefact store", "observations, analyses", 345, 200, store=True),
    "index": Box("index", "known tracks", 345, 110, store=True),
    LEDGER.name: Box("ledger", "every topic, as rows in SQL", 345, 380),
    CONSOLE.name: Box("console, API", "people: verdicts, appeals, uploads", 660, 260),
    REDECIDE.name: Box("redecide", "decides again when a fact changes", 660, 470),
}


def svg() -> str:
    """Return the drawing.

    Raises:
        ValueError: an arrow has a topic that its processes do not write or read.
    """
    shapes = [*(shape for box in BOXES.values() for shape in _box(box)), *_arrows()]
    head = (
        '<marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L8 4L0 8" /></marker>'
    )
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        "<title>The way of an upload through processes and topics</title>\n"
        f"<style>\n{STYLE}\n</style>\n<defs>{head}</defs>\n{body}\n</svg>\n"
    )


def _box(box: Box) -> Iterator[str]:
    yield '<g class="store">' if box.store else "<g>"
    yield f'<rect x="{box.x}" y="{box.y}" width="{BOX}" height="{TALL}" />'
    for style, below, text in (("name", 26, box.name), ("small", 46, box.text)):
        place = f'x="{box.x + BOX // 2}" y="{box.y + below}" text-anchor="middle"'
        yield f'<text class="{style}" {place}>{escape(text)}</text>'
    yield "</g>"


def _arrows() -> Iterator[str]:
    """Yield the arrows: topics are drawn through, what is read besides is dashed."""
    for before, after, topic in (
        ("hook", "fingerprint", topics.UPLOADED),
        ("fingerprint", "classify", topics.FINGERPRINTED),
        ("classify", "decide", topics.CLASSIFIED),
        ("decide", "catalogue", topics.DECIDED),
    ):
        _check(topic, before, after)
        first, second = BOXES[before], BOXES[after]
        x = first.x + BOX // 2
        yield f'<path d="M{x} {first.y + TALL}V{second.y - 2}" marker-end="url(#end)" />'
        middle = (first.y + TALL + second.y) // 2 + 4
        yield f'<text class="topic" x="{x + 10}" y="{middle}">{topic}</text>'
    yield from _line("M280 165H312V141H343", (), reads=True)  # fingerprint, index
    yield from _line("M280 180H312V225H343", (), reads=True)  # fingerprint, store
    yield from _line("M280 290H312V240H343", (), reads=True)  # classify, store
    yield from _line("M343 411H282", ((288, 404, "facts"),), reads=True)
    yield from _line("M597 400H630V291H658", (), reads=True)  # ledger, console
    yield from _line("M597 425H630V490H658", (), reads=True)  # ledger, redecide
    for topic in (topics.REVIEWS_DECIDED, topics.APPEALS_CHANGED, topics.RIGHTS_CHANGED):
        _check(topic, CONSOLE.name, REDECIDE.name)
    yield from _line(
        "M785 324V468",
        (
            (795, 360, topics.REVIEWS_DECIDED),
            (795, 378, topics.APPEALS_CHANGED),
            (795, 396, topics.RIGHTS_CHANGED),
            (795, 414, topics.REOPENED),
        ),
    )
    _check(topics.DECIDED, REDECIDE.name, CATALOGUE.name)
    yield from _line("M785 534V590H282", ((560, 582, topics.DECIDED),))
    _check(topics.DECISIONS_APPLIED, CATALOGUE.name, LEDGER.name)
    yield from _line("M282 566H470V444", ((300, 558, topics.DECISIONS_APPLIED),))
    _check(topics.REVIEWS_REQUESTED, DECIDE.name, LEDGER.name)
    yield from _line(
        "M282 430H343",
        ((300, 462, "labels, review tasks,"), (300, 478, "statements, credits")),
    )


def _line(
    path: str, labels: tuple[tuple[int, int, str], ...], *, reads: bool = False
) -> Iterator[str]:
    kind = ' class="reads"' if reads else ""
    yield f'<path{kind} d="{path}" marker-end="url(#end)" />'
    for x, y, text in labels:
        style = "topic" if "." in text else "small"
        yield f'<text class="{style}" x="{x}" y="{y}">{escape(text)}</text>'


def _check(topic: str, before: str, after: str) -> None:
    writes = before == "hook" or topic in PROCESSES[before].writes
    if not writes or topic not in PROCESSES[after].reads:
        raise ValueError(f"{topic} does not lead from {before} to {after}")

"""The evidence drawn for a person: the sentences and up to four panels, as SVG and PNG.

The panels are the modulation spectrum, the score over time, all multiples together, and the
nearest templates. Without evidence nothing is marked. Figures are made without pyplot: no
display, no state between calls.
"""

import textwrap
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import orjson
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from detector.assessment.model import Model, population
from detector.evidence.clock import LOW_HZ
from detector.explain.picture import HUMAN_MEDIAN, Moved, Picture, matches_of, moved_of, picture_of
from detector.observation.observation import Observation
from detector.types import TIERS, Rates

INK: Final = "#1f2933"
QUIET: Final = "#6b7785"
TRACE: Final = "#aab4be"
HUMAN: Final = "#d9e2ec"
FOUND: Final = "#c2410c"  # reads on white and on the human band, also without red-green sight
PRESENT: Final = 1.0  # S at one rate from which the clock counts as present
SIZE_INCHES: Final = (10.0, 6.8)
PNG_DPI: Final = 150
TRACE_DPI: Final = 200
LABEL_SPACING_HZ: Final = 60.0
TITLE_LETTERS: Final = 64
LONGEST_STEM: Final = 200  # bytes of a file's name, before its ending
MOVED_WIDTH: Final = 1e-3  # of the factor, drawn in colour
SENTENCE_LETTERS: Final = 118
LINE_INCHES: Final = 0.21
SENTENCES_INCHES: Final = 0.73  # from the top
OUTCOMES: Final = {
    "identified": "Identified as AI",
    "suspected": "Suspected",
    "no_trace": "No trace found",
}
LABEL_BOX: Final = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
STYLE: Final[dict[Any, Any]] = {
    "font.size": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "earmark",
}


def evidence(
    observation: Observation, name: str, model: Model, out: Path, rates: Rates
) -> list[Path]:
    """Write the evidence about the recording ``name`` into ``out``: JSON, SVG, PNG."""
    (answer,) = model.assess([observation], rates)
    alpha = rates.suspected
    group = population(observation.sample_rate_hz)
    calibration = model.calibrations.get(group)
    humans = calibration.looks["clock"] if calibration else None
    picture = picture_of(name, observation, answer, humans, group, alpha)
    if model.template_set is not None and calibration is not None and answer.reason is None:
        known = calibration.looks["templates"]
        if matches := matches_of(observation, model.template_set, known, group, alpha):
            picture = replace(picture, matches=matches)
        else:
            (scores,) = model.scores([observation], observation.geometry, calibration)
            moved = moved_of(observation, model.template_set, scores, calibration, alpha)
            picture = replace(picture, moved=moved)
    stem = Path(name).stem.encode()[:LONGEST_STEM].decode(errors="ignore")
    return write(picture, out, stem)


def write(picture: Picture, folder: Path, stem: str) -> list[Path]:
    """Write ``stem``.json, .svg and .png; equal pictures give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.{ending}" for ending in ("json", "svg", "png")]
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2
    paths[0].write_bytes(orjson.dumps(asdict(picture), option=options) + b"\n")
    with mpl.rc_context(STYLE):
        figure = draw(picture)
        figure.savefig(paths[1], metadata={"Date": None, "Title": picture.title})
        figure.savefig(paths[2], dpi=PNG_DPI)
    return paths


def draw(picture: Picture) -> Figure:
    """Return the figure; call it under ``matplotlib.rc_context(STYLE)``."""
    lines = [line for text in picture.sentences for line in textwrap.wrap(text, SENTENCE_LETTERS)]
    width, height = SIZE_INCHES
    height += LINE_INCHES * max(0, len(lines) - 2)
    figure = Figure(figsize=(width, height), facecolor="white", dpi=TRACE_DPI)

    def down(inches: float) -> float:
        return 1 - inches / height

    _header(figure, picture, down(0.23), down(0.49))
    figure.text(0.065, down(SENTENCES_INCHES), "\n".join(lines), va="top", linespacing=1.4)
    if picture.rate_hz is None:
        return figure
    top = down(SENTENCES_INCHES + LINE_INCHES * max(2, len(lines)) + 0.52)
    columns = 3 if picture.matches or picture.moved else 2
    grid = figure.add_gridspec(
        2, columns, left=0.065, right=0.975, bottom=0.53 / height, top=top, hspace=0.44,
        wspace=0.28 if columns == 3 else 0.18, width_ratios=(2.1, 1, 1)[:columns],
        height_ratios=(1.25, 1),
    )  # fmt: skip
    _spectrum(figure.add_subplot(grid[0, :]), picture, picture.rate_hz)
    _time(figure.add_subplot(grid[1, 0]), picture, picture.rate_hz)
    _fold(figure.add_subplot(grid[1, 1]), picture, picture.rate_hz)
    if picture.matches:
        _templates(figure.add_subplot(grid[1, 2]), picture)
    elif picture.moved is not None:
        _moved(figure.add_subplot(grid[1, 2]), picture.moved)
    return figure


def _header(figure: Figure, picture: Picture, first: float, second: float) -> None:
    """Write the title, the outcome, p-value and probability."""
    long = len(picture.title) > TITLE_LETTERS
    title = picture.title[: TITLE_LETTERS - 4] + " ..." if long else picture.title
    big: dict[str, Any] = {"fontsize": 13, "fontweight": "bold", "va": "top"}
    figure.text(0.065, first, title, parse_math=False, **big)
    is_ai = picture.outcome in TIERS
    outcome = OUTCOMES.get(picture.outcome, picture.outcome.replace("_", " "))
    figure.text(0.975, first, outcome, ha="right", color=FOUND if is_ai else INK, **big)
    if picture.p_value is not None and picture.probability is not None:
        figure.text(
            0.975, second,
            f"p-value {picture.p_value:.2g}: the share of human recordings that look as much like "
            f"a generator's; probability {_sure(picture.probability)} at even odds",
            fontsize=8, va="top", ha="right", color=QUIET,
        )  # fmt: skip


def _sure(probability: float) -> str:
    """Return a probability in words, never certain."""
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def _label(axes: Axes, title: str, x: str, y: str = "", **x_style: Any) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, **x_style)
    axes.set_ylabel(y)


def _spectrum(axes: Axes, picture: Picture, rate_hz: float) -> None:
    """Draw the modulation spectrum; its trace as pixels, or the SVG would weigh megabytes."""
    axes.axhspan(HUMAN_MEDIAN, picture.human_height, color=HUMAN, lw=0, zorder=0)
    axes.plot(
        picture.spectrum_hz, picture.spectrum, color=TRACE, lw=0.35, rasterized=True, zorder=1
    )
    left_out: list[int] = []
    note = "single lines are notes and beats; no rate shows all its multiples: nothing is marked"
    if picture.is_found:
        left_out = _mark_multiples(axes, picture, rate_hz)
        out = sum(line.stands_out for line in picture.lines)
        note = (
            f"r = {rate_hz:.2f} Hz: {out} of {len(picture.lines)} multiples stand above "
            "99 % of human heights (filled)"
        )
    axes.set_title(
        note, loc="right", fontsize=9, color=FOUND if picture.is_found else QUIET, pad=16
    )
    axes.set_title("Pulsing of the energy above 4.5 kHz", loc="left", fontsize=10, pad=16)
    axes.set_xlim(0, 1_500)
    axes.set_ylim(-1.5, 4.1)
    axes.axvspan(0, LOW_HZ, color="white", alpha=0.65, lw=0, zorder=1.5)
    notes = [
        (LOW_HZ / 2, "center", "not scored"),
        (1_494, "right", "shaded: median to 99 % of single lines in human recordings"),
    ]
    if left_out:
        notes.insert(0, (LOW_HZ + 8, "left", "in brackets: not counted, MP3 frames pulse there"))
    for hz, side, text in notes:
        axes.text(hz, -1.2, text, ha=side, fontsize=8, va="center", zorder=4, bbox=LABEL_BOX)
    axes.set_xlabel("modulation frequency (Hz)")
    axes.set_ylabel("line height (std. dev.)")


def _mark_multiples(axes: Axes, picture: Picture, rate_hz: float) -> list[int]:
    """Mark the multiples of the rate; return those not counted because MP3 frames pulse there."""
    for line in picture.lines:
        colour = FOUND if line.stands_out else "white"
        axes.plot([line.hz], [line.height], "o", ms=4.5, color=FOUND, zorder=3, mfc=colour)
        if line.stands_out:
            axes.vlines(line.hz, HUMAN_MEDIAN, line.height, color=FOUND, lw=1.0, zorder=2)
    step = ceil(LABEL_SPACING_HZ / rate_hz)
    counted = {line.order: line.hz for line in picture.lines}
    left_out = []
    if step == 1:  # else labels are too close
        orders = range(ceil(LOW_HZ / rate_hz), int(1_499 / rate_hz) + 1)
        left_out = [order for order in orders if order not in counted]
    labels = [
        (hz, f"{order}r" if order > 1 else "r", 9, FOUND)
        for order, hz in counted.items()
        if order % step == 0
    ]
    labels += [(order * rate_hz, f"({order}r)", 8, QUIET) for order in left_out]
    for hz, text, size, colour in labels:
        axes.annotate(
            text, (hz, 4.15), ha="center", va="bottom", fontsize=size, color=colour,
            annotation_clip=False,
        )  # fmt: skip
    return left_out


def _time(axes: Axes, picture: Picture, rate_hz: float) -> None:
    starts = [segment.start_s for segment in picture.segments]
    widths = [segment.end_s - segment.start_s for segment in picture.segments]
    heights = [max(segment.score, 0.0) for segment in picture.segments]
    present = [picture.is_found and height > PRESENT for height in heights]
    axes.bar(
        starts, heights, widths, align="edge", lw=0.6, edgecolor="white",
        color=[FOUND if here else TRACE for here in present],
    )  # fmt: skip
    axes.axhline(PRESENT, color=INK, lw=0.8, ls=(0, (4, 3)))
    axes.set_xlim(0, picture.duration_s)
    axes.set_ylim(0, max([*heights, 4.0]) * 1.12)
    share = sum(width for width, here in zip(widths, present, strict=True) if here)
    note = f" (in {share / sum(widths):.0%} of it)" if picture.is_found else ""
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 1.5, 2, 3, 6, 10], integer=True))
    axes.xaxis.set_major_formatter(lambda at, _: f"{int(at) // 60}:{int(at) % 60:02d}")
    time = "time (min:s); dashed: from here on the clock is present"
    _label(axes, f"Where in the track{note}", time, f"score at {rate_hz:.2f} Hz")


def _fold(axes: Axes, picture: Picture, rate_hz: float) -> None:
    axes.axhspan(HUMAN_MEDIAN, picture.fold_human, color=HUMAN, lw=0, zorder=0)
    middle = np.abs(picture.fold_hz) <= 3.5 * float(picture.fold_hz[1] - picture.fold_hz[0])
    axes.plot(picture.fold_hz, picture.fold, color=QUIET, lw=0.8, zorder=1)
    if picture.is_found:
        axes.plot(picture.fold_hz[middle], picture.fold[middle], color=FOUND, lw=1.8, zorder=2)
    axes.set_xlim(float(picture.fold_hz[0]), float(picture.fold_hz[-1]))
    axes.set_ylim(-1.0, max(2.0, float(picture.fold.max()) * 1.1))
    distance = f"distance from k \N{MULTIPLICATION SIGN} {rate_hz:.2f} Hz (Hz)"
    _label(axes, "All multiples together", distance, "mean height")


def _templates(axes: Axes, picture: Picture) -> None:
    """Draw how well the nearest known decoders match, each against its own human null."""
    scores = [match.score for match in picture.matches]
    places = list(range(len(scores)))[::-1]
    axes.axvspan(0, 1, color=HUMAN, lw=0, zorder=0)
    axes.barh(places, scores, color=[FOUND, *[TRACE] * (len(scores) - 1)], height=0.7, zorder=1)
    for place, match in zip(places, picture.matches, strict=True):
        # legible on the bar, beyond it, and on both
        behind = {"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.0}
        at = 0.04 * max(scores)
        axes.text(at, place, match.name, va="center", fontsize=8, zorder=2, bbox=behind)
    axes.set_yticks([])
    axes.set_xlim(0, max(*scores, 1.0) * 1.05)
    _label(axes, "Nearest known decoders", "match; shaded: 95 % of humans", fontsize=9)


def _moved(axes: Axes, moved: Moved) -> None:
    """Draw the match with one decoder over the factors."""
    percent = 100 * (moved.factors - 1)
    near = np.abs(moved.factors / moved.factor - 1) < MOVED_WIDTH
    axes.plot(percent, moved.match, color=TRACE, lw=0.5, zorder=1)
    axes.plot(percent[near], moved.match[near], color=FOUND, lw=1.8, zorder=2)
    axes.set_xlim(float(percent[0]), float(percent[-1]))
    axes.text(
        0.03, 0.97, f"beside {moved.name}:\n{moved.factor - 1:+.1%}", va="top", fontsize=8,
        color=FOUND, transform=axes.transAxes, bbox=LABEL_BOX, zorder=3,
    )  # fmt: skip
    _label(axes, "All lines moved as one", "moved by (%)", "match (std. dev.)", fontsize=9)

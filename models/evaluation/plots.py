"""Pictures of the reports: ROC curve, shares by maker and by cell, reliability."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOUND: Final = "#c2410c"
HUMAN: Final = "#2563a8"
UNCERTAIN: Final = "#f3c9a8"
PALE_HUMAN: Final = "#b6cbe2"
INK: Final = "#1f2933"
QUIET: Final = "#6b7785"
RULE: Final = "#cbd2d9"


def curve(subset: dict[str, Any]) -> Figure:
    """Draw the ROC curve over a logarithmic false-positive rate, with the operating points."""
    figure = Figure(figsize=(6.0, 3.6))
    axes = figure.add_axes((0.11, 0.15, 0.86, 0.8))
    fpr = np.array(subset["curves"]["fpr"])
    least = max(float(fpr[fpr > 0].min()), 1e-4) if (fpr > 0).any() else 1e-3
    axes.step(fpr.clip(min=least), subset["curves"]["tpr"], where="post", color=FOUND, lw=1.8)
    for at, point in subset["tpr_at_fpr"].items():
        axes.axvline(float(at), color=RULE, lw=0.8, zorder=0)
        axes.plot([float(at)] * 2, point["interval"], color=INK, lw=1.2)
        axes.plot([float(at)], [point["tpr"]], "o", color=INK, ms=4)
    axes.grid(axis="y", color=RULE, lw=0.6)
    xlabel = f"share of human recordings flagged (least that {subset['human']} can show)"
    ylabel = "share of AI tracks found"
    axes.set(xscale="log", xlim=(least, 1), ylim=(0, 1.02), xlabel=xlabel, ylabel=ylabel)
    return figure


def makers(rows: dict[str, Any], *, ai: bool) -> Figure:
    """Draw the share of each generator that is found, or of each human source that is flagged."""
    dark, pale = (FOUND, UNCERTAIN) if ai else (HUMAN, PALE_HUMAN)
    names = [f"{maker} ({row['tracks']})" for maker, row in rows.items()]
    figure, axes = _rows_chart(names, 0.24, left=0.34)
    for colour, key in ((pale, "flagged_at_5"), (dark, "flagged_at_1")):
        axes.barh(range(len(rows)), [row[key] for row in rows.values()], 0.62, color=colour)
    axes.set_xlabel("share of tracks flagged (dark: at 1 %, pale: at 5 %)")
    return figure


def cells(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw found and falsely flagged shares with their intervals, a line for each row."""
    figure, axes = _rows_chart([row["cell"] for row in rows], 0.24)
    for at, row in enumerate(rows):
        for side, colour, marker, shift in (("tpr", FOUND, "o", -0.16), ("fpr", HUMAN, "s", 0.16)):
            if row[side]["share"] is not None:
                axes.plot(row[side]["interval"], [at + shift] * 2, color=colour, lw=1.2)
                axes.plot([row[side]["share"]], [at + shift], marker, color=colour, ms=4)
    axes.set_xlabel("share flagged (orange, round: AI; blue, square: human)")
    return figure


def negatives(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw the share of seeds of each kind of hard negative that is flagged or uncertain."""
    figure, axes = _rows_chart([row["kind"] for row in rows], 0.18, fontsize=7)
    at, flagged = range(len(rows)), [row["flagged"] for row in rows]
    axes.barh(at, flagged, 0.6, color=FOUND)
    axes.barh(at, [row["uncertain"] for row in rows], 0.6, left=flagged, color=UNCERTAIN)
    axes.set_xlabel("share of seeds (dark: flagged; light: uncertain)")
    return figure


def reliability(bins: Sequence[dict[str, float]]) -> Figure:
    """Draw stated probability against the share that is AI."""
    figure = Figure(figsize=(4.4, 4.2))
    axes = figure.add_axes((0.14, 0.12, 0.82, 0.84))
    axes.plot([0, 1], [0, 1], color=QUIET, lw=0.8, ls=(0, (4, 3)))
    stated, true = ([row[key] for row in bins] for key in ("probability", "ai_share"))
    axes.plot(stated, true, color=FOUND, lw=1.0)
    axes.scatter(stated, true, s=[20 + 400 * row["weight"] for row in bins], color=FOUND, alpha=0.6)
    for row in bins:
        axes.annotate(
            str(row["tracks"]), (row["probability"], row["ai_share"]), xytext=(7, -9),
            textcoords="offset points", fontsize=7, color=INK,
        )  # fmt: skip
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), ylabel="share that is AI")
    axes.set_xlabel("stated probability of AI (numbers: tracks)")
    return figure


def _rows_chart(
    names: Sequence[str], row_inches: float, left: float = 0.26, fontsize: int | None = None
) -> tuple[Figure, Axes]:
    """Return axes with a row for each name, the first on top, shares across."""
    height = row_inches * len(names) + 0.8
    figure = Figure(figsize=(8.5, height))
    axes = figure.add_axes((left, 0.55 / height, 0.97 - left, 1 - 0.65 / height))
    axes.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5), axisbelow=True)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_yticks(range(len(names)), names, fontsize=fontsize)
    return figure, axes

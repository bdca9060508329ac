"""Pictures of the reports: ROC curve, shares by maker, reliability."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from detector.explain.plot import FOUND, INK, QUIET
from models.evaluation.measures import FPRS

HUMAN: Final = "#2563a8"
UNCERTAIN: Final = "#f3c9a8"
PALE_HUMAN: Final = "#b6cbe2"
RULE: Final = "#cbd2d9"


def curve(subset: dict[str, Any]) -> Figure:
    """Draw the ROC curve over a logarithmic false-positive rate, with the operating points."""
    figure = Figure(figsize=(6.0, 3.6))
    axes = figure.add_axes((0.11, 0.15, 0.86, 0.8))
    fpr = np.array(subset["curves"]["fpr"])
    least = max(float(fpr[fpr > 0].min()), 1e-4) if (fpr > 0).any() else 1e-3
    axes.step(fpr.clip(min=least), subset["curves"]["tpr"], where="post", color=FOUND, lw=1.8)
    figures = subset["baselines"]["this model"]
    for at in FPRS:
        axes.axvline(at, color=RULE, lw=0.8, zorder=0)
        axes.plot([at] * 2, figures[f"tpr_at_{at:g}_interval"], color=INK, lw=1.2)
        axes.plot([at], [figures[f"tpr_at_{at:g}"]], "o", color=INK, ms=4)
    axes.grid(axis="y", color=RULE, lw=0.6)
    xlabel = f"share of human recordings flagged (least that {subset['human']} can show)"
    ylabel = "share of AI tracks found"
    axes.set(xscale="log", xlim=(least, 1), ylim=(0, 1.02), xlabel=xlabel, ylabel=ylabel)
    return figure


def makers(rows: dict[str, Any], *, ai: bool) -> Figure:
    """Draw the share of each generator that is found, or of each human source that is flagged."""
    dark, pale = (FOUND, UNCERTAIN) if ai else (HUMAN, PALE_HUMAN)
    names = [f"{maker} ({row['tracks']})" for maker, row in rows.items()]
    height = 0.24 * len(names) + 0.8
    figure = Figure(figsize=(8.5, height))
    axes = figure.add_axes((0.34, 0.55 / height, 0.63, 1 - 0.65 / height))
    axes.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5), axisbelow=True)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_yticks(range(len(names)), names)
    for colour, key in ((pale, "flagged_at_5"), (dark, "flagged_at_1")):
        axes.barh(range(len(rows)), [row[key] for row in rows.values()], 0.62, color=colour)
    axes.set_xlabel("share of tracks flagged (dark: at 1 %, pale: at 5 %)")
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

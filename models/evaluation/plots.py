"""Pictures of an evaluation; call them under ``pages.style``."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from models.evaluation.pages import FOUND, HUMAN, INK, QUIET, RULE, UNCERTAIN, rows_chart

PALE_HUMAN = "#b6cbe2"


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
    axes.set_xscale("log")
    axes.set_xlim(least, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_xlabel(f"share of human recordings flagged (least that {subset['human']} can show)")
    axes.set_ylabel("share of AI tracks found")
    return figure


def generators(rows: dict[str, Any]) -> Figure:
    """Draw the share of each generator that is found."""
    return _bars(rows, FOUND, UNCERTAIN, "share of tracks flagged (dark: at 1 %, pale: at 5 %)")


def sources(rows: dict[str, Any]) -> Figure:
    """Draw the share of each human source that is falsely flagged."""
    return _bars(rows, HUMAN, PALE_HUMAN, "share of tracks flagged (dark: at 1 %, pale: at 5 %)")


def _bars(rows: dict[str, Any], dark: str, pale: str, label: str) -> Figure:
    figure, axes = rows_chart(len(rows), 0.24, left=0.34)
    at = range(len(rows))
    axes.barh(at, [row["flagged_at_5"] for row in rows.values()], 0.62, color=pale)
    axes.barh(at, [row["flagged_at_1"] for row in rows.values()], 0.62, color=dark)
    axes.set_yticks(at, [f"{maker} ({row['tracks']})" for maker, row in rows.items()])
    axes.set_xlabel(label)
    return figure


def reliability(bins: list[dict[str, float]]) -> Figure:
    """Draw stated probability against the share that is AI."""
    figure = Figure(figsize=(4.4, 4.2))
    axes = figure.add_axes((0.14, 0.12, 0.82, 0.84))
    axes.plot([0, 1], [0, 1], color=QUIET, lw=0.8, ls=(0, (4, 3)))
    stated = [row["probability"] for row in bins]
    true = [row["ai_share"] for row in bins]
    axes.plot(stated, true, color=FOUND, lw=1.0)
    axes.scatter(stated, true, s=[20 + 400 * row["weight"] for row in bins], color=FOUND, alpha=0.6)
    for row in bins:
        axes.annotate(
            str(row["tracks"]), (row["probability"], row["ai_share"]), xytext=(7, -9),
            textcoords="offset points", fontsize=7, color=INK,
        )  # fmt: skip
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("stated probability of AI (numbers: tracks)")
    axes.set_ylabel("share that is AI")
    return figure

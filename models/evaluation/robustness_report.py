"""The figures of ``models.evaluation.robustness`` as blocks, for the page and for the card."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from models.evaluation import plots
from models.evaluation.document import (
    Block,
    Picture,
    Table,
    between,
    decimal,
    markdown,
    page,
    percent,
    write_files,
)


def write(figures: dict[str, Any], folder: Path) -> list[Path]:
    """Write robustness.json, .md and .html."""
    report = blocks(figures)
    files = {
        "robustness.json": figures,
        "robustness.md": markdown(report),
        "robustness.html": page(f"Robustness of {', '.join(figures['models'])}", report),
    }
    return write_files(folder, files)


def blocks(figures: dict[str, Any]) -> list[Block]:
    """Return the whole report, with pictures of each model first."""
    ai, human = figures["data"]["ai"], figures["data"]["human"]
    judged = "; ".join(f"{name}: {how}" for name, how in figures["human_scores"].items())
    return [
        f"{sum(ai.values())} AI excerpts from {len(ai)} generators and {sum(human.values())} human "
        f"ones from {len(human)} sources, {figures['excerpt_s']:g} s each, 44.1 kHz and up; "
        f"flagged means AI likely at the frozen threshold of alpha {figures['alpha']:g}. "
        "Intervals (95 %) resample generators and repositories. A model with templates answers as "
        "if it had never met the track's generator; rows with generators known are as released. "
        f"Human excerpts' own repositories among the human scores: {judged}.",
        *_pictures(figures),
        *(
            Table(
                (title, "model", "AI", "found", "AI uncertain", "human", "flagged", "abstained"),
                [
                    (row["cell"], row["model"], row["tpr"]["n"], _interval(row["tpr"]),
                     decimal(row["tpr"]["uncertain"]), row["fpr"]["n"], _interval(row["fpr"]),
                     decimal(row["fpr"]["abstained"]))
                    for row in figures[key]
                ],
            )
            for title, key in (("delivery", "cells"), ("window", "windows"))
        ),
        *(
            block
            for model, rows in figures["splices"].items()
            if rows
            for block in (
                f"A generator's part inside two minutes of a recording, {model}:",
                _splices(rows),
            )
        ),
        Table(
            ("family of hard negatives", "model", "made", "flagged", "uncertain", "abstained"),
            [
                (row["family"], row["model"], row["n"], _interval(row), decimal(row["uncertain"]),
                 decimal(row["abstained"]))
                for row in figures["families"]
            ],
        ),
        Table(
            ("hard negative", "model", "made", "flagged", "uncertain", "abstained",
             "highest score"),
            [
                (row["kind"], row["model"], row["made"], *(
                    decimal(row[name])
                    for name in ("flagged", "uncertain", "abstained", "highest_score")))
                for row in figures["negatives"]
            ],
        ),
        "Not made:",
        "\n".join(f"- {kind}: {reason}" for kind, reason in figures["skipped"].items()),
    ]  # fmt: skip


def _pictures(figures: dict[str, Any]) -> list[Picture]:
    return [
        Picture(partial(draw, rows), f"{model}: {caption}")
        for model in dict.fromkeys(row["model"] for row in figures["cells"])
        for key, draw, caption in (
            ("cells", plots.cells, "deliveries"),
            ("windows", plots.cells, "length of the excerpt"),
            ("negatives", plots.negatives, "hard negatives, made and not recorded"),
        )
        if (rows := [row for row in figures[key] if row["model"] == model])
    ]


def card_blocks(figures: dict[str, Any], model: str) -> list[Block]:
    """Return the tables of deliveries, lengths, splices and hard negatives of one model."""
    ai, human = figures["data"]["ai"], figures["data"]["human"]
    splices = figures["splices"].get(model)
    located: list[Block] = []
    if splices:
        located.append("A generator's part inside two minutes of somebody's recording:")
        located.append(_splices(splices))
    families, negatives = (
        [row for row in figures[key] if row["model"] == model] for key in ("families", "negatives")
    )
    flagged = [f"{row['kind']} {percent(row['flagged'])}" for row in negatives if row["flagged"]]
    return [
        f"{sum(ai.values())} AI excerpts of {len(ai)} generators, {sum(human.values())} human "
        f"ones of {len(human)} sources, at most {figures['excerpt_s']:g} s, 44.1 kHz and up, at "
        f"the frozen threshold of alpha {figures['alpha']:g}. Unseen: as if the generator had "
        "never been met. Known: as released. Human excerpts' own repositories are "
        f"{figures['human_scores'][model]} among the human scores.",
        _known_and_unseen("delivery", figures["cells"], model),
        _known_and_unseen("length", figures["windows"], model),
        *located,
        "Made to look like a decoder's clock (false alarms at that alpha):",
        Table(
            ("hard negatives", "made", "flagged", "95 %", "uncertain", "abstained"),
            [
                (row["family"], row["n"], percent(row["share"]), between(row["interval"]),
                 percent(row["uncertain"]), percent(row["abstained"]))
                for row in families
            ],
        ),
        f"Flagged kinds: {', '.join(flagged) or 'none'}.",
    ]  # fmt: skip


def _known_and_unseen(title: str, rows: Sequence[dict[str, Any]], model: str) -> Table:
    known = {
        row["cell"]: percent(row["tpr"]["share"])
        for row in rows
        if row["model"] == f"{model}, generators known"
    }
    return Table(
        (title, "AI", "found, unseen", "95 %", "found, known", "human", "flagged", "95 %"),
        [
            (row["cell"], row["tpr"]["n"], percent(row["tpr"]["share"]),
             between(row["tpr"]["interval"]), known.get(row["cell"], "-"),
             row["fpr"]["n"], percent(row["fpr"]["share"]), between(row["fpr"]["interval"]))
            for row in rows
            if row["model"] == model
        ],
    )  # fmt: skip


def _splices(rows: Sequence[dict[str, Any]]) -> Table:
    return Table(
        ("part", "parts", "found", "of these called Partly", "overlap >= 0.5", "median overlap",
         "median edge error", "human parts", "flagged"),
        [
            (
                f"{row['seconds']} s", row["ai"], *(
                    decimal(row[name])
                    for name in ("found", "called_partly", "overlap_half", "overlap_median")),
                "-" if row["edge_error_s"] is None else f"{row['edge_error_s']:.1f} s",
                row["human"], decimal(row["false"]),
            )
            for row in rows
        ],
    )  # fmt: skip


def _interval(row: dict[str, Any]) -> str:
    if row["share"] is None:
        return "-"
    low, high = row["interval"]
    return f"{row['share']:.2f} [{low:.2f}, {high:.2f}]"

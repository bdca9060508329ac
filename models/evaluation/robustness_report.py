"""The figures of ``models.evaluation.robustness`` as blocks, for the page and for the card."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from models.evaluation import plots
from models.evaluation.document import (
    Block,
    Picture,
    between,
    decimal,
    markdown,
    page,
    percent,
    table_of,
    write_files,
)


def _interval(row: dict[str, Any]) -> str:
    if row["share"] is None:
        return "-"
    low, high = row["interval"]
    return f"{row['share']:.2f} [{low:.2f}, {high:.2f}]"


_CELLS: Final = (
    ("model", "model"), ("AI", "tpr/n"), ("found", "tpr", _interval),
    ("AI uncertain", "tpr/uncertain", decimal), ("human", "fpr/n"), ("flagged", "fpr", _interval),
    ("abstained", "fpr/abstained", decimal),
)  # fmt: skip
_CARD_CELLS: Final = (
    ("AI", "tpr/n"), ("found, unseen", "tpr/share", percent), ("95 %", "tpr/interval", between),
    ("found, known", "known"), ("human", "fpr/n"), ("flagged", "fpr/share", percent),
    ("95 %", "fpr/interval", between),
)  # fmt: skip
_SPLICES: Final = (
    ("part", "seconds", lambda seconds: f"{seconds} s"), ("parts", "ai"),
    ("found", "found", decimal), ("of these called Partly", "called_partly", decimal),
    ("overlap >= 0.5", "overlap_half", decimal), ("median overlap", "overlap_median", decimal),
    ("median edge error", "edge_error_s", lambda s: "-" if s is None else f"{s:.1f} s"),
    ("human parts", "human"), ("flagged", "false", decimal),
)  # fmt: skip
_FAMILIES: Final = (
    ("family of hard negatives", "family"), ("model", "model"), ("made", "n"),
    ("flagged", "", _interval), ("uncertain", "uncertain", decimal),
    ("abstained", "abstained", decimal),
)  # fmt: skip
_CARD_FAMILIES: Final = (
    ("hard negatives", "family"), ("made", "n"), ("flagged", "share", percent),
    ("95 %", "interval", between), ("uncertain", "uncertain", percent),
    ("abstained", "abstained", percent),
)  # fmt: skip
_NEGATIVES: Final = (
    ("hard negative", "kind"), ("model", "model"), ("made", "made"),
    ("flagged", "flagged", decimal), ("uncertain", "uncertain", decimal),
    ("abstained", "abstained", decimal), ("highest score", "highest_score", decimal),
)  # fmt: skip


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
        table_of((("delivery", "cell"), *_CELLS), figures["cells"]),
        table_of((("window", "cell"), *_CELLS), figures["windows"]),
        *(
            block
            for model, rows in figures["splices"].items()
            if rows
            for block in (
                f"A generator's part inside two minutes of a recording, {model}:",
                table_of(_SPLICES, rows),
            )
        ),
        table_of(_FAMILIES, figures["families"]),
        table_of(_NEGATIVES, figures["negatives"]),
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
    keys = ("cells", "windows", "families", "negatives")
    own = {key: [row for row in figures[key] if row["model"] == model] for key in keys}
    known = {
        (key, row["cell"]): percent(row["tpr"]["share"])
        for key in ("cells", "windows")
        for row in figures[key]
        if row["model"] == f"{model}, generators known"
    }
    located: list[Block] = []
    if rows := figures["splices"].get(model):
        text = "A generator's part inside two minutes of a human recording:"
        located = [text, table_of(_SPLICES, rows)]
    flagged = [
        f"{row['kind']} {percent(row['flagged'])}" for row in own["negatives"] if row["flagged"]
    ]
    return [
        f"{sum(ai.values())} AI excerpts of {len(ai)} generators, {sum(human.values())} human "
        f"ones of {len(human)} sources, at most {figures['excerpt_s']:g} s, 44.1 kHz and up, at "
        f"the frozen threshold of alpha {figures['alpha']:g}. Unseen: as if the generator had "
        "never been met. Known: as released. Human excerpts' own repositories are "
        f"{figures['human_scores'][model]} among the human scores.",
        *(
            table_of(
                ((title, "cell"), *_CARD_CELLS),
                [row | {"known": known.get((key, row["cell"]), "-")} for row in own[key]],
            )
            for title, key in (("delivery", "cells"), ("length", "windows"))
        ),
        *located,
        "Made to look like a decoder's clock (false alarms at that alpha):",
        table_of(_CARD_FAMILIES, own["families"]),
        f"Flagged kinds: {', '.join(flagged) or 'none'}.",
    ]  # fmt: skip

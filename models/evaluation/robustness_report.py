"""The figures of ``models.evaluation.robustness`` as blocks, for the report and for the card."""

from pathlib import Path
from typing import Any, Final

from models.evaluation.document import (
    Block,
    Heading,
    between,
    decimal,
    markdown,
    percent,
    table_of,
    write_files,
)

_CELLS: Final = (
    ("AI", "tpr/n"), ("found, unseen", "tpr/share", percent), ("95 %", "tpr/interval", between),
    ("found, known", "known", percent), ("human", "fpr/n"), ("flagged", "fpr/share", percent),
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
    ("hard negatives", "family"), ("made", "n"), ("flagged", "share", percent),
    ("95 %", "interval", between), ("uncertain", "uncertain", percent),
    ("abstained", "abstained", percent),
)  # fmt: skip


def write(figures: dict[str, Any], folder: Path) -> list[Path]:
    """Write robustness.json and .md."""
    report: list[Block] = []
    for model in figures["models"]:
        report += [Heading(f"robustness of {model}"), *blocks(figures, model)]
    skipped = "\n".join(f"- {kind}: {reason}" for kind, reason in figures["skipped"].items())
    files = {"robustness.json": figures, "robustness.md": markdown([*report, "Not made:", skipped])}
    return write_files(folder, files)


def blocks(figures: dict[str, Any], model: str) -> list[Block]:
    """Return the tables of deliveries, lengths, splices and hard negatives of one model."""
    ai, human, own = figures["data"]["ai"], figures["data"]["human"], figures["models"][model]
    flagged = [
        f"{kind} {percent(row['flagged'])}"
        for kind, row in own["negatives"].items()
        if row["flagged"]
    ]
    report: list[Block] = [
        f"{sum(ai.values())} AI excerpts of {len(ai)} generators, {sum(human.values())} human "
        f"ones of {len(human)} sources, at most {figures['excerpt_s']:g} s, 44.1 kHz and up, at "
        f"the frozen threshold of alpha {figures['alpha']:g}. Unseen: as if the generator had "
        "never been met. Known: as released. Human excerpts' own repositories are "
        f"{own['human_scores']} among the human scores.",
        table_of((("delivery", "cell"), *_CELLS), own["cells"]),
        table_of((("length", "cell"), *_CELLS), own["windows"]),
    ]
    if own["splices"]:
        report.append("A generator's part inside two minutes of a human recording:")
        report.append(table_of(_SPLICES, own["splices"]))
    return [
        *report,
        "Made to look like a decoder's clock (false alarms at that alpha):",
        table_of(_FAMILIES, own["families"]),
        f"Flagged kinds: {', '.join(flagged) or 'none'}.",
    ]

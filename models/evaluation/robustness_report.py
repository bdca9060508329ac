"""Figures of ``models.evaluation.robustness`` as text, as a Markdown table and as one HTML page.

The page needs nothing beside it: styles and pictures (SVG) are inside.
"""

import html
from pathlib import Path
from typing import Any, Final

import orjson

from models.evaluation.pages import FOUND, HUMAN, UNCERTAIN, paragraph, rows_chart, style, svg
from models.evaluation.pages import page as whole_page
from models.evaluation.pages import table as html_table

SPLICES: Final = (
    "part", "parts", "found", "of these called Partly", "overlap >= 0.5", "median overlap",
    "median edge error", "human parts", "flagged",
)  # fmt: skip


def write(figures: dict[str, Any], folder: Path) -> list[Path]:
    """Write robustness.json, .md and .html."""
    folder.mkdir(parents=True, exist_ok=True)
    data = orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n"
    texts = {
        "robustness.json": data.decode(),
        "robustness.md": markdown(figures),
        "robustness.html": page(figures),
    }
    paths = []
    for name, text in texts.items():
        (folder / name).write_text(text)
        paths.append(folder / name)
    return paths


def summary(figures: dict[str, Any]) -> str:
    """Return one sentence on what was measured."""
    ai, human = figures["data"]["ai"], figures["data"]["human"]
    judged = "; ".join(f"{name}: {how}" for name, how in figures["human_scores"].items())
    return (
        f"{sum(ai.values())} AI excerpts from {len(ai)} generators and {sum(human.values())} human "
        f"ones from {len(human)} sources, {figures['excerpt_s']:g} s each, 44.1 kHz and up; "
        f"flagged means AI likely at the frozen threshold of alpha {figures['alpha']:g}. "
        "Intervals (95 %) resample generators and repositories. A model with templates answers as "
        "if it had never met the track's generator; rows with generators known are as released. "
        f"Human excerpts' own repositories among the human scores: {judged}."
    )


def markdown(figures: dict[str, Any]) -> str:
    """Return the tables in Markdown, which is also what the command prints."""
    lines = [summary(figures), ""]
    for title, key in (("delivery", "cells"), ("window", "windows")):
        lines += [
            f"| {title} | model | AI | found | AI uncertain | human | flagged | abstained |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row['cell']} | {row['model']} | {row['tpr']['n']} | {_of(row['tpr'])} "
            f"| {_share(row['tpr']['uncertain'])} | {row['fpr']['n']} | {_of(row['fpr'])} "
            f"| {_share(row['fpr']['abstained'])} |"
            for row in figures[key]
        ]
        lines.append("")
    for model, rows in figures["splices"].items():
        if rows:
            lines += [
                f"A generator's part inside two minutes of a recording, {model}:",
                "",
                f"| {' | '.join(SPLICES)} |",
                "|" + "---|" * len(SPLICES),
                *("| " + " | ".join(splice_cells(row)) + " |" for row in rows),
                "",
            ]
    lines += [
        "| family of hard negatives | model | made | flagged | uncertain | abstained |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['family']} | {row['model']} | {row['n']} | {_of(row)} "
        f"| {_share(row['uncertain'])} | {_share(row['abstained'])} |"
        for row in figures["families"]
    ]
    lines += [
        "",
        "| hard negative | model | made | flagged | uncertain | abstained | highest score |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['kind']} | {row['model']} | {row['made']} | {_share(row['flagged'])} "
        f"| {_share(row['uncertain'])} | {_share(row['abstained'])} "
        f"| {_share(row['highest_score'])} |"
        for row in figures["negatives"]
    ]
    lines += ["", "Not made:", ""]
    lines += [f"- {kind}: {reason}" for kind, reason in figures["skipped"].items()]
    return "\n".join(lines) + "\n"


def page(figures: dict[str, Any]) -> str:
    """Return the HTML page."""
    with style():
        body = _body(figures)
    title = f"Robustness of {', '.join(figures['models'])}"
    return whole_page(title, [paragraph(summary(figures)), *body])


def _body(figures: dict[str, Any]) -> list[str]:
    body = []
    for model in dict.fromkeys(row["model"] for row in figures["cells"]):
        cells, windows, negatives, families = (
            [row for row in figures[key] if row["model"] == model]
            for key in ("cells", "windows", "negatives", "families")
        )
        body += [
            f"<h2>{html.escape(model)}</h2>",
            "<h3>Deliveries</h3>", _shares_svg(cells), _cells_table(cells),
            "<h3>Length of the excerpt</h3>", _shares_svg(windows), _cells_table(windows),
            *_splices_html(figures["splices"].get(model)),
            "<h3>Hard negatives</h3>" if negatives else "",
            *_negatives(families, negatives),
        ]  # fmt: skip
    skipped = "".join(
        f"<li>{html.escape(kind)}: {html.escape(reason)}</li>"
        for kind, reason in figures["skipped"].items()
    )
    body.append(f"<h3>Not made</h3><ul>{skipped}</ul>" if skipped else "")
    return body


def _shares_svg(rows: list[dict[str, Any]]) -> str:
    """Draw found and falsely flagged shares with their intervals, a line for each row."""
    figure, axes = rows_chart(len(rows), 0.24)
    for at, row in enumerate(rows):
        for side, colour, marker, shift in (
            ("tpr", FOUND, "o", -0.16),
            ("fpr", HUMAN, "s", 0.16),
        ):
            if row[side]["share"] is not None:
                axes.plot(row[side]["interval"], [at + shift] * 2, color=colour, lw=1.2)
                axes.plot([row[side]["share"]], [at + shift], marker, color=colour, ms=4)
    axes.set_yticks(range(len(rows)), [row["cell"] for row in rows])
    axes.set_xlabel("share flagged (orange, round: AI; blue, square: human)")
    return svg(figure)


def _negatives_svg(rows: list[dict[str, Any]]) -> str:
    figure, axes = rows_chart(len(rows), 0.18)
    at, flagged = range(len(rows)), [row["flagged"] for row in rows]
    axes.barh(at, flagged, 0.6, color=FOUND)
    axes.barh(at, [row["uncertain"] for row in rows], 0.6, left=flagged, color=UNCERTAIN)
    axes.set_yticks(at, [row["kind"] for row in rows], fontsize=7)
    axes.set_xlabel("share of seeds (dark: flagged; light: uncertain)")
    return svg(figure)


def _negatives(families: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    caption = "Made, not recorded. Each bar is the share of seeds that is flagged."
    return [paragraph(caption), _families_table(families), _negatives_svg(rows)]


def _splices_html(rows: list[dict[str, Any]] | None) -> list[str]:
    if not rows:
        return []
    return [
        "<h3>A generator's part inside two minutes of a recording</h3>",
        html_table(SPLICES, map(splice_cells, rows)),
    ]


def splice_cells(row: dict[str, Any]) -> list[str]:
    """Return a row of the table of splices, under ``SPLICES``."""
    error = row["edge_error_s"]
    return [
        f"{row['seconds']} s", str(row["ai"]), _share(row["found"]), _share(row["called_partly"]),
        _share(row["overlap_half"]), _share(row["overlap_median"]),
        "-" if error is None else f"{error:.1f} s", str(row["human"]), _share(row["false"]),
    ]  # fmt: skip


def _cells_table(rows: list[dict[str, Any]]) -> str:
    return html_table(
        ("", "AI", "found", "AI uncertain", "human", "flagged", "human abstained"),
        (
            (
                row["cell"], row["tpr"]["n"], _of(row["tpr"]), _share(row["tpr"]["uncertain"]),
                row["fpr"]["n"], _of(row["fpr"]), _share(row["fpr"]["abstained"]),
            )
            for row in rows
        ),
    )  # fmt: skip


def _families_table(rows: list[dict[str, Any]]) -> str:
    return html_table(
        ("family", "made", "flagged", "uncertain", "abstained"),
        (
            (row["family"], row["n"], _of(row), _share(row["uncertain"]), _share(row["abstained"]))
            for row in rows
        ),
    )


def _of(row: dict[str, Any]) -> str:
    if row["share"] is None:
        return "-"
    low, high = row["interval"]
    return f"{row['share']:.2f} [{low:.2f}, {high:.2f}]"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

"""Tracks for ``earmark learn`` from what reviewers decided.

The manifest of ``earmark ledger export-training-labels`` gives the tracks of one generator as
lessons, and people's recordings from the same distributors as controls.
"""

import csv
from collections import Counter
from pathlib import Path
from typing import Final

from detector.errors import BadInput
from models.learning.data import AI, HUMAN

MOST_CONTROLS: Final = 10


def chosen(manifest: Path, listed_as: str) -> tuple[list[Path], list[Path]]:
    """Return the tracks of a generator, and controls from its sources; newest first.

    Args:
        manifest: as ``earmark ledger export-training-labels`` writes it.
        listed_as: the generator's name there; ``reviewed`` where no tool was declared.

    Raises:
        BadInput: reason ``manifest``, without such tracks; the message names those listed.
    """
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lacking = {"path", "label", "generator", "source_repo"} - set(rows[0] if rows else ())
    if lacking:
        raise BadInput("manifest", f"{manifest} has no rows or lacks {', '.join(sorted(lacking))}")
    tracks = [row for row in rows if row["label"] == AI and row["generator"] == listed_as]
    if not tracks:
        listed = Counter(row["generator"] for row in rows if row["label"] == AI)
        listing = ", ".join(f"{name} ({count})" for name, count in sorted(listed.items()))
        raise BadInput(
            "manifest", f"{manifest} lists no track of {listed_as}; AI: {listing or 'none'}"
        )
    sources = {row["source_repo"] for row in tracks}
    controls = [row for row in rows if row["label"] == HUMAN and row["source_repo"] in sources]
    return (
        [Path(row["path"]) for row in tracks],
        [Path(row["path"]) for row in controls[:MOST_CONTROLS]],
    )

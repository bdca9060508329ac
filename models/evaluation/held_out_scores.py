"""The out-of-fold scores of an evaluation as CSV files.

A released model has met its human recordings, so human excerpts are judged by these scores.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from detector.assessment.model import Model
from detector.types import FloatVector
from models.learning.null_distribution import Null
from models.training.scoring import Scored


def humans_csv(nulls: Mapping[str, Null]) -> str:
    """Return the null: one row for each observation of a human recording, its maker unknown."""
    return _csv(
        ("population", "repository", "seconds", "score", "weight"),
        (
            (name, witness.repository, round(witness.scores.seconds, 1), score,
             round(float(weight), 6))
            for name, null in nulls.items()
            for witness, score, weight in zip(
                null.witnesses, null.scores, null.weights, strict=True)
        ),
    )  # fmt: skip


def scores_csv(scored: Sequence[Scored], p: FloatVector, root: Path) -> str:
    """Return one row per track: its maker, its scores, its p-value with the maker left out."""
    rows = []
    for recording, value in zip(scored, p, strict=True):
        track, observation = recording.observed.track, recording.observed.observation
        path = track.path.resolve()
        rows.append((
            path.relative_to(root) if path.is_relative_to(root) else track.path.name,
            track.sha256, track.label, track.maker, track.repository, observation.sample_rate_hz,
            np.round(observation.duration_s, 2), recording.score, recording.clock,
            recording.rate_hz, recording.template, f"{value:.5f}", recording.reason or "",
        ))  # fmt: skip
    return _csv(
        ("path", "sha256", "label", "maker", "repository", "sample_rate_hz", "duration_s",
         "score", "clock", "rate_hz", "template", "p_value", "abstained"),
        rows,
    )  # fmt: skip


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows((head, *rows))
    return out.getvalue()


def human_rows(report: Path, model: Model) -> list[dict[str, str]] | None:
    """Return the rows of ``humans_csv`` of a report about this very model; None without one."""
    figures, scores = report / "evaluation.json", report / "humans.csv"
    if not figures.is_file() or not scores.is_file():
        return None
    if orjson.loads(figures.read_bytes())["model"]["digest"] != model.digest:
        return None
    with scores.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))

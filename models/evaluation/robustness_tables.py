"""Answers counted: by cell and window, by family and kind of hard negative, with intervals."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from detector.types import FloatArray
from models.evaluation.splices import FLAGGED
from models.learning.data import AI, HUMAN
from models.training.metrics import cluster_bootstrap, rounded


@dataclass(frozen=True)
class Answered:
    """One answer: to what (``cell`` of ``part``), by which model, about whose recording."""

    part: str
    cell: str
    family: str
    model: str
    label: str
    group: str
    outcome: str
    score: float | None


def table(answers: Sequence[Answered], part: str, seed: int) -> list[dict[str, Any]]:
    """Return one row per cell and model: TPR, FPR and how many are left uncertain."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for answer in answers:
        if answer.part == part:
            rows[answer.cell, answer.model].append(answer)
    return [
        {"cell": cell, "family": members[0].family, "model": model}
        | {
            name: _share([answer for answer in members if answer.label == label], seed)
            for name, label in (("tpr", AI), ("fpr", HUMAN))
        }
        for (cell, model), members in rows.items()
    ]


def _share(members: Sequence[Answered], seed: int) -> dict[str, Any]:
    """Return the share flagged with its interval, and the shares of the other outcomes."""
    if not members:
        return {"n": 0, "share": None, "interval": None, "uncertain": None, "abstained": None}
    flagged = np.array([float(one.outcome == FLAGGED) for one in members])
    return {
        "n": len(members),
        "share": rounded(flagged.mean()),
        "interval": interval(flagged, [one.group for one in members], seed),
        "uncertain": rounded(np.mean([one.outcome == "uncertain" for one in members])),
        "abstained": rounded(np.mean([one.outcome == "not_assessable" for one in members])),
    }


def interval(flagged: FloatArray, groups: Sequence[str], seed: int) -> list[float]:
    """Return a 95 % interval of a share: resampled groups, at least as wide as by chance alone.

    Where none or all are flagged, resampling has nothing to say: then the exact binomial
    interval holds, as if tracks were independent (with few groups it is wider in truth).
    """
    count, total = int(flagged.sum()), len(flagged)
    if count in (0, total):
        low = float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0
        high = float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0
        return [rounded(low), rounded(high)]
    values = flagged.astype(np.float64)
    low, high = cluster_bootstrap(
        values, groups, values, groups, lambda drawn, _: float(drawn.mean()), seed=seed
    )
    return [rounded(low), rounded(high)]


def families(answers: Sequence[Answered], seed: int) -> list[dict[str, Any]]:
    """Return one row per family of hard negatives and model: its measured false positives."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for answer in answers:
        if answer.part == "negative":
            rows[answer.family, answer.model].append(answer)
            rows["all kinds", answer.model].append(answer)
    return [
        {"family": family, "model": model} | _share(members, seed)
        for (family, model), members in sorted(rows.items())
    ]


def negatives_table(answers: Sequence[Answered], seeds: int) -> list[dict[str, Any]]:
    """Return one row per kind and model: how many of its seeds are flagged, highest score."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for answer in answers:
        if answer.part == "negative":
            rows[answer.cell, answer.model].append(answer)
    return [
        {
            "kind": kind,
            "family": members[0].family,
            "model": model,
            "made": seeds,
            "flagged": rounded(np.mean([one.outcome == FLAGGED for one in members])),
            "uncertain": rounded(np.mean([one.outcome == "uncertain" for one in members])),
            "abstained": rounded(np.mean([one.outcome == "not_assessable" for one in members])),
            "highest_score": max(
                (answer.score for answer in members if answer.score is not None), default=None
            ),
        }
        for (kind, model), members in rows.items()
    ]

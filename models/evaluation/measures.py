"""Figures that several tables share: separation of the classes, intervals, fits by fold."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import numpy as np

from detector.calibration.calibration import TYPICAL_S, HumanScores
from detector.types import BoolVector, FloatVector
from models.training.confounds import fold_of
from models.training.metrics import auroc, cluster_bootstrap, rounded, tpr_at
from models.training.scoring import Population

FPRS: Final = (0.01, 0.05)
ALPHAS: Final = (0.01, 0.02, 0.05)
FOLDS: Final = 5


def separation(ai: FloatVector, human: FloatVector) -> dict[str, Any]:
    """Return the AUROC, and the TPR at each of ``FPRS``."""
    tprs = {f"tpr_at_{fpr:g}": rounded(tpr_at(ai, human, fpr)) for fpr in FPRS}
    return {"auroc": rounded(auroc(ai, human)), **tprs}


def separation_with_intervals(
    population: Population, scores: FloatVector, seed: int
) -> dict[str, Any]:
    """Return ``separation`` of a population by some scores [tracks], TPRs with intervals."""
    ai, human = population.labels, ~population.labels
    figures = separation(scores[ai], scores[human])
    for fpr in FPRS:
        name = f"tpr_at_{fpr:g}"
        figures[f"{name}_interval"] = interval(population, scores, partial(tpr_at, fpr=fpr), seed)
    return figures


def interval(
    population: Population,
    scores: FloatVector,
    measure: Callable[[FloatVector, FloatVector], float],
    seed: int,
) -> list[float]:
    """Return the 95 % interval of ``measure(ai, human)`` over resampled makers."""
    ai, groups = population.labels, np.array(population.groups)
    sides = (scores[ai], groups[ai].tolist(), scores[~ai], groups[~ai].tolist())
    return [rounded(edge) for edge in cluster_bootstrap(*sides, measure, seed=seed)]


def by_fold(population: Population, judge: Callable[[BoolVector], FloatVector]) -> FloatVector:
    """Return a value for each track by a fit that has not met its maker's fold.

    ``judge`` gets which tracks [tracks] to fit on, and returns the values of all others.
    """
    fold = np.array(fold_of(population, FOLDS))
    values = np.zeros(len(fold))
    for number in np.unique(fold):
        values[fold == number] = judge(fold != number)
    return values


def surprises(null: HumanScores, scores: FloatVector) -> FloatVector:
    """Return scores in nats among human scores, as the released fusion counts them."""
    return np.array([null.surprise(score, TYPICAL_S) for score in scores.tolist()])


def roots_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each name: the same for all that pairs join, directly or not."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for first, second in pairs:
        parent[root(first)] = root(second)
    return {name: root(name) for name in parent}

"""Figures of merit, and intervals that resample whole generators and repositories.

Operating points are named by the false-positive rate on human recordings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import BadInput
from detector.types import BoolVector, FloatVector

PLATT_CLIP: Final = (0.0, 8.0)  # scores beyond say no more about the odds
ECE_BINS: Final = 10


def auroc(ai: FloatVector, human: FloatVector) -> float:
    """Return the chance that an AI track scores above a human one; ties count half."""
    below = np.searchsorted(np.sort(human), ai, side="left")
    upto = np.searchsorted(np.sort(human), ai, side="right")
    return float((below + upto).mean() / 2 / len(human))


def tpr_at(ai: FloatVector, human: FloatVector, fpr: float) -> float:
    """Return the share of AI tracks above the human quantile at 1 - ``fpr``."""
    return float((ai > np.quantile(human, 1 - fpr)).mean())


def weighted_auroc(
    ai: FloatVector, ai_weights: FloatVector, human: FloatVector, human_weights: FloatVector
) -> float:
    """Return the AUROC where each track counts by its weight; ties count half."""
    order = np.argsort(human)
    total = np.concatenate(([0.0], np.cumsum(human_weights[order])))
    below = total[np.searchsorted(human[order], ai, side="left")]
    upto = total[np.searchsorted(human[order], ai, side="right")]
    return float(np.average((below + upto) / 2 / total[-1], weights=ai_weights))


def weighted_tpr_at(
    ai: FloatVector,
    ai_weights: FloatVector,
    human: FloatVector,
    human_weights: FloatVector,
    fpr: float,
) -> float:
    """Return the weighted share of AI tracks above what a share ``fpr`` of humans exceeds."""
    order = np.argsort(human)
    below = np.cumsum(human_weights[order]) / human_weights.sum()
    threshold = human[order][min(int(np.searchsorted(below, 1 - fpr)), len(human) - 1)]
    return float(np.average(ai > threshold, weights=ai_weights))


def rounded(value: float | np.floating[Any]) -> float:
    """Return a figure to four places: more would be noise, and would break equal digests."""
    return round(float(value), 4)


def check_polarity(ai: FloatVector, human: FloatVector, name: str) -> None:
    """Refuse classes that were taken for each other.

    Raises:
        BadInput: reason ``polarity``.
    """
    separation = auroc(ai, human)
    if separation <= 0.5:
        raise BadInput(
            "polarity",
            f"AI tracks of {name} score below human ones (AUROC {separation:.2f}): "
            "are the labels swapped?",
        )


def cluster_bootstrap(
    ai: FloatVector,
    ai_groups: Sequence[str],
    human: FloatVector,
    human_groups: Sequence[str],
    measure: Callable[[FloatVector, FloatVector], float],
    *,
    seed: int,
    rounds: int = 1_000,
) -> tuple[float, float]:
    """Return the 95 % interval of ``measure(ai, human)`` over resampled whole groups."""
    rng = np.random.default_rng(seed)
    sides = []
    for scores, groups in ((ai, ai_groups), (human, human_groups)):
        names = np.array(groups)
        sides.append([scores[names == name] for name in sorted(set(groups))])
    values = []
    for _ in range(rounds):
        drawn = [
            np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
            for members in sides
        ]
        values.append(measure(drawn[0], drawn[1]))
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def conformal_p(scores: FloatVector, human: FloatVector) -> FloatVector:
    """Return (1 + #{human >= score}) / (n + 1) for each score."""
    below = np.searchsorted(np.sort(human), scores, side="left")
    p: FloatVector = (1 + len(human) - below) / (len(human) + 1)
    return p


def left_out_p(scores: FloatVector, groups: Sequence[str]) -> FloatVector:
    """Return the p-value of each human score against all *other* groups' scores."""
    names = np.array(groups)
    p = np.ones(len(scores))
    for name in set(groups):
        own = names == name
        p[own] = conformal_p(scores[own], scores[~own])
    return p


def balanced_weights(labels: BoolVector, groups: Sequence[str]) -> FloatVector:
    """Return weights under which every group of a class, and both classes, count alike.

    They sum to the number of tracks.
    """
    names = np.array(groups)
    weights = np.zeros(len(labels))
    for label in (False, True):
        members = sorted({group for group, own in zip(groups, labels == label, strict=True) if own})
        for member in members:
            own = (labels == label) & (names == member)
            weights[own] = 1 / own.sum() / len(members)
    weights *= len(labels) / weights.sum()
    return weights


def logistic(
    features: NDArray[np.float64], labels: BoolVector, weights: FloatVector, ridge: float = 1e-3
) -> FloatVector:
    """Return coefficients [features + 1] of a weighted logistic regression, intercept last.

    Newton's method with a step that is halved until the loss falls. ``ridge`` keeps
    separable data finite; the intercept is not penalised.
    """
    x = np.column_stack((features, np.ones(len(features))))
    penalty = np.full(x.shape[1], ridge)
    penalty[-1] = 0.0
    beta = np.zeros(x.shape[1])

    def loss(at: FloatVector) -> float:
        logit = x @ at
        fit = np.logaddexp(0, logit) - labels * logit
        return float(weights @ fit + 0.5 * penalty @ at**2)

    for _ in range(100):
        p = 1 / (1 + np.exp(-(x @ beta).clip(-40, 40)))
        gradient = x.T @ (weights * (p - labels)) + penalty * beta
        curvature = x.T @ (x * (weights * p * (1 - p))[:, None]) + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while loss(beta - size * step) > loss(beta) and size > 1e-6:
            size /= 2
        beta = beta - size * step
        if np.abs(size * step).max() < 1e-8:
            break
    return beta


@dataclass(frozen=True)
class Platt:
    """logit = slope * score clipped to ``PLATT_CLIP`` + intercept."""

    slope: float
    intercept: float

    def probability(self, scores: FloatVector) -> FloatVector:
        """Return the probability of AI at even prior odds."""
        p: FloatVector = 1 / (1 + np.exp(-(self.slope * scores.clip(*PLATT_CLIP) + self.intercept)))
        return p


def fit_platt(scores: FloatVector, labels: BoolVector, groups: Sequence[str]) -> Platt:
    """Fit on tracks weighted so that every group counts alike within its class."""
    weights = balanced_weights(labels, groups)
    slope, intercept = logistic(scores.clip(*PLATT_CLIP)[:, None], labels, weights)
    return Platt(float(slope), float(intercept))


def brier(p: FloatVector, labels: BoolVector, weights: FloatVector) -> float:
    """Return the weighted mean squared error of probabilities."""
    return float(np.average((p - labels) ** 2, weights=weights))


def expected_calibration_error(p: FloatVector, labels: BoolVector, weights: FloatVector) -> float:
    """Return the weighted mean gap between probability and share, over bins of equal weight."""
    order = np.argsort(p, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    bins = np.minimum((share * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = 0.0
    for number in range(ECE_BINS):
        own = order[bins == number]
        if len(own):
            gap = np.average(p[own] - labels[own], weights=weights[own])
            gaps += abs(gap) * weights[own].sum()
    return float(gaps / weights.sum())

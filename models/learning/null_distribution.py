"""What human recordings score: the scale of each look by length, and the null of the answer.

For each look, quantile regression (Koenker and Bassett, 1978) fits two lines in the logarithm of
the length: through medians and 90 % points. They never fall with length. The null contains each
recording's score by lines that its own repository did not shape.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from detector.calibration.calibration import (
    LEAST_SPREAD,
    TAIL_FROM,
    TYPICAL_S,
    Calibration,
    HumanScores,
    LengthScale,
)
from detector.evidence.branch import SCORE_DIGITS, BranchScores
from detector.evidence.combination import statistic, statistics_of, strongest
from detector.evidence.registry import BRANCHES
from detector.types import FloatVector

LENGTHS_APART: Final = np.log(2)  # of the middle 80 %; where all are alike, nothing depends on it
SHORTEST_S: Final = 5.0
NOTHING: Final = 1e9  # no recording to compare with: nothing is more surprising than the median


@dataclass(frozen=True)
class Witness:
    """One observation of a human recording: its scores, its repository and its performance."""

    scores: BranchScores
    repository: str
    performance: str


def weights_of(witnesses: Sequence[Witness]) -> FloatVector:
    """Return weights that add up to one for each performance."""
    counts = Counter(one.performance for one in witnesses)
    return np.array([1 / counts[one.performance] for one in witnesses])


def calibration_of(
    population: str, witnesses: Sequence[Witness], branches: Collection[str]
) -> Calibration:
    """Return the human scores of each look and of the whole answer, by these witnesses."""
    weights = weights_of(witnesses)
    seconds = np.array([one.scores.seconds for one in witnesses])
    looks: dict[str, HumanScores] = {}
    nobody = HumanScores.of(np.zeros(1))
    known = Calibration(population, nobody, 0.0, 0.0, (0.0, 0.0), looks)

    for name in statistics_of(branches):
        scores = [statistic(name, one.scores, known) for one in witnesses]
        there = [index for index, score in enumerate(scores) if score is not None]
        if there:
            there_scores = np.array([scores[index] for index in there], np.float64)
            looks[name] = human_scores(there_scores, seconds[there], weights[there])
        else:
            looks[name] = HumanScores.of(np.array([NOTHING]))
    combined = np.array([strongest(one.scores, known)[0] for one in witnesses])
    return replace(known, humans=human_scores(combined, seconds, weights))


@dataclass(frozen=True)
class Null:
    """A population's calibration, and its witnesses scored out of fold.

    ``whole`` [n] is what each one's strongest look found, ``scores`` [n] the score of its
    answer, ``p_values`` [n] its p-value among the others: all without its repository.
    """

    calibration: Calibration
    witnesses: tuple[Witness, ...]
    weights: FloatVector
    whole: FloatVector
    scores: FloatVector
    p_values: FloatVector


def null_of(population: str, witnesses: Sequence[Witness], branches: Collection[str]) -> Null:
    """Return the null of a population."""
    ordered = tuple(name for name in BRANCHES if name in branches)
    calibration = calibration_of(population, witnesses, ordered)
    weights = weights_of(witnesses)
    combined, standard, scores = (np.zeros(len(witnesses)) for _ in range(3))
    repositories = np.array([one.repository for one in witnesses])
    for name in sorted(set(repositories.tolist())):
        rest = [one for one in witnesses if one.repository != name]
        without = calibration_of(population, rest, ordered) if rest else calibration
        for index in np.flatnonzero(repositories == name).tolist():
            branch_scores = witnesses[index].scores
            combined[index] = strongest(branch_scores, without)[0]
            standard[index] = without.humans.scale.standard(combined[index], branch_scores.seconds)
            scores[index] = without.humans.surprise(combined[index], branch_scores.seconds)
    order = np.argsort(standard, kind="stable")
    humans = HumanScores(
        standard[order].astype(np.float32),
        weights[order].astype(np.float32),
        calibration.humans.scale,
    )
    return Null(
        replace(calibration, humans=humans),
        tuple(witnesses),
        weights,
        combined,
        scores.round(SCORE_DIGITS),
        _among_others(standard, weights, repositories),
    )


def _among_others(
    standard: FloatVector, weights: FloatVector, repositories: NDArray[np.str_]
) -> FloatVector:
    """Return the conformal p-value of each witness among those of other repositories."""
    p = np.ones(len(standard))
    for name in set(repositories.tolist()):
        own = repositories == name
        held_out, shares = standard[~own], weights[~own]
        for index in np.flatnonzero(own):
            above = shares[held_out >= standard[index]].sum()
            p[index] = (1 + above) / (shares.sum() + 1)
    return p


def human_scores(scores: FloatVector, seconds: FloatVector, weights: FloatVector) -> HumanScores:
    """Return scores on the scale of their lengths, in order."""
    scale = scale_of(scores, seconds, weights)
    values = np.array(
        [scale.standard(*pair) for pair in zip(scores.tolist(), seconds.tolist(), strict=True)],
        np.float32,
    )
    order = np.argsort(values, kind="stable")
    return HumanScores(values[order], weights[order].astype(np.float32), scale)


def scale_of(scores: FloatVector, seconds: FloatVector, weights: FloatVector) -> LengthScale:
    """Return how scores lie at each length."""
    lengths = np.log(seconds.clip(min=SHORTEST_S) / TYPICAL_S)
    low, high = np.quantile(lengths, (0.1, 0.9))
    if high - low < LENGTHS_APART:
        lengths = np.zeros(len(lengths))
    middle, upper = (_line(scores, lengths, weights, at) for at in (0.5, TAIL_FROM))
    scale = LengthScale(middle[0], upper[0], 1.0, middle[1], upper[1])
    standard = np.array(
        [scale.standard(*pair) for pair in zip(scores.tolist(), seconds.tolist(), strict=True)]
    )
    above = standard > 1
    excess = float(np.average(standard[above] - 1, weights=weights[above])) if above.any() else 0.0
    return replace(scale, excess=round(max(excess, LEAST_SPREAD), 6))


def _line(
    scores: FloatVector, lengths: FloatVector, weights: FloatVector, quantile: float
) -> tuple[float, float]:
    """Return height at 0 and slope, at least 0, of the line through a weighted quantile."""
    count = len(scores)
    if not lengths.any():
        order = np.argsort(scores, kind="stable")
        below = np.cumsum(weights[order])
        at = int(np.searchsorted(below, quantile * below[-1] * (1 - 1e-9)))
        return float(round(scores[order[at]], 6)), 0.0
    # minimise the weighted way above the line times q and below it times 1 - q
    costs = np.concatenate(([0.0, 0.0], weights * quantile, weights * (1 - quantile)))
    left = np.hstack(
        (np.ones((count, 1)), lengths[:, None], np.identity(count), -np.identity(count))
    )
    bounds = [(None, None), (0, None)] + [(0, None)] * (2 * count)
    solved = linprog(costs, A_eq=left, b_eq=scores, bounds=bounds, method="highs-ds")
    return round(float(solved.x[0]), 6), round(float(solved.x[1]), 6)

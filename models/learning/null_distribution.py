"""What human recordings score: the scale of each look by length, and the null of the answer.

For each look, quantile regression (Koenker and Bassett, 1978) fits two lines in the logarithm of
the length: through medians and 90 % points. They never fall with length. The null contains each
recording's score by lines that its own repository did not shape. It is cut into strata by
``detector.calibration.strata`` where each has performances enough for one false alarm in 100.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from detector.calibration.calibration import (
    LEAST_SPREAD,
    TAIL_FROM,
    TYPICAL_S,
    Calibration,
    HumanScores,
    LengthScale,
)
from detector.calibration.strata import STRATA, stratum_of
from detector.evidence.branch import SCORE_DIGITS, BranchScores
from detector.evidence.combination import (
    can_identify,
    identification,
    statistic,
    statistics_of,
    strongest,
)
from detector.evidence.registry import BRANCHES
from detector.types import FloatVector
from models.learning.data import folds

LENGTHS_APART: Final = np.log(2)  # of the middle 80 %; where all are alike, nothing depends on it
SHORTEST_S: Final = 5.0
FOLDS: Final = 10  # of repositories: each is scored by what the others shaped
LEAST_IDENTIFIED: Final = 999  # performances, for one false identification in 1,000
LEAST_STRATUM: Final = 99  # performances, for one false alarm in 100
AS_IT_IS: Final = LengthScale(0.0, 1.0, 1.0)  # scores that are in nats already
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
    answer, ``p_values`` [n] its p-value among the others of its stratum, ``identified_p_values``
    [n] that of two witnesses: all without its repository. ``strata`` [n] is None without strata.
    """

    calibration: Calibration
    witnesses: tuple[Witness, ...]
    weights: FloatVector
    whole: FloatVector
    scores: FloatVector
    p_values: FloatVector
    identified_p_values: FloatVector
    strata: NDArray[np.int8] | None


def null_of(population: str, witnesses: Sequence[Witness], branches: Collection[str]) -> Null:
    """Return the null of a population."""
    ordered = tuple(name for name in BRANCHES if name in branches)
    calibration = calibration_of(population, witnesses, ordered)
    weights = weights_of(witnesses)
    combined, standard, scores, pairs = (np.zeros(len(witnesses)) for _ in range(4))
    fold = np.array(folds([one.repository for one in witnesses], FOLDS))
    for own in (fold == number for number in sorted(set(fold.tolist()))):
        rest = [witnesses[index] for index in np.flatnonzero(~own).tolist()]
        without = calibration_of(population, rest, ordered) if rest else calibration
        for index in np.flatnonzero(own).tolist():
            branch_scores = witnesses[index].scores
            combined[index] = strongest(branch_scores, without)[0]
            standard[index] = without.humans.scale.standard(combined[index], branch_scores.seconds)
            scores[index] = without.humans.surprise(combined[index], branch_scores.seconds)
            pairs[index] = identification(branch_scores, without)
    strata = strata_of(witnesses, weights)
    return Null(
        replace(
            calibration,
            humans=_ordered(standard, weights, calibration.humans.scale, strata),
            identified=(
                _ordered(pairs, weights, AS_IT_IS, None)
                if weights.sum() >= LEAST_IDENTIFIED and can_identify(ordered)
                else None
            ),
        ),
        tuple(witnesses),
        weights,
        combined,
        scores.round(SCORE_DIGITS),
        _among_others(standard, weights, fold, strata),
        _among_others(pairs, weights, fold, None),
        strata,
    )


def strata_of(witnesses: Sequence[Witness], weights: FloatVector) -> NDArray[np.int8] | None:
    """Return the stratum [n] of each witness; None where one has too few performances."""
    strata = np.array([stratum_of(one.scores.even) for one in witnesses], np.int8)
    performances = [weights[strata == index].sum() for index in range(len(STRATA))]
    return strata if min(performances) >= LEAST_STRATUM else None


def _ordered(
    values: FloatVector,
    weights: FloatVector,
    scale: LengthScale,
    strata: NDArray[np.int8] | None,
) -> HumanScores:
    order = np.argsort(values, kind="stable")
    return HumanScores(
        values[order].astype(np.float32),
        weights[order].astype(np.float32),
        scale,
        None if strata is None else strata[order],
    )


def _among_others(
    values: FloatVector,
    weights: FloatVector,
    fold: NDArray[np.int64],
    strata: NDArray[np.int8] | None,
) -> FloatVector:
    """Return the conformal p-value of each witness among its stratum in the other folds."""
    kind = np.zeros(len(values), np.int8) if strata is None else strata
    p = np.ones(len(values))
    for index in range(len(values)):
        others = (fold != fold[index]) & (kind == kind[index])
        above = weights[others & (values >= values[index])].sum()
        p[index] = (1 + above) / (weights[others].sum() + 1)
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
    line = sparse.csr_array(np.column_stack((np.ones(count), lengths)))
    left = sparse.hstack((line, sparse.eye_array(count), -sparse.eye_array(count)), format="csr")
    bounds = [(None, None), (0, None)] + [(0, None)] * (2 * count)
    solved = linprog(costs, A_eq=left, b_eq=scores, bounds=bounds, method="highs-ds")
    return round(float(solved.x[0]), 6), round(float(solved.x[1]), 6)

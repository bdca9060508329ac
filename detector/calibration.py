"""From a raw score to answers: p-value, probability, and what the operator's rate allows.

The p-value is conformal: the share of human recordings in the calibration set that score
at least as high, counting the track itself: p = (1 + #{human >= score}) / (n + 1) (Vovk et
al., Algorithmic Learning in a Random World, 2005). If a human track is exchangeable with
the calibration set, deciding "AI" where p <= alpha is wrong for at most a share alpha of
human tracks. A set of n recordings cannot support an alpha below 1 / (n + 1).

The probability (Platt, 1999) is stated at even prior odds, with every generator and every
human source counting alike; it is for people and for ranking. Decisions use the p-value.
"""

from dataclasses import dataclass
from math import ceil, exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelError

FUSION_CLIP: Final = (-2.0, 10.0)  # no branch may outvote the other without bound


@dataclass(frozen=True)
class HumanScores:
    """Sorted scores of the calibration set's human recordings."""

    values: NDArray[np.float32]

    def as_strong(self, score: float) -> int:
        """Return how many of them score at least as high."""
        below = int(np.searchsorted(self.values, np.float32(score), side="left"))
        return len(self.values) - below

    def p_value(self, score: float) -> float:
        """Return the conformal p-value of a score."""
        return (1 + self.as_strong(score)) / (len(self.values) + 1)


@dataclass(frozen=True)
class Branch:
    """How one branch's scores lie among human recordings, for fusion and for sentences.

    ``middle`` is their median and ``spread`` the way from there to their 90 % point.
    """

    humans: HumanScores
    middle: float
    spread: float

    def scaled(self, score: float) -> float:
        """Return the score on the scale that branches share."""
        low, high = FUSION_CLIP
        return min(max((score - self.middle) / self.spread, low), high)


@dataclass(frozen=True)
class Calibration:
    """Calibration of one population of recordings.

    ``slope`` and ``intercept`` belong to the logit of the score clipped to ``clip``. With
    one branch the score is that branch's; with several it is the sum of their scaled ones.
    """

    population: str
    humans: HumanScores
    slope: float
    intercept: float
    clip: tuple[float, float]
    branches: dict[str, Branch]

    def probability(self, score: float) -> float:
        """Return the calibrated probability of AI at even prior odds."""
        low, high = self.clip
        logit = self.slope * min(max(score, low), high) + self.intercept
        return 1 / (1 + exp(-logit))

    def check_alpha(self, alpha: float) -> None:
        """Refuse a false-positive rate that this set cannot support.

        Raises:
            ModelError: naming the number of human recordings that it would take.
        """
        needed = ceil(1 / alpha) - 1
        if len(self.humans.values) < needed:
            raise ModelError(
                f"alpha {alpha:g} needs at least {needed} human recordings of population "
                f"{self.population}; the calibration set has {len(self.humans.values)}"
            )

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

import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelError


@dataclass(frozen=True)
class Calibration:
    """Calibration of one population of recordings.

    ``human_scores`` is sorted; ``slope`` and ``intercept`` belong to the logit of the score
    clipped to ``clip``.
    """

    population: str
    human_scores: NDArray[np.float32]
    slope: float
    intercept: float
    clip: tuple[float, float]

    def p_value(self, score: float) -> float:
        """Return the conformal p-value of a score."""
        count = len(self.human_scores)
        below = int(np.searchsorted(self.human_scores, np.float32(score), side="left"))
        return (1 + count - below) / (count + 1)

    def as_strong(self, score: float) -> int:
        """Return how many human recordings of the set score at least as high."""
        below = int(np.searchsorted(self.human_scores, np.float32(score), side="left"))
        return len(self.human_scores) - below

    def probability(self, score: float) -> float:
        """Return the calibrated probability of AI at even prior odds.

        It stays away from 0 and 1 by what n recordings can tell at all: 1 / (n + 2).
        """
        low, high = self.clip
        logit = self.slope * min(max(score, low), high) + self.intercept
        margin = 1 / (len(self.human_scores) + 2)
        return min(max(1 / (1 + exp(-logit)), margin), 1 - margin)

    def check_alpha(self, alpha: float) -> None:
        """Refuse a false-positive rate that this set cannot support.

        Raises:
            ModelError: naming the number of human recordings that it would take.
        """
        needed = ceil(1 / alpha) - 1
        if len(self.human_scores) < needed:
            raise ModelError(
                f"alpha {alpha:g} needs at least {needed} human recordings of population "
                f"{self.population}; the calibration set has {len(self.human_scores)}"
            )

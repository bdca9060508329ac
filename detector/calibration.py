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
from functools import cached_property
from math import ceil, exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelError

TAIL_FROM: Final = 0.90
LEAST_SPREAD: Final = 1e-3
ROUNDING: Final = 1e-6  # 1 / (1 / 200) must not ask for one recording more


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

    def surprise(self, score: float) -> float:
        """Return how surprising a score is among them: minus the logarithm of the share above.

        Up to the 90 % point a straight line through the median and that point; beyond, where
        recordings are few, the exponential tail with their mean excess. It puts branches on
        one scale, and it never ends: what stands far above all of them is worth more.
        """
        middle, high, excess = self._shape
        if score >= high:
            return log(10) + (score - high) / excess
        return max(log(2) + (score - middle) / (high - middle) * log(5), 0.0)

    @cached_property
    def _shape(self) -> tuple[float, float, float]:
        """Median, 90 % point, and the mean way beyond it."""
        values = self.values.astype(np.float64)
        middle, high = np.quantile(values, (0.5, TAIL_FROM))
        above = values[values > high] - high
        excess = max(float(above.mean()) if len(above) else 0.0, LEAST_SPREAD)
        return float(middle), max(float(high), float(middle) + LEAST_SPREAD), excess


@dataclass(frozen=True)
class Calibration:
    """Calibration of one population of recordings.

    ``humans`` are scores of the whole answer; ``slope`` and ``intercept`` belong to its logit,
    clipped to ``clip``. ``looks`` are the human scores of each kind of evidence by itself.
    """

    population: str
    humans: HumanScores
    slope: float
    intercept: float
    clip: tuple[float, float]
    looks: dict[str, HumanScores]

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
        needed = ceil(1 / alpha - ROUNDING) - 1
        if len(self.humans.values) < needed:
            raise ModelError(
                f"alpha {alpha:g} needs at least {needed} human recordings of population "
                f"{self.population}; the calibration set has {len(self.humans.values)}"
            )

"""From a raw score to answers: p-value, probability, and what the operator's rate allows.

The p-value is conformal (Vovk et al., 2005) among human performances of the calibration set:
p = (1 + #{human >= score}) / (n + 1). Scores are compared on the scale of human recordings of
their length. The probability (Platt, 1999) is at even prior odds; decisions use the p-value.
See ``docs/explanation/calibration.md``.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, inf, log
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from detector.calibration.strata import STRATA, stratum_of
from detector.errors import ModelError
from detector.types import Rates

TAIL_FROM: Final = 0.90
LEAST_SPREAD: Final = 1e-3
TYPICAL_S: Final = 20.0  # lengths are stated in nepers of this
ROUNDING: Final = 1e-6  # 1 / (1 / 200) must not ask for one recording more
BANDS: Final = 3
MOST_TIMES: Final = 4  # as long as the longest, or as high as the highest rate, that was calibrated
DIGITS: Final = 4  # the last bits depend on the batch and the device; answers must not


@dataclass(frozen=True)
class LengthScale:
    """Where the scores of human recordings lie at each length.

    Medians (``middle`` at 20 s, ``middle_slope`` for each neper) and 90 % points (``high``,
    ``high_slope``) are straight lines in the logarithm of the length. ``excess`` is the mean
    excess over the 90 % point, in units of its distance from the median.
    """

    middle: float
    high: float
    excess: float
    middle_slope: float = 0.0
    high_slope: float = 0.0

    def standard(self, score: float, seconds: float) -> float:
        """Return the score on the scale of its length: 0 is the median, 1 the 90 % point."""
        length = log(max(seconds, 1.0) / TYPICAL_S)
        middle = self.middle + self.middle_slope * length
        high = self.high + self.high_slope * length
        return round((score - middle) / max(high - middle, LEAST_SPREAD), DIGITS)

    def surprise(self, score: float, seconds: float) -> float:
        """Return minus the logarithm of the share of human recordings above a score, in nats.

        It is linear up to the 90 % point; beyond, the tail is exponential with the mean excess.
        """
        at = self.standard(score, seconds)
        if at >= 1:
            return log(10) + (at - 1) / self.excess
        return max(log(2) + at * log(5), 0.0)


@dataclass(frozen=True)
class HumanScores:
    """Scores of the calibration set's human recordings.

    ``values`` [n] are sorted and on the scale of length; ``weights`` [n] sum to one a performance.
    ``strata`` [n] are indexes into ``detector.calibration.strata.STRATA``; None: all compare.
    """

    values: NDArray[np.float32]
    weights: NDArray[np.float32]
    scale: LengthScale
    strata: NDArray[np.int8] | None = None

    @classmethod
    def of(cls, scores: NDArray[Any]) -> Self:
        """Return scores that do not depend on length, each of a performance of its own."""
        ordered = np.sort(scores.astype(np.float64))
        middle, high = (float(value) for value in np.quantile(ordered, (0.5, TAIL_FROM)))
        high = max(high, middle + LEAST_SPREAD)
        above = (ordered[ordered > high] - high) / (high - middle)
        excess = float(above.mean()) if len(above) else 0.0
        scale = LengthScale(middle, high, max(excess, LEAST_SPREAD))
        values = [scale.standard(score, TYPICAL_S) for score in ordered.tolist()]
        return cls(np.array(values, np.float32), np.ones(len(values), np.float32), scale)

    def like(self, even: float) -> "HumanScores":
        """Return those of recordings as even as this (``strata.evenness``)."""
        return self if self.strata is None else self.by_stratum[stratum_of(even)]

    @cached_property
    def by_stratum(self) -> "tuple[HumanScores, ...]":
        """The scores of each stratum; of all together where there are no strata."""
        if self.strata is None:
            return (self,)
        return tuple(
            HumanScores(self.values[own], self.weights[own], self.scale)
            for own in (self.strata == index for index in range(len(STRATA)))
        )

    @cached_property
    def performances(self) -> int:
        """How many performances these are."""
        return round(float(self.weights.sum(dtype=np.float64)))

    @property
    def least_p_value(self) -> float:
        """The p-value of a score above all of these."""
        return 1 / (self.performances + 1)

    @cached_property
    def _from(self) -> NDArray[np.float64]:
        total = np.cumsum(self.weights[::-1].astype(np.float64))[::-1]
        return np.append(total, 0.0)

    def as_strong(self, score: float, seconds: float) -> float:
        """Return how many performances score at least as high for their length."""
        at = np.float32(self.scale.standard(score, seconds))
        return round(float(self._from[np.searchsorted(self.values, at, side="left")]), DIGITS)

    def p_value(self, score: float, seconds: float) -> float:
        """Return the conformal p-value of a score."""
        # weights are rounded: all of them may add up to a little more than their number
        return min(1.0, (1 + self.as_strong(score, seconds)) / (self.performances + 1))

    def is_finding(self, score: float, seconds: float, alpha: float) -> bool:
        """Whether so strong a score is rarer than ``alpha`` among human recordings.

        Where they are too few to count, none may be as strong, and the fitted tail decides.
        """
        if self.p_value(score, seconds) <= alpha:
            return True
        alone = self.as_strong(score, seconds) == 0
        return alone and self.surprise(score, seconds) >= -log(alpha)

    def bar(self, alpha: float) -> float:
        """Return the least of ``values`` whose p-value is at most ``alpha``; else infinity."""
        low = (1 + self._from[:-1]) / (self.performances + 1) <= alpha
        return float(self.values[low.argmax()]) if low.any() else inf

    def surprise(self, score: float, seconds: float) -> float:
        """Return ``LengthScale.surprise`` of a score, in nats."""
        return self.scale.surprise(score, seconds)


@dataclass(frozen=True)
class Calibration:
    """Calibration of one population of recordings.

    ``humans`` are scores of the whole answer, ``looks`` those of each statistic. ``identified``
    are those of ``detector.evidence.combination.identification``; None: nothing is identified.
    ``slope`` and ``intercept`` are of the logit of a score, clipped to ``clip``. ``rates_hz`` are
    the lowest and highest sample rate.
    """

    population: str
    humans: HumanScores
    slope: float
    intercept: float
    clip: tuple[float, float]
    looks: dict[str, HumanScores]
    longest_s: float = inf
    rates_hz: tuple[int, int] = (0, 2**31)
    identified: HumanScores | None = None

    def covers(self, seconds: float, sample_rate_hz: int) -> bool:
        """Whether recordings of this length and rate were calibrated, or nearly."""
        low, high = self.rates_hz
        return low <= sample_rate_hz <= MOST_TIMES * high and seconds <= MOST_TIMES * self.longest_s

    def probability(self, score: float) -> float:
        """Return the calibrated probability of AI at even prior odds."""
        low, high = self.clip
        logit = self.slope * min(max(score, low), high) + self.intercept
        return 1 / (1 + exp(-logit))

    def check_rates(self, rates: Rates) -> None:
        """Raise ModelError for a false-positive rate that this set is too small for."""
        for index, humans in enumerate(self.humans.by_stratum):
            kind = "" if self.humans.strata is None else f", {STRATA[index]} music"
            self._check("alpha", rates.suspected, humans, kind)
        if self.identified is not None:
            self._check("identified alpha", rates.identified, self.identified, "")

    def _check(self, name: str, rate: float, humans: HumanScores, kind: str) -> None:
        needed = ceil(1 / rate - ROUNDING) - 1
        if humans.performances < needed:
            raise ModelError(
                f"{name} {rate:g} needs at least {needed} human performances of population "
                f"{self.population}{kind}; the calibration set has {humans.performances}"
            )

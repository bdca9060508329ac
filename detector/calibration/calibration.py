"""From a raw score to answers: p-value, probability, and what the operator's rate allows.

The p-value is conformal: the share of human performances in the calibration set that score
at least as high, counting the track itself: p = (1 + #{human >= score}) / (n + 1) (Vovk et
al., Algorithmic Learning in a Random World, 2005). If a human track is exchangeable with
the calibration set, deciding "AI" where p <= alpha is wrong for at most a share alpha of
human tracks. A set of n performances cannot support an alpha below 1 / (n + 1).

Versions of one performance (a mix and its accompaniment, an MP3 and an Ogg, what deliveries
leave of it) are one witness: together they weigh as much as one recording.

Long recordings score higher than short ones, human or not. So every score is first
stated on the scale of human recordings of its length (``LengthScale``), and compared there.

The probability (Platt, 1999) is stated at even prior odds, with every generator and every
human source counting alike; it is for people and for ranking. Decisions use the p-value.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, inf, log
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from detector.errors import ModelError

TAIL_FROM: Final = 0.90
LEAST_SPREAD: Final = 1e-3
TYPICAL_S: Final = 20.0  # lengths are stated in nepers of this
ROUNDING: Final = 1e-6  # 1 / (1 / 200) must not ask for one recording more
BANDS: Final = 3
RECALL_TRACKS: Final = 20
RECALL_LEAST: Final = 0.9
MOST_TIMES: Final = 4  # as long as the longest, or as high as the highest rate, that was calibrated
DIGITS: Final = 4  # the last bits depend on the batch and the device; answers must not


@dataclass(frozen=True)
class LengthScale:
    """Where the scores of human recordings lie at each length.

    Two straight lines in the logarithm of the length: through the medians (``middle`` at
    20 s, ``middle_slope`` for each neper) and through the 90 % points (``high``,
    ``high_slope``). ``excess`` is how far beyond the 90 % point scores lie in the mean, in
    units of the way from the median to it.
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
        """Return how surprising a score is: minus the logarithm of the share above.

        Up to the 90 % point a straight line through the median and that point; beyond, where
        recordings are few, the exponential tail with their mean excess. It puts branches on
        one scale, and it never ends: what stands far above all of them is worth more.
        """
        at = self.standard(score, seconds)
        if at >= 1:
            return log(10) + (at - 1) / self.excess
        return max(log(2) + at * log(5), 0.0)


@dataclass(frozen=True)
class HumanScores:
    """Scores of the calibration set's human recordings.

    ``values`` [n] are sorted and on the scale of each recording's length; ``weights`` [n]
    add up to one for each performance.
    """

    values: NDArray[np.float32]
    weights: NDArray[np.float32]
    scale: LengthScale

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

    @cached_property
    def performances(self) -> int:
        """How many performances these are."""
        return round(float(self.weights.sum(dtype=np.float64)))

    @cached_property
    def _from(self) -> NDArray[np.float64]:
        """The weight [n + 1] of each value and all above it."""
        total = np.cumsum(self.weights[::-1].astype(np.float64))[::-1]
        return np.append(total, 0.0)

    def as_strong(self, score: float, seconds: float) -> float:
        """Return how many performances score at least as high for their length."""
        at = np.float32(self.scale.standard(score, seconds))
        return round(float(self._from[np.searchsorted(self.values, at, side="left")]), DIGITS)

    def p_value(self, score: float, seconds: float) -> float:
        """Return the conformal p-value of a score."""
        return (1 + self.as_strong(score, seconds)) / (self.performances + 1)

    def is_finding(self, score: float, seconds: float, alpha: float) -> bool:
        """Whether so strong a score is rarer than ``alpha`` among human recordings.

        Where they are too few to say so by counting, none may be as strong, and the tail
        that the strongest of them draw must say so.
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
        """Return how surprising a score is among them, in nats (``LengthScale.surprise``)."""
        return self.scale.surprise(score, seconds)


@dataclass(frozen=True)
class Recall:
    """How many AI tracks of one kind are found, their makers unknown, at p <= 0.1.

    ``from_s`` to ``to_s`` are lengths; ``all_bands``: whether all three high bands have energy.
    """

    from_s: float
    to_s: float
    all_bands: bool
    tracks: int
    share_found: float

    def covers(self, seconds: float, bands: int) -> bool:
        """Whether a recording is of this kind."""
        return self.from_s <= seconds < self.to_s and (bands == BANDS) == self.all_bands

    @property
    def finds(self) -> bool:
        """Whether that is enough to say that what is not found is likely not there."""
        return self.tracks >= RECALL_TRACKS and self.share_found >= RECALL_LEAST


@dataclass(frozen=True)
class Calibration:
    """Calibration of one population of recordings.

    ``humans`` are scores of the whole answer; ``slope`` and ``intercept`` belong to its logit,
    clipped to ``clip``. ``looks`` are the human scores of each kind of evidence by itself.
    ``longest_s`` is the longest human recording's length, ``rates_hz`` the lowest and highest
    sample rate; ``recall`` is how much AI is found in recordings of each kind.
    """

    population: str
    humans: HumanScores
    slope: float
    intercept: float
    clip: tuple[float, float]
    looks: dict[str, HumanScores]
    longest_s: float = inf
    rates_hz: tuple[int, int] = (0, 2**31)
    recall: tuple[Recall, ...] = ()

    def covers(self, seconds: float, sample_rate_hz: int) -> bool:
        """Whether recordings of this length and rate were calibrated, or nearly."""
        low, high = self.rates_hz
        return low <= sample_rate_hz <= MOST_TIMES * high and seconds <= MOST_TIMES * self.longest_s

    def finds(self, seconds: float, bands: int) -> bool:
        """Whether most AI of this length and bandwidth is found: a low score is evidence."""
        return any(one.covers(seconds, bands) and one.finds for one in self.recall)

    def probability(self, score: float) -> float:
        """Return the calibrated probability of AI at even prior odds."""
        low, high = self.clip
        logit = self.slope * min(max(score, low), high) + self.intercept
        return 1 / (1 + exp(-logit))

    def check_alpha(self, alpha: float) -> None:
        """Refuse a false-positive rate that this set cannot support.

        Raises:
            ModelError: naming the number of human performances that it would take.
        """
        needed = ceil(1 / alpha - ROUNDING) - 1
        if self.humans.performances < needed:
            raise ModelError(
                f"alpha {alpha:g} needs at least {needed} human performances of population "
                f"{self.population}; the calibration set has {self.humans.performances}"
            )

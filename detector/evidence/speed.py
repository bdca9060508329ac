"""The clock at an altered speed: was the recording sped up or slowed down?

S(scale * r) (``detector.evidence.clock``) of a short list of rates is computed for scales from
0.90 to 1.10. The score has a null of its own, several times as high as the clock's. Multiples of
mains and of moved levels are masked, and frame rates of AAC are no candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector import kernels
from detector.evidence.clock import (
    CONTRAST,
    CONTRAST_ORDERS,
    GUARD_CAP,
    GUARD_ORDERS,
    GUARD_RATIO,
    HIGH_HZ,
    LOOP_FROM,
    LOW_HZ,
    MIN_LINES,
    MOST_LOOPS,
    allowed_bins,
    is_moved_level,
    loop_mask,
    mains_mask,
    mean_heights,
)
from detector.kernels.reference import Comb, Fractions
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation
from detector.types import FloatArray

SHORT_LIST_HZ: Final = (
    44_100 / 2_048, 44_100 / 1_024, 44_100 / 512, 48_000 / 2_048,
    25.0, 50.0, 75.0, 100.0, 150.0, 200.0,
)  # fmt: skip
FIRST_ORDERS: Final = (1, 2, 3)
FURTHER_ORDERS: Final = tuple(q for q in CONTRAST_ORDERS if q not in FIRST_ORDERS)
EVERY_ORDER: Final = (1, *CONTRAST_ORDERS, *GUARD_ORDERS)
DIGITS: Final = 4  # of a score
SCALE_LOW: Final = 0.90
SCALE_HIGH: Final = 1.10
SCALE_STEP: Final = 5e-5  # natural logarithm: a bin at 1,500 Hz
SCALES_TOGETHER: Final = 20  # neighbours of one peak: only the best of them is looked at closely
CANDIDATES: Final = 60
ALIKE: Final = 0.97  # scores that one set of lines gives two rates of the list
SAME_HZ: Final = 1e-3  # of the rate
SKIRT_BINS: Final = 6.0  # beside a strong line: scales are fine enough to fit its skirts
AAC_FRAME_HZ: Final = tuple(rate / hop for rate in (44_100, 48_000) for hop in (512, 1_024, 2_048))
AAC_WIDTH: Final = 2e-3  # of the rate: wide enough for the drift of a sound card

_Candidates = list[tuple[float, float, float]]
"""S without contrast, rate, scale; the first ones are looked at first."""


@dataclass(frozen=True)
class ScaledPulse:
    """The best fit: score, the decoder's own rate in Hz, and playing speed (1.03: faster)."""

    score: float
    rate_hz: float
    scale: float

    @property
    def heard_hz(self) -> float:
        """Where the lines stand in the recording."""
        return self.rate_hz * self.scale

    @property
    def scales(self) -> tuple[float, ...]:
        """All playing speeds at which one of the listed rates has these lines; its own first."""
        scales = (self.heard_hz / hz for hz in SHORT_LIST_HZ if hz != self.rate_hz)
        return (self.scale, *(scale for scale in scales if SCALE_LOW <= scale <= SCALE_HIGH))

    def at(self, scale: float) -> "ScaledPulse":
        """Return the same lines as another rate's, at one of ``scales``."""
        return ScaledPulse(self.score, round(self.heard_hz / scale, 6), round(scale, 5))

    def stands_where(self, other: "ScaledPulse") -> bool:
        """Whether the lines of both are the same."""
        return abs(self.heard_hz / other.heard_hz - 1) < SAME_HZ

    @property
    def sentence(self) -> str:
        """The sentence for people."""
        return (
            f"The energy above 4.5 kHz pulses at {self.heard_hz:.2f} Hz: a decoder's "
            f"{self.rate_hz:.2f} Hz, if the speed was altered by {self.scale - 1:+.1%}."
        )


def search(observation: Observation, rates: tuple[float, ...] = SHORT_LIST_HZ) -> ScaledPulse:
    """Return the best scaled rate of a recording; score 0 where no high band has energy.

    Where two rates of the list fit the same lines, that with the lesser change of speed is
    returned.
    """
    return search_all([observation], rates)[0]


def search_all(
    observations: Sequence[Observation], rates: tuple[float, ...] = SHORT_LIST_HZ
) -> list[ScaledPulse]:
    """Return the best scaled rate of each recording; all have one geometry."""
    pulses = [ScaledPulse(0.0, rates[0], 1.0)] * len(observations)
    audible = [row for row, observed in enumerate(observations) if any(observed.groups)]
    if audible:
        geometry = observations[audible[0]].geometry
        heights = np.stack([_heights(observations[row]) for row in audible])
        candidates = _candidates(heights, geometry, rates)
        for row, z, first in zip(audible, heights, candidates, strict=True):
            pulses[row] = _through_loops(observations[row], z, first, rates)
    return pulses


def _through_loops(
    observation: Observation, z: FloatArray, first: _Candidates, rates: tuple[float, ...]
) -> ScaledPulse:
    """Return the best candidate of z [bins], without the lines of moved levels."""
    geometry = observation.geometry
    bands = observation.clock[np.array(observation.groups)]
    best = _best(z, geometry, first)
    for _ in range(MOST_LOOPS):
        if best.score <= GUARD_CAP or not is_moved_level(bands, geometry, best.heard_hz):
            break
        z = z * loop_mask(geometry, best.heard_hz, SKIRT_BINS)
        best = _best(z, geometry, _candidates(z[None], geometry, rates)[0])
    return best


def repeats(observation: Observation, scale: float) -> bool:
    """Whether a sample-exact loop has lines at a rate of the list, at a scale, and between them."""
    if not any(observation.groups):
        return False
    geometry = observation.geometry
    allowed = _allowed(_heights(observation), geometry)
    for hz in SHORT_LIST_HZ:
        means, lines = _means(allowed, geometry, hz * scale, EVERY_ORDER)
        on = means.pop(1, 0.0)
        off = max(means.values(), default=0.0)
        if lines >= MIN_LINES and on * lines**0.5 > LOOP_FROM and off > GUARD_RATIO * on:
            return True
    return False


def _best(z: FloatArray, geometry: Geometry, candidates: _Candidates) -> ScaledPulse:
    allowed = _allowed(z, geometry)
    fits = [ScaledPulse(0.0, SHORT_LIST_HZ[0], 1.0)]
    for bound, hz, scale in candidates:
        least = ALIKE * fits[0].score  # what scores less is neither the best nor like it
        if bound < least:  # contrast and guard only take away
            break
        score = _fine(allowed, geometry, hz * scale, least)
        fits.append(ScaledPulse(score, hz, round(scale, 5)))
        fits.sort(key=lambda one: -one.score)
    best = fits[0]
    same = (one for one in fits if one.score >= ALIKE * best.score and one.stands_where(best))
    return min(same, key=lambda one: abs(log(one.scale)))


def _heights(observation: Observation) -> FloatArray:
    """Return z [bins], the mean of the bands with energy, 0 at mains multiples."""
    geometry = observation.geometry
    return mean_heights(observation.clock, observation.groups, geometry) * mains_mask(geometry)


def _allowed(z: FloatArray, geometry: Geometry) -> FloatArray:
    """Return z [bins], NaN where a bin is not allowed."""
    allowed: FloatArray = np.where(allowed_bins(geometry), z, np.float32(np.nan))
    return allowed


@dataclass(frozen=True)
class _Places:
    """The lines of one rate at each scale.

    ``comb`` [lines, n] is past the end where a line does not count; ``root`` [n] is that of the
    number of lines, infinite where a scale is no candidate.
    """

    scales: NDArray[np.float64]
    comb: Comb
    root: FloatArray


@lru_cache(maxsize=64)
def _places(geometry: Geometry, hz: float) -> _Places:
    scales = np.exp(np.arange(log(SCALE_LOW), log(SCALE_HIGH), SCALE_STEP))
    at = scales[:, None] * hz * np.arange(1, int(HIGH_HZ / (SCALE_LOW * hz)) + 1)
    position = np.rint(at / geometry.bin_hz).astype(np.int32).clip(max=geometry.bins - 1)
    counted = (at >= LOW_HZ) & (at < HIGH_HZ) & allowed_bins(geometry)[position]
    lines = counted.sum(axis=1)
    root = np.where(lines < MIN_LINES, np.inf, np.sqrt(lines.clip(min=1)))
    for frame in AAC_FRAME_HZ:
        root[np.abs(scales * hz - frame) < AAC_WIDTH * frame] = np.inf
    bins = np.where(counted, position, geometry.bins).astype(np.int32)
    return _Places(scales, Comb(bins.T.copy(), geometry.bins), root.astype(np.float32))


def _candidates(z: FloatArray, geometry: Geometry, rates: tuple[float, ...]) -> list[_Candidates]:
    """Return the candidates of recordings [rows, bins], each the best of a stretch of scales."""
    padded = np.pad(z, ((0, 0), (0, 1)))
    parts = []
    for hz in rates:
        places = _places(geometry, hz)
        scores = kernels.chosen.comb_sums(padded, places.comb) / places.root
        rest = -scores.shape[1] % SCALES_TOGETHER
        stretches = np.pad(scores, ((0, 0), (0, rest)), constant_values=-np.inf)
        stretches = stretches.reshape(len(z), -1, SCALES_TOGETHER)
        starts = np.arange(0, scores.shape[1], SCALES_TOGETHER)
        scales = places.scales[starts + stretches.argmax(axis=2)]
        parts.append((stretches.max(axis=2), np.full(scales.shape, hz), scales))
    bounds, hertz, scales = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return [_highest(*row) for row in zip(bounds, hertz, scales, strict=True)]


def _highest(
    bounds: FloatArray, hertz: NDArray[np.float64], scales: NDArray[np.float64]
) -> _Candidates:
    """Return the highest of one recording's candidates, falling."""
    kept = np.flatnonzero(bounds >= np.partition(bounds, -CANDIDATES)[-CANDIDATES])
    order = kept[np.lexsort((scales[kept], hertz[kept], bounds[kept]))][: -CANDIDATES - 1 : -1]
    return list(
        zip(bounds[order].tolist(), hertz[order].tolist(), scales[order].tolist(), strict=True)
    )


def _fine(allowed: FloatArray, geometry: Geometry, hz: float, least: float) -> float:
    """Return S at one rate, with contrast and ratio guard; below ``least`` maybe more than S.

    Each further order can only raise ``off``, and the guard can only lower S. So a score of the
    first orders that is below ``least`` proves that S is, too: the others, nine tenths of the
    lines, are not looked at. Of most candidates none but the first ones are.
    """
    means, lines = _means(allowed, geometry, hz, FIRST_ORDERS)
    on, off = means.pop(1, 0.0), max(means.values(), default=0.0)
    off = max(off, 0.0)
    if _contrast(on, off, lines) >= least:
        means, _ = _means(allowed, geometry, hz, FURTHER_ORDERS)
        off = max((off, *means.values()))
    score = _contrast(on, off, lines)
    if score <= GUARD_CAP or score < least:
        return score
    means, _ = _means(allowed, geometry, hz, tuple(GUARD_ORDERS))
    return GUARD_CAP if max((off, *means.values())) > GUARD_RATIO * on else score


def _contrast(on: float, off: float, lines: int) -> float:
    return round(float((on - CONTRAST * off) * lines**0.5), DIGITS)


@lru_cache(maxsize=8)
def _fractions(lowest_hz: float, orders: tuple[int, ...]) -> Fractions:
    """Return all p and q in lowest terms, q by q, as in ``lattice_bins``."""
    index = [np.arange(int(HIGH_HZ * q / lowest_hz) + 2) for q in orders]
    index = [p[np.gcd(p, q) == 1] for p, q in zip(index, orders, strict=True)]
    return Fractions(
        np.array(orders, np.int64),
        np.array([len(p) for p in index], np.int64),
        np.concatenate(index),
    )


def _means(
    allowed: FloatArray, geometry: Geometry, hz: float, orders: tuple[int, ...]
) -> tuple[dict[int, float], int]:
    """Return the mean at ``lattice_bins`` of each order, and how many lines order 1 has.

    ``allowed`` [bins] is z, NaN where a bin is not allowed.
    """
    fractions = _fractions(SCALE_LOW * SHORT_LIST_HZ[0], orders)
    sums, counts = kernels.chosen.fraction_sums(
        allowed, hz, geometry.bin_hz, LOW_HZ, HIGH_HZ, fractions
    )
    by_order = zip(orders, sums.tolist(), counts.tolist(), strict=True)
    means = {order: total / count for order, total, count in by_order if count}
    return means, int(counts[0]) if orders[0] == 1 else 0

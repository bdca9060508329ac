"""The clock branch: does the energy of the high bands pulse at a decoder's frame rate?

For each rate r of a lattice, with n lines at k*r between 150 and 1,500 Hz of mean height ``on``,

    S(r) = (on - 0.7 off) * sqrt(n)

where ``off`` is the highest mean over the fractions (k - p/q)*r, q = 2..8, at least 0. The score
of a track is the largest S. ``docs/explanation/detector.md`` describes the guards against loops,
moved levels, mains and MP3 frames. The answers do not depend on the batch. Line heights and their
means may be computed on a device (``detector.evidence.arrays``); what is chosen among them is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.evidence.arrays import (
    Array,
    Averages,
    beside,
    deviation,
    lower_median,
    namespace,
    on_host,
)
from detector.observation.geometry import Geometry
from detector.types import BoolVector, FloatArray, FloatVector

LOW_HZ: Final = 150.0
HIGH_HZ: Final = 1_500.0
BASELINE_ABOVE_HZ: Final = 60.0
NEIGHBOUR: Final = 0.7
CLIP: Final = (-1.5, 4.0)
CONTRAST: Final = 0.7
CONTRAST_ORDERS: Final = range(2, 9)
GUARD_ORDERS: Final = range(9, 25)  # beyond those of the contrast
GUARD_RATIO: Final = 0.8
GUARD_CAP: Final = 1.0
LOOP_FROM: Final = 1.5  # S without the guard; of people's playing 9 in 10 stay below 0.6
LOOP_BINS: Final = 1.5  # a line between two bins stands in both
MOST_LOOPS: Final = 3  # of different rates in one recording
MIN_LINES: Final = 4
# Nepers of power for each neper of order: 0 are lines of a clock, alike at any order; a level
# that jumps has at most -2 (Fourier coefficients of bounded variation): this is the middle.
LEVEL_FALL: Final = -1.0
LEVEL_ALIKE: Final = 0.5**0.5  # correlation of two bands' lines: half of what varies is common
MP3_FRAME_HZ: Final = (44_100 / 1_152, 48_000 / 1_152, 32_000 / 1_152)
MP3_WIDTH_HZ: Final = 0.15
MAINS_HZ: Final = (100.0, 120.0)
MAINS_WIDTH_HZ: Final = 0.5
MAINS_WIDTH_SHARE: Final = 8e-4
COMMON_HZ: Final = 50.0  # players of old machines and trackers run at it, too
COMMON_FAINT: Final = 5.0  # S


@dataclass(frozen=True)
class Rate:
    """One candidate clock rate; ``penalty`` is subtracted from its score."""

    hz: float
    penalty: float
    origin: str
    known_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lattice:
    """The rates of a model, without the mains rates, which are probed apart."""

    rates: tuple[Rate, ...]

    @property
    def probed(self) -> tuple[float, ...]:
        """All frequencies that are scored: the rates, then the mains."""
        return tuple(rate.hz for rate in self.rates) + MAINS_HZ


@dataclass(frozen=True)
class ClockFinding:
    """The best rate of one recording, and its score."""

    score: float
    rate: Rate

    @property
    def common_and_faint(self) -> bool:
        """Whether other things than decoders pulse like this, too."""
        return self.rate.hz == COMMON_HZ and self.score < COMMON_FAINT


@dataclass(frozen=True)
class ClockScores:
    """Scores of a batch: ``score`` [B], ``best`` [B] index into the rates, ``all`` [B, rates].

    ``looped`` [B]: the strongest pulse was that of a repetition or of a moved level, at the rate
    ``loop_hz`` [B].
    """

    score: FloatArray
    best: NDArray[np.intp]
    all: FloatArray
    looped: BoolVector
    loop_hz: FloatVector


def line_heights(lines: Array, geometry: Geometry) -> Array:
    """Return z [..., bins]: lines standardised, clipped, at least 0.7 of each neighbour."""
    xp = namespace(lines)
    first = round(BASELINE_ABOVE_HZ / geometry.bin_hz) + 1
    above = lines[..., first:]
    z = (lines - lower_median(above)) / deviation(above).clip(1e-6)
    joined = xp.asarray(z, copy=True)
    joined[..., 1:] = xp.maximum(joined[..., 1:], NEIGHBOUR * z[..., :-1])
    joined[..., :-1] = xp.maximum(joined[..., :-1], NEIGHBOUR * z[..., 1:])
    joined -= joined[..., first:].mean(axis=-1, keepdims=True)
    return joined.clip(*CLIP)


def mean_heights(lines: FloatArray, groups: Sequence[bool], geometry: Geometry) -> FloatArray:
    """Return z [bins] of one track's ``lines`` [3, bins], the mean of the bands with energy."""
    z: FloatArray = line_heights(lines, geometry)[np.array(groups)].mean(axis=0)
    return z


def score_tracks(
    lines: Array, groups: BoolVector, geometry: Geometry, lattice: Lattice
) -> ClockScores:
    """Score a batch of equal geometry, on the device of ``lines``; 0 where no band has energy.

    Args:
        lines: [B, 3, bins] sharpened modulation spectra (``Observation.clock``).
        groups: [B, 3], which of the three bands have energy.
        geometry: of all tracks in the batch.
        lattice: candidate rates.
    """
    z = line_heights(lines, geometry) * beside(groups[..., None], lines)
    scores = score_heights(z, groups, geometry, lattice)
    for row in range(len(lines)):
        own = slice(row, row + 1)
        hz = _repeated_hz(scores, row, lines[row], groups[row], geometry, lattice)
        if hz is not None:
            scores.looped[row] = True
            _hear_through_loops(z[own], lines[row], groups[own], geometry, lattice, scores, row, hz)
    return scores


def _repeated_hz(
    scores: ClockScores,
    row: int,
    lines: Array,
    groups: BoolVector,
    geometry: Geometry,
    lattice: Lattice,
) -> float | None:
    if scores.looped[row]:
        return float(scores.loop_hz[row])
    hz = lattice.rates[scores.best[row]].hz
    pulses = scores.score[row] >= LOOP_FROM
    return hz if pulses and is_moved_level(on_host(lines)[groups], geometry, hz) else None


def is_moved_level(lines: FloatArray, geometry: Geometry, hz: float) -> bool:
    """Whether ``lines`` [bands, bins] at a rate are those of a moved level, and no clock's.

    Their heights must fall with the logarithm of their order, and must correlate between bands
    (those with energy): one band alone is never a moved level.
    """
    bins = lattice_bins(geometry, allowed_bins(geometry), hz, 1)
    if len(lines) < 2 or len(bins) < MIN_LINES:
        return False
    near = [lines[:, (bins + shift).clip(0, geometry.bins - 1)] for shift in (-1, 0, 1)]
    heights = np.maximum.reduce(near).astype(np.float64)
    orders = np.rint(bins * geometry.bin_hz / hz)
    fall = np.polyfit(np.log(orders), heights.mean(axis=0), 1, w=orders**-0.5)[0]
    if fall > LEVEL_FALL or (heights.std(axis=1) == 0).any():
        return False
    alike = np.corrcoef(heights)[np.triu_indices(len(heights), 1)].mean()
    return bool(alike >= LEVEL_ALIKE)


def _hear_through_loops(
    z: Array,
    lines: Array,
    groups: BoolVector,
    geometry: Geometry,
    lattice: Lattice,
    scores: ClockScores,
    row: int,
    hz: float,
) -> None:
    """Mask the loops of one track, that at ``hz`` first, and store the new score in its row."""
    for _ in range(MOST_LOOPS):
        z = z * beside(loop_mask(geometry, hz), z)
        again = score_heights(z, groups, geometry, lattice)
        for kept, new in (
            (scores.score, again.score), (scores.best, again.best), (scores.all, again.all)
        ):  # fmt: skip
            kept[row] = new[0]
        further = _repeated_hz(again, 0, lines, groups[0], geometry, lattice)
        if further is None:
            break
        hz = further


def score_heights(
    z: Array, groups: BoolVector, geometry: Geometry, lattice: Lattice
) -> ClockScores:
    """Score line heights [B, bands, bins], which are zero where a band has no energy."""
    scores, loop, loop_hz = _score(z, groups, geometry, lattice)
    looped = loop > scores.max(axis=1).clip(min=LOOP_FROM)
    humming = np.flatnonzero(scores.argmax(axis=1) >= len(lattice.rates))
    if len(humming):
        quiet = z[humming] * beside(mains_mask(geometry), z)
        scores[humming], _, _ = _score(quiet, groups[humming], geometry, lattice)
    penalties = np.array([rate.penalty for rate in lattice.rates], np.float32)
    penalised = scores[:, : len(lattice.rates)] - penalties
    return ClockScores(penalised.max(axis=1), penalised.argmax(axis=1), penalised, looped, loop_hz)


def _score(
    z: Array, groups: BoolVector, geometry: Geometry, lattice: Lattice
) -> tuple[FloatArray, FloatArray, FloatVector]:
    """Return S [B, probed] after the ratio guard, the largest S that it capped, and its Hz [B]."""
    comb = _comb(geometry, lattice.probed)
    batch, bands, bins = z.shape
    probed = len(lattice.probed)
    used = groups.sum(axis=1).clip(min=1).astype(np.float32)
    each = comb.contrast.of(z.reshape(batch * bands, bins)).reshape(probed, -1, batch, bands)
    on, off = each[:, 0], each[:, 1:].max(axis=1).clip(min=0)
    per_band = (on - CONTRAST * off) * comb.root[:, None, None]
    score = per_band.sum(axis=2) / used  # bands without energy are all zero

    near = each.sum(axis=3) / used
    far = comb.guard.of(z.sum(axis=1)).reshape(probed, -1, batch) / used
    fractions = np.concatenate((near[:, 1:], far), axis=1)
    looped = fractions.max(axis=1) > GUARD_RATIO * near[:, 0]
    capped = np.where(looped, score, np.float32(0))
    where, rows = capped.argmax(axis=0), np.arange(batch)
    order = fractions[where, :, rows].argmax(axis=1) + CONTRAST_ORDERS.start
    loop_hz = np.array(lattice.probed)[where] / order
    return (
        np.where(looped, score.clip(max=GUARD_CAP), score).T.copy(), capped[where, rows], loop_hz
    )  # fmt: skip


def score_bounds(z: FloatArray, geometry: Geometry, lattice: Lattice) -> FloatArray:
    """Return the most that line heights [rows, bins] can score, mains masked or not."""
    lines = _lines(geometry, tuple(rate.hz for rate in lattice.rates))
    picked = z[:, lines.bins]
    kept = picked * mains_mask(geometry)[lines.bins]
    sums = [np.add.reduceat(heights, lines.starts, axis=1) for heights in (picked, kept)]
    bounds: FloatArray = (np.maximum(*sums) / lines.root).max(axis=1, initial=0)
    return bounds


def score_segments(timeline: FloatArray, hz: float, geometry: Geometry) -> FloatArray:
    """Return S [segments] at one fixed rate, of all bands: 99 % of human ones are below 0.6."""
    comb = _comb(geometry, (hz,))
    means = comb.contrast.of(line_heights(timeline, geometry))
    off = means[1:].max(axis=0).clip(min=0)
    scores: FloatArray = (means[0] - CONTRAST * off) * comb.root[0]
    return scores


@dataclass(frozen=True)
class _Comb:
    """Averages [probed * orders] of lines, and sqrt(n) of each rate."""

    contrast: Averages
    guard: Averages
    root: FloatArray


@dataclass(frozen=True)
class _Lines:
    """Bins of all lines, rate by rate; where each of the rates starts, and sqrt(its lines).

    Rates of few lines, which score 0, are left out.
    """

    bins: NDArray[np.int64]
    starts: NDArray[np.intp]
    root: FloatArray


@lru_cache(maxsize=32)
def _lines(geometry: Geometry, rates: tuple[float, ...]) -> _Lines:
    allowed = allowed_bins(geometry)
    every = (lattice_bins(geometry, allowed, hz, 1) for hz in rates)
    rows = [row for row in every if len(row) >= MIN_LINES]
    sizes = np.array([len(row) for row in rows])
    return _Lines(np.concatenate(rows), np.cumsum(sizes) - sizes, np.sqrt(sizes).astype(np.float32))


@lru_cache(maxsize=64)
def _comb(geometry: Geometry, probed: tuple[float, ...]) -> _Comb:
    allowed = allowed_bins(geometry)
    nothing = np.empty(0, np.int64)
    contrast: list[NDArray[np.int64]] = []
    guard: list[NDArray[np.int64]] = []
    root = []
    for hz in probed:
        on = lattice_bins(geometry, allowed, hz, 1)
        enough = len(on) >= MIN_LINES
        contrast.append(on if enough else nothing)
        for orders, rows in ((CONTRAST_ORDERS, contrast), (GUARD_ORDERS, guard)):
            rows.extend(
                lattice_bins(geometry, allowed, hz, q) if enough else nothing for q in orders
            )
        root.append(sqrt(len(on)) if enough else 0.0)
    return _Comb(
        Averages(contrast, geometry.bins),
        Averages(guard, geometry.bins),
        np.array(root, np.float32),
    )


@lru_cache(maxsize=16)
def allowed_bins(geometry: Geometry) -> NDArray[np.bool_]:
    """Return which bins [bins] are away from MP3's frame rates."""
    hz = np.arange(geometry.bins) * geometry.bin_hz
    distances = [np.abs(hz - np.round(hz / frame) * frame) for frame in MP3_FRAME_HZ]
    allowed: NDArray[np.bool_] = np.min(distances, axis=0) > MP3_WIDTH_HZ
    return allowed


def lattice_bins(
    geometry: Geometry, allowed: NDArray[np.bool_], hz: float, q: int
) -> NDArray[np.int64]:
    """Return the bins at (k - p/q) * hz, p/q in lowest terms; at k * hz for q = 1."""
    step = hz / q
    index = np.arange(int(LOW_HZ / step), int(HIGH_HZ / step) + 2)
    at = index * step
    inside = (at >= LOW_HZ) & (at < HIGH_HZ) & (np.gcd(index, q) == 1)
    position = np.rint(at[inside] / geometry.bin_hz).astype(np.int64)
    position = position[position < geometry.bins]
    bins: NDArray[np.int64] = position[allowed[position]]
    return bins


@lru_cache(maxsize=16)
def mains_mask(geometry: Geometry) -> FloatArray:
    """Return [bins], 0 at all multiples of 100 and 120 Hz."""
    hz = np.arange(geometry.bins) * geometry.bin_hz
    mask = np.ones(geometry.bins, np.float32)
    for mains in MAINS_HZ:
        distance = np.abs(hz - np.round(hz / mains) * mains)
        mask[distance <= (MAINS_WIDTH_SHARE * hz).clip(min=MAINS_WIDTH_HZ)] = 0
    return mask


@lru_cache(maxsize=64)
def loop_mask(geometry: Geometry, loop_hz: float, skirt: float = LOOP_BINS) -> FloatArray:
    """Return [bins], 0 at all multiples of a loop's rate and so many bins beside them."""
    hz = np.arange(geometry.bins) * geometry.bin_hz
    distance = np.abs(hz - np.round(hz / loop_hz) * loop_hz)
    return (distance > skirt * geometry.bin_hz).astype(np.float32)


def standard_lattice() -> Lattice:
    """Return the lattice from which a model's ``rates.toml`` starts, 20 to 405 Hz.

    Without penalty: sample rates over 1 or 5 times a power of two, and round rates of codecs.
    Hops with further factors 3, 5 and 7, as vocoders have, have a penalty of 0.5.
    """
    sample_rates = (44_100, 48_000, 32_000, 24_000, 22_050, 16_000)
    plausible: dict[float, str] = {}
    for rate in sample_rates:
        for hop in [2**a for a in range(16)] + [5 * 2**a for a in range(16)]:
            plausible.setdefault(round(rate / hop, 6), f"{rate}/{hop}")
    for hz in (25, 40, 50, 75, 80, 150, 160, 200, 320, 400):
        plausible.setdefault(float(hz), "codec frame rate")
    possible: dict[float, str] = {}
    for rate in sample_rates:
        for a in range(16):
            for b in range(3):
                for c in range(4):
                    for d in range(3 if rate in (44_100, 22_050) else 1):
                        if b + c + d <= 4:
                            hop = 2**a * 3**b * 5**c * 7**d
                            possible.setdefault(round(rate / hop, 6), f"{rate}/{hop}")
    left_out = {60.0, 300.0, *MAINS_HZ}
    inside = [hz for hz in plausible if 20 <= hz <= 405 and hz not in left_out]
    others = [
        hz for hz in possible if 20 <= hz <= 405 and hz not in left_out and hz not in plausible
    ]
    return Lattice(
        tuple(Rate(hz, 0.0, plausible[hz]) for hz in sorted(inside))
        + tuple(Rate(hz, 0.5, possible[hz]) for hz in sorted(others))
    )

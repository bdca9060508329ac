"""Where in a track does a clock run? A decoder's part inside someone's recording.

Windows of about 24 s are scored at the rates without penalty. The best one counts, with a null of
its own. Then each segment of 12 s is scored at that window's rate. Half-overlapping Hann windows
add up to one, so the heights of lines show where in a segment the edge is.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.evidence.clock import (
    Lattice,
    Rate,
    allowed_bins,
    lattice_bins,
    line_heights,
    score_bounds,
    score_heights,
    score_segments,
)
from detector.observation.observation import Observation
from detector.types import FloatArray, SegmentScore

Extent = Literal["All", "Partly", "None", "Unknown"]

WINDOW_SEGMENTS: Final = 3  # half-overlapping segments of 11.9 s: 23.8 s
WINDOWS_CLOSELY: Final = 4  # of these, looked at together
WINDOWS_TOGETHER: Final = 64  # scored at once: hours of audio need no more memory than minutes
MIN_PART_S: Final = 24.0  # two windows; a shorter track is one stretch and has no parts
MIN_SEGMENTS: Final = 3  # shorter tracks are one window
PRESENT: Final = 1.0  # S at one fixed rate
EDGE_SEGMENTS: Final = 2  # beyond a run whose windows may still reach into the part
COVERAGE_ALL: Final = 0.7
COVERAGE_PARTLY: Final = 0.45


@dataclass(frozen=True)
class Parts:
    """Where a clock runs.

    ``score`` and ``rate`` are the best window's. ``segments`` are the stretches in seconds, each
    with its mean S, and ``coverage`` their share of the track. Under the bar there are none.
    """

    score: float
    rate: Rate
    segments: tuple[SegmentScore, ...]
    coverage: float
    extent: Extent


class Window(NamedTuple):
    """Score, rate and first segment of a window of about 24 s."""

    score: float
    rate: Rate
    first: int


def best_window(observation: Observation, lattice: Lattice) -> Window:
    """Return the best window; tracks without any timeline score 0."""
    plausible = _plausible(lattice)
    best = Window(-inf, plausible.rates[0], 0)
    windows = _windows(observation.timeline)
    for first in range(0, len(windows), WINDOWS_TOGETHER):
        block = windows[first : first + WINDOWS_TOGETHER]
        z = line_heights(block, observation.geometry)
        bounds = score_bounds(z, observation.geometry, plausible)
        # no window can score above its bound: the promising ones first, most never at all
        order = np.argsort(-bounds, kind="stable")
        for at in range(0, len(order), WINDOWS_CLOSELY):
            few = order[at : at + WINDOWS_CLOSELY]
            if bounds[few[0]] <= best.score:
                break
            audible = np.ones((len(few), 1), bool)
            scores = score_heights(z[few][:, None], audible, observation.geometry, plausible)
            where = int(scores.score.argmax())
            if scores.score[where] > best.score:
                rate = plausible.rates[int(scores.best[where])]
                score = round(float(scores.score[where]), 4)
                best = Window(score, rate, first + int(few[where]))
    return best if len(windows) else best._replace(score=0.0)


@lru_cache(maxsize=8)
def _plausible(lattice: Lattice) -> Lattice:
    return Lattice(tuple(rate for rate in lattice.rates if rate.penalty == 0))


def find_parts(observation: Observation, lattice: Lattice, bar: float) -> Parts:
    """Return where a clock runs, if the best window scores at least ``bar``."""
    window = best_window(observation, lattice)
    if window.score < bar:
        return Parts(window.score, window.rate, (), 0.0, "None")
    return locate(observation, window)


def locate(observation: Observation, window: Window) -> Parts:
    """Return where the clock of a window runs, in the window and elsewhere."""
    score, rate, where = window
    heights = score_segments(observation.timeline, rate.hz, observation.geometry)
    stretches = _stretches(heights, where)
    amplitude = _amplitude(observation, rate.hz)
    located = tuple(
        _located(heights, amplitude, first, last, observation) for first, last in stretches
    )
    coverage = sum(one.end_s - one.start_s for one in located) / observation.duration_s
    return Parts(score, rate, located, round(coverage, 3), _extent(coverage, len(heights)))


def _windows(timeline: FloatArray) -> FloatArray:
    """Return means [windows, bins] over neighbouring segments, from every segment on."""
    size = min(WINDOW_SEGMENTS, len(timeline))
    if size == 0:
        return timeline
    count = len(timeline) - size + 1
    total = timeline[:count].copy()
    for shift in range(1, size):
        total += timeline[shift : shift + count]
    total /= np.float32(size)
    return total


def _stretches(heights: FloatArray, where: int) -> list[tuple[int, int]]:
    """Return first and last segment of each run in which the clock is present.

    A running median closes gaps of one segment; the best window keeps at least its highest one.
    """
    padded = np.pad(heights, 1, mode="edge")
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    present = smooth > PRESENT
    inside = slice(where, where + WINDOW_SEGMENTS)
    if not present[inside].any():
        present[where + int(heights[inside].argmax())] = True
    changes = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(changes[::2], changes[1::2], strict=True)]


def _amplitude(observation: Observation, hz: float) -> FloatArray:
    """Return the mean amplitude [segments] of the lines at ``hz``, above that between them."""
    geometry, timeline = observation.geometry, observation.timeline
    allowed = allowed_bins(geometry)

    def mean(bins: NDArray[np.int64]) -> FloatArray:
        sides = (timeline[:, (bins + shift).clip(0, geometry.bins - 1)] for shift in (-1, 0, 1))
        height: FloatArray = np.exp(np.maximum.reduce(list(sides)) / 2).mean(axis=1)
        return height

    on, off = (mean(lattice_bins(geometry, allowed, hz, order)) for order in (1, 2))
    above: FloatArray = np.maximum(on - off, 0)
    return above


def _located(
    heights: FloatArray, amplitude: FloatArray, first: int, last: int, observation: Observation
) -> SegmentScore:
    """Return a run in seconds; a run that reaches an end of the track goes up to that end."""
    half = observation.geometry.segment_s / 2
    run = amplitude[first : last + 1]
    level = float(np.quantile(run, 0.75) if len(run) < 4 else np.median(run[1:-1]))
    share = (amplitude / max(level, 1e-6)).clip(0, 1)
    share[first + 1 : last] = 1
    inside = first + int(run.argmax())
    centre = (inside + 1) * half
    before = share[max(first - EDGE_SEGMENTS, 0) : inside].sum()
    after = share[inside + 1 : last + 1 + EDGE_SEGMENTS].sum()
    start_s = 0.0 if first == 0 else max(centre - half * (0.5 + float(before)), 0.0)
    end_s = observation.duration_s
    if last < len(heights) - 1:
        end_s = min(centre + half * (0.5 + float(after)), end_s)
    score = float(heights[first : last + 1].mean())
    return SegmentScore(round(start_s, 2), round(end_s, 2), round(score, 3))


def _extent(coverage: float, segments: int) -> Extent:
    if segments < MIN_SEGMENTS or coverage >= COVERAGE_ALL:
        return "All"
    return "Partly" if coverage < COVERAGE_PARTLY else "Unknown"

"""Alignment: how two recordings lie over each other, from their landmarks alone.

Common quads vote for a speed and a shift of pitch, then for where one recording starts in the
other. The result is checked landmark by landmark. Each place (an excerpt, a part of a medley)
is a ``Stretch``.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.matching.landmarks import STEPS_PER_SEMITONE, TICKS_PER_S, Landmarks
from detector.matching.quads import Quads, index_keys, quads_of

MAX_SPEED: Final = 0.13  # speeds further from 1 are not looked for
MAX_SHIFT: Final = 2.6  # semitones
CLOSE_S: Final = 0.06  # landmarks that coincide
CLOSE_SEMITONES: Final = 0.4
WINDOW_S: Final = 5.0  # agreement is judged over this, every second
AGREE: Final = 0.25  # share of landmarks that coincide by chance: 0.03 to 0.10
SPARSE: Final = 5  # landmarks in five seconds below which agreement is not judged
MAX_STRETCHES: Final = 8
ENOUGH_PAIRS: Final = 4_000  # in a sample of the common quads; then the others are not compared
MIN_QUADS: Final = 12  # in common at one speed, shift and start

_SPEED_BIN: Final = 0.01
_SHIFT_BIN: Final = 0.25
_SAMPLE: Final = np.uint32(2**30)  # quads below this: a quarter, chosen by what they are
_MAX_PAIRS: Final = 400_000
_MARK_BITS: Final = 20
_MARK_SHIFT: Final = np.uint32(32 - _MARK_BITS)


@dataclass(frozen=True)
class Recording:
    """Landmarks with what comparing needs, each made when it is first asked for."""

    landmarks: Landmarks

    @cached_property
    def quads(self) -> Quads:
        """All quads, in order of time."""
        return quads_of(self.landmarks)

    @cached_property
    def ranked(self) -> Quads:
        """All quads by rising number."""
        return self.quads.sorted()

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """Its index keys, see ``detector.matching.postings``."""
        return index_keys(self.quads, self.landmarks)

    @cached_property
    def marked(self) -> NDArray[np.bool_]:
        """A table of the upper bits of its quads' numbers."""
        table = np.zeros(2**_MARK_BITS, np.bool_)
        table[self.quads.numbers >> _MARK_SHIFT] = True
        return table

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """Time of each landmark."""
        return self.landmarks.ticks / TICKS_PER_S

    @cached_property
    def semitones(self) -> NDArray[np.float64]:
        """Pitch of each landmark above 200 Hz."""
        return self.landmarks.steps / STEPS_PER_SEMITONE


@dataclass(frozen=True)
class Stretch:
    """One stretch of the query, and where it begins in the reference; seconds."""

    start_s: float
    end_s: float
    reference_s: float


@dataclass(frozen=True)
class Alignment:
    """How a query lies over a reference.

    ``score`` is the share of landmarks that coincide in the overlap, 0 to 1. ``offset_s`` is where
    the query's longest stretch begins in the reference (negative: so much comes before it).
    ``speed_ratio`` and ``pitch_ratio`` are those of the query to the reference; ``coincident`` is
    the number of landmarks that agree.
    """

    score: float
    offset_s: float
    overlap_s: float
    speed_ratio: float
    pitch_ratio: float
    coincident: int
    distinct_pitches: int
    """Semitones on which they agree: a tone or an alarm has few."""
    stretches: tuple[Stretch, ...]


def align(query: Recording, reference: Recording) -> Alignment | None:
    """Return how ``query`` lies over ``reference``; None where they have too little in common."""
    voted = _speed_and_shift(_common(query, reference))
    if voted is None:
        return None
    shift, pairs = voted
    slope = _slope(pairs)
    starts = _starts(pairs, slope)
    if not starts:
        return None
    slope, starts[0] = _refined(pairs, slope, starts[0])
    return _checked(query, reference, slope, shift, starts)


class _Pairs(NamedTuple):
    """Quads in common: their times in both, speed (reference time per query time), shift."""

    query_s: NDArray[np.float64]
    reference_s: NDArray[np.float64]
    slope: NDArray[np.float64]
    shift: NDArray[np.float64]

    def chosen(self, these: NDArray[np.bool_]) -> "_Pairs":
        return _Pairs(*(values[these] for values in self))


def _common(query: Recording, reference: Recording) -> _Pairs:
    """Return the quads that both have; a sample of them, where that is plenty."""
    marked, ours = query.marked, query.ranked
    theirs = quads_of(reference.landmarks, lambda numbers: marked[numbers >> _MARK_SHIFT])
    few = ours.chosen(slice(int(np.searchsorted(ours.numbers, _SAMPLE))))
    some = _pairs(query, few, reference, theirs.chosen(theirs.numbers < _SAMPLE).sorted())
    if len(some.slope) >= ENOUGH_PAIRS:
        return some
    return _pairs(query, ours, reference, theirs.sorted())


def _pairs(
    query: Recording, query_quads: Quads, reference: Recording, reference_quads: Quads
) -> _Pairs:
    low = np.searchsorted(reference_quads.numbers, query_quads.numbers, "left")
    count = np.searchsorted(reference_quads.numbers, query_quads.numbers, "right") - low
    count[count > 16] = 0  # a figure that is repeated all along has no one place
    if count.sum() > _MAX_PAIRS:  # hours against hours: every n-th will do
        count[np.arange(len(count)) % (1 + int(count.sum()) // _MAX_PAIRS) > 0] = 0
    at = np.repeat(np.arange(len(query_quads)), count)
    within = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    other = low[at] + within
    a, b = query_quads.first[at], reference_quads.first[other]
    query_span = query.seconds[query_quads.last[at]] - query.seconds[a]
    reference_span = reference.seconds[reference_quads.last[other]] - reference.seconds[b]
    slope = reference_span / query_span
    shift = query.semitones[a] - reference.semitones[b]
    near = (np.abs(np.log(slope)) < MAX_SPEED) & (np.abs(shift) < MAX_SHIFT)
    return _Pairs(query.seconds[a], reference.seconds[b], slope, shift).chosen(near)


def _speed_and_shift(pairs: _Pairs) -> tuple[float, _Pairs] | None:
    """Return the shift that most pairs agree on, and the pairs of that shift and its speed."""
    if len(pairs.slope) < MIN_QUADS:
        return None
    x, y = np.log(pairs.slope) / _SPEED_BIN, pairs.shift / _SHIFT_BIN
    wide, high = int(MAX_SPEED / _SPEED_BIN) + 1, int(MAX_SHIFT / _SHIFT_BIN) + 1
    votes = np.zeros((2 * wide + 3, 2 * high + 3))
    np.add.at(votes, (np.rint(x).astype(int) + wide + 1, np.rint(y).astype(int) + high + 1), 1)
    around = sum(np.roll(votes, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    top = np.unravel_index(int(np.argmax(around)), votes.shape)
    best_x, best_y = int(top[0]) - wide - 1, int(top[1]) - high - 1
    chosen = (np.abs(x - best_x) <= 2) & (np.abs(y - best_y) <= 1.5)
    if int(chosen.sum()) < MIN_QUADS:
        return None
    return float(np.median(pairs.shift[chosen])), pairs.chosen(chosen)


def _slope(pairs: _Pairs) -> float:
    """Return the speed: the median of single pairs, made exact by pairs far apart."""
    slope = float(np.median(pairs.slope))
    count = len(pairs.query_s)
    rng = np.random.default_rng(count)
    for apart, within in ((4.0, 0.02), (20.0, 0.006)):
        a, b = rng.integers(0, count, (2, 20_000))
        run = pairs.query_s[b] - pairs.query_s[a]
        far = run > apart
        if int(far.sum()) < 50:
            break
        slopes = (pairs.reference_s[b] - pairs.reference_s[a])[far] / run[far]
        slopes = slopes[np.abs(slopes - slope) < within]
        if len(slopes) < 20:
            break
        bins = np.histogram(slopes, 41, (slope - within, slope + within))
        top = int(np.argmax(np.convolve(bins[0], (1, 1, 1), "same")))
        near = slopes[np.abs(slopes - (bins[1][top] + bins[1][top + 1]) / 2) < within / 12]
        slope = float(np.median(near))
    return slope


def _starts(pairs: _Pairs, slope: float) -> list[float]:
    """Return where in the reference the query's time 0 lies, the best supported first."""
    starts = pairs.reference_s - slope * pairs.query_s
    bins = np.floor(starts / 0.1).astype(np.int64)
    first_starts: list[float] = []
    for _ in range(MAX_STRETCHES):
        if len(bins) < MIN_QUADS:
            break
        values, counts = np.unique(bins, return_counts=True)
        # neighbours count too: the border of a bin may run through the middle
        beside = counts.astype(np.int64)
        follows = np.flatnonzero(np.diff(values) == 1)
        beside[follows] += counts[follows + 1]
        beside[follows + 1] += counts[follows]
        top = int(np.argmax(beside))
        if beside[top] < MIN_QUADS:
            break
        near = np.abs(bins - values[top]) <= 1
        first_starts.append(float(np.median(starts[near])))
        away = np.abs(bins - values[top]) > 2
        starts, bins = starts[away], bins[away]
    return first_starts


def _refined(pairs: _Pairs, slope: float, start: float) -> tuple[float, float]:
    """Return speed and start, fitted by least squares to the pairs near them."""
    for within in (0.25, 0.1):
        near = np.abs(pairs.reference_s - slope * pairs.query_s - start) < within
        x, y = pairs.query_s[near], pairs.reference_s[near]
        if len(x) < MIN_QUADS or np.ptp(x) < 5:
            break
        away = x - x.mean()
        slope = float(away @ y / (away @ away))
        start = float(y.mean() - slope * x.mean())
    return slope, start


def _checked(
    query: Recording, reference: Recording, slope: float, shift: float, starts: list[float]
) -> Alignment | None:
    """Count the landmarks that coincide; each second of the query belongs to one start."""
    duration = query.landmarks.duration_s
    seconds = int(np.ceil(duration)) + 1
    taken = np.full(seconds, -1)
    agreed = np.zeros(seconds)
    hit_by = [_coincident(query, reference, slope, start, shift) for start in starts]
    second = query.seconds.astype(int)
    total = _around(np.bincount(second, minlength=seconds))
    for number, hit in enumerate(hit_by):
        good = _around(np.bincount(second[hit], minlength=seconds))
        share = good / np.maximum(total, 2 * SPARSE)
        better = (share >= AGREE) & (share > agreed + (0.1 if number else 0.0))
        taken[better], agreed[better] = number, share[better]
    if not (taken >= 0).any():
        return None
    taken = _bridged(taken, total)
    stretches = _stretches(taken, starts, slope, duration, reference.landmarks.duration_s)
    if not stretches:
        return None
    owner = taken[second]
    inside = owner >= 0
    hit = inside & np.array(hit_by)[owner, np.arange(len(owner))]
    longest = max(stretches, key=lambda stretch: stretch.end_s - stretch.start_s)
    return Alignment(
        score=round(float(hit.sum() / max(1, inside.sum())), 4),
        offset_s=round(longest.reference_s - slope * longest.start_s, 2),
        overlap_s=round(sum(stretch.end_s - stretch.start_s for stretch in stretches), 2),
        speed_ratio=round(slope, 4),
        pitch_ratio=round(2 ** (shift / 12), 4),
        coincident=int(hit.sum()),
        distinct_pitches=len(np.unique(np.rint(query.semitones[hit]))),
        stretches=tuple(stretches),
    )


def _coincident(
    query: Recording, reference: Recording, slope: float, start: float, shift: float
) -> NDArray[np.bool_]:
    """Return for each landmark of the query whether the reference has one in its place."""
    time, pitch = slope * query.seconds + start, query.semitones - shift
    low = np.searchsorted(reference.seconds, time - CLOSE_S)
    high = np.searchsorted(reference.seconds, time + CLOSE_S)
    hit = np.zeros(len(time), bool)
    last = len(reference.seconds) - 1
    for step in range(int((high - low).max(initial=0))):
        other = np.minimum(low + step, last)
        close = np.abs(reference.semitones[other] - pitch) < CLOSE_SEMITONES
        hit |= (low + step < high) & close
    return hit


def _around(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sums over five seconds around each second."""
    sums: NDArray[np.float64] = np.convolve(counts, np.ones(int(WINDOW_S)), "same")
    return sums


def _bridged(taken: NDArray[np.int64], total: NDArray[np.float64]) -> NDArray[np.int64]:
    """Let seconds with few landmarks go with those before them, the first with what follows."""
    judged = np.flatnonzero(total >= SPARSE)
    if len(judged) == 0:
        return taken
    before = np.searchsorted(judged, np.arange(len(taken)), "right") - 1
    return taken[judged[np.maximum(before, 0)]]


def _stretches(
    taken: NDArray[np.int64], starts: list[float], slope: float, duration: float, other: float
) -> list[Stretch]:
    stretches: list[Stretch] = []
    edges = np.flatnonzero(np.diff(taken, prepend=-1, append=-1))
    for begin, end in pairwise(edges):
        number = int(taken[begin])
        if number < 0:
            continue
        # no further than either recording goes
        low = max(float(begin), -starts[number] / slope)
        high = min(float(end), duration, (other - starts[number]) / slope)
        if high - low >= 2:
            place = slope * low + starts[number]
            stretches.append(Stretch(round(low, 2), round(high, 2), round(max(0.0, place), 2)))
    return stretches

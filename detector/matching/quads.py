"""Quads: four landmarks as one number that survives a change of speed, pitch, level and tone.

The number is of three distances in pitch (semitones) and two ratios of time (twelfths), after
Sonnleitner and Widmer, 2016. Each landmark is combined with three of the eight that follow it.
These are about 420 quads a second; of unrelated music two agree once in seven million.
An index holds one quad in 200, chosen by the quad's own hash.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detector.matching.landmarks import STEPS_PER_SEMITONE, TICKS_PER_S, Landmarks

FOLLOWING: Final = 8
SHORTEST_TICKS: Final = TICKS_PER_S // 2
LONGEST_TICKS: Final = 4 * TICKS_PER_S
TIME_PARTS: Final = 12
SAMPLED: Final = 200
PLACES: Final = 4

_AT_ONCE: Final = 2_048  # landmarks: 56 quads each, ten temporary arrays of them
_COMBINATIONS: Final = np.array(list(combinations(range(FOLLOWING), 3)))
_ENDS: Final = _COMBINATIONS[:, 2]
# each of the two in the middle makes a pair with the last one, worked out once for many quads
_MIDDLES: Final = np.array(list(combinations(range(FOLLOWING), 2)))
_PAIR: Final = {(int(middle), int(end)): place for place, (middle, end) in enumerate(_MIDDLES)}
_SECOND: Final = np.array([_PAIR[int(a), int(c)] for a, _, c in _COMBINATIONS])
_THIRD: Final = np.array([_PAIR[int(b), int(c)] for _, b, c in _COMBINATIONS])
_SPREAD: Final = np.uint32(0x9E3779B1)  # odd, so every code has a number of its own
_GATHER: Final = np.uint32(pow(0x9E3779B1, -1, 2**32))


@dataclass(frozen=True)
class Quads:
    """Numbers (equal for equal quads only), and the positions of first and last landmarks."""

    numbers: NDArray[np.uint32]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.numbers)

    def chosen(self, these: NDArray[np.bool_] | NDArray[np.uint32] | slice) -> "Quads":
        """Return some of them; a slice is not copied."""
        return Quads(self.numbers[these], self.first[these], self.last[these])

    def sorted(self) -> "Quads":
        """Return the same quads by rising number."""
        both = self.numbers.astype(np.uint64) << np.uint64(32)
        both |= np.arange(len(both), dtype=np.uint64)
        both.sort()  # numbers alone sort ten times as fast as an argsort of them
        return self.chosen(both.astype(np.uint32))


def quads_of(
    landmarks: Landmarks, selected: Callable[[NDArray[np.uint32]], NDArray[np.bool_]] | None = None
) -> Quads:
    """Return every quad, or those whose numbers are ``selected``, in order of time."""
    pieces = [
        _quads(landmarks, start, min(start + _AT_ONCE, len(landmarks)), selected)
        for start in range(0, len(landmarks), _AT_ONCE)
    ]
    none = np.zeros(0, np.uint32)
    return Quads(
        np.concatenate([none, *(piece.numbers for piece in pieces)]),
        np.concatenate([none, *(piece.first for piece in pieces)]),
        np.concatenate([none, *(piece.last for piece in pieces)]),
    )


def index_keys(quads: Quads, landmarks: Landmarks) -> NDArray[np.uint64]:
    """Return a recording's index keys, sorted: sampled quads and where they start.

    ``detector.matching.postings`` describes the 40 bits. A quad has four keys at most.
    """
    hashes = _mixed((quads.numbers * _GATHER).astype(np.uint64))
    sampled = (hashes >> np.uint64(32)) < np.uint64(2**32 // SAMPLED)
    second = landmarks.ticks[quads.first[sampled]] // np.uint32(TICKS_PER_S)
    places = np.unique((hashes[sampled] << np.uint64(32)) | second)
    quad = places >> np.uint64(32)
    kept = np.arange(len(places)) - np.searchsorted(quad, quad) < PLACES
    keys: NDArray[np.uint64] = np.unique(
        (quad[kept] << np.uint64(8)) | (places[kept] & np.uint64(255))
    )
    return keys


def _quads(
    landmarks: Landmarks,
    start: int,
    end: int,
    selected: Callable[[NDArray[np.uint32]], NDArray[np.bool_]] | None,
) -> Quads:
    """Return the quads that begin with the landmarks from ``start`` to ``end``.

    Arrays are [n, 8] for the landmarks after each, [n, 28] for their pairs, [n, 56] for quads.
    """
    count = end - start
    ticks, steps = (
        sliding_window_view(
            np.pad(some[start : end + FOLLOWING].astype(np.int32), (0, FOLLOWING), "edge"),
            FOLLOWING + 1,
        )[:count]
        for some in (landmarks.ticks, landmarks.steps)
    )
    spans = ticks[:, 1:] - ticks[:, :1]
    fits = (spans >= SHORTEST_TICKS) & (spans <= LONGEST_TICKS)
    fits &= np.arange(count)[:, None] + np.arange(1, FOLLOWING + 1) < len(landmarks) - start
    intervals = steps[:, 1:] - steps[:, :1] + 128 * STEPS_PER_SEMITONE + STEPS_PER_SEMITONE // 2
    semitones = (intervals // STEPS_PER_SEMITONE).astype(np.uint32) & np.uint32(255)
    middle, last = _MIDDLES.T
    parts = spans[:, middle].astype(np.uint32) * np.uint32(TIME_PARTS)
    parts //= np.maximum(spans[:, last], 1).astype(np.uint32)
    pitches = semitones[:, middle]
    second = pitches << np.uint32(24) | semitones[:, last] << np.uint32(8) | parts << np.uint32(4)
    third = pitches << np.uint32(16) | parts
    numbers: NDArray[np.uint32] = (second[:, _SECOND] | third[:, _THIRD]) * _SPREAD
    right = fits[:, _ENDS]
    if selected is not None:
        right &= selected(numbers)
    flat = np.flatnonzero(right)
    first = flat // len(_ENDS)
    last = first + 1 + _ENDS[flat - first * len(_ENDS)]
    return Quads(
        numbers.ravel()[flat],
        (first + start).astype(np.uint32),
        (last + start).astype(np.uint32),
    )


def _mixed(code: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a well-spread hash of each code (the finaliser of SplitMix64)."""
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))

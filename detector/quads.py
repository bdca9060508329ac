"""Quads: four landmarks as one number that survives a change of speed, pitch, level and tone.

Of four landmarks in order of time, the three distances in pitch from the first (rounded to
semitones) and where in time the two in the middle lie between the first and the last (in
twelfths) stay the same when a recording is played faster, slower, higher or lower (after
Sonnleitner and Widmer, 2016, on a logarithmic pitch axis). Each landmark is combined with
three of the eight that follow it, so a lost or an added one costs little: about 420 quads a
second, of which two quads of unrelated music agree once in seven million.

An index holds one quad in 200, chosen by the quad's own hash: query and reference choose
the same ones, whatever surrounds them.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.landmarks import STEPS_PER_SEMITONE, TICKS_PER_S, Landmarks

FOLLOWING: Final = 8
SHORTEST_TICKS: Final = TICKS_PER_S // 2
LONGEST_TICKS: Final = 4 * TICKS_PER_S
TIME_PARTS: Final = 12
SAMPLED: Final = 200
PLACES: Final = 4

_COMBINATIONS: Final = np.array(list(combinations(range(1, FOLLOWING + 1), 3)))
_AT_ONCE: Final = 2_048  # landmarks: 56 quads each, ten temporary arrays of them


@dataclass(frozen=True)
class Quads:
    """Hashes and the landmarks (by position) that a quad starts and ends with."""

    hashes: NDArray[np.uint64]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.hashes)

    def chosen(self, these: NDArray[np.bool_]) -> "Quads":
        """Return some of them, in the same order."""
        return Quads(self.hashes[these], self.first[these], self.last[these])

    def sorted(self) -> "Quads":
        """Return the same quads by rising hash."""
        order = np.argsort(self.hashes)
        return Quads(self.hashes[order], self.first[order], self.last[order])


def quads_of(landmarks: Landmarks) -> Quads:
    """Return every quad, in order of time."""
    pieces = [
        _quads(landmarks, start, min(start + _AT_ONCE, len(landmarks)))
        for start in range(0, len(landmarks), _AT_ONCE)
    ]
    if not pieces:
        none = np.zeros(0, np.uint32)
        return Quads(np.zeros(0, np.uint64), none, none)
    return Quads(
        np.concatenate([one.hashes for one in pieces]),
        np.concatenate([one.first for one in pieces]),
        np.concatenate([one.last for one in pieces]),
    )


def index_keys(quads: Quads, landmarks: Landmarks) -> NDArray[np.uint64]:
    """Return the keys by which an index finds a recording: sampled quads and where they start.

    Sorted; see ``detector.postings`` for what is in the 40 bits. Of a quad that comes again and
    again the first four places are kept.
    """
    chosen = (quads.hashes >> np.uint64(32)) < np.uint64(2**32 // SAMPLED)
    second = landmarks.ticks[quads.first[chosen]] // np.uint32(TICKS_PER_S)
    quad = quads.hashes[chosen] & np.uint64(2**32 - 1)
    places = np.unique((quad << np.uint64(32)) | second)
    order = np.arange(len(places)) - np.searchsorted(
        places >> np.uint64(32), places >> np.uint64(32)
    )
    places = places[order < PLACES]
    keys: NDArray[np.uint64] = np.unique(
        ((places >> np.uint64(32)) << np.uint64(8)) | (places & np.uint64(255))
    )
    return keys


def _quads(landmarks: Landmarks, start: int, end: int) -> Quads:
    ticks = landmarks.ticks[start : end + FOLLOWING].astype(np.int32)
    steps = landmarks.steps[start : end + FOLLOWING].astype(np.int32)
    first, which = np.nonzero(np.arange(end - start)[:, None] + _COMBINATIONS[:, 2] < len(ticks))
    last = first + _COMBINATIONS[which, 2]
    span = ticks[last] - ticks[first]
    fits = (span >= SHORTEST_TICKS) & (span <= LONGEST_TICKS)
    first, last, which, span = first[fits], last[fits], which[fits], span[fits]
    second, third = first + _COMBINATIONS[which, 0], first + _COMBINATIONS[which, 1]
    began, pitch = ticks[first], steps[first]
    code = np.zeros(len(first), np.uint64)
    for point in (second, third, last):
        # offset by whole octaves: what is rounded is never negative
        interval = steps[point] - pitch + 128 * STEPS_PER_SEMITONE + STEPS_PER_SEMITONE // 2
        code = (code << np.uint64(8)) | (interval // STEPS_PER_SEMITONE).astype(np.uint64)
    for point in (second, third):
        part = (ticks[point] - began) * TIME_PARTS // span
        code = (code << np.uint64(4)) | part.astype(np.uint64)
    return Quads(_mixed(code), (first + start).astype(np.uint32), (last + start).astype(np.uint32))


def _mixed(code: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a well-spread hash of each code (the finaliser of SplitMix64)."""
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))

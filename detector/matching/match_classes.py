"""Whether a recording is a known one, and how: one frozen set of thresholds for everything.

``exact`` means equal bytes or equal samples, which an index looks up. The rest comes from an
alignment of landmarks:

- ``near_duplicate``: the same recording from end to end (another encoding, level, tone; a trim);
- ``contained``: at least ten seconds in common, in a track that has more of its own: an
  excerpt, a medley, an intro added;
- ``sped_up``: in common, but faster, slower, higher or lower.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.matching.alignment import Alignment, Recording
from detector.matching.classes import MatchClass


@dataclass(frozen=True)
class Thresholds:
    """What two recordings must have in common; measured (docs/explanation/known-tracks.md)."""

    min_score: float = 0.35
    """Share of landmarks that coincide where they overlap."""
    min_overlap_s: float = 10.0
    min_coincident: int = 50
    """Landmarks that coincide: the "unique items" of other matchers."""
    min_distinct_pitches: int = 10
    """Semitones on which they do: tones, alarms and drones have fewer."""
    max_offset_share: float = 0.15
    """Of either track, what may stand alone in a near duplicate."""
    max_speed_change: float = 0.008
    max_pitch_change: float = 0.008


THRESHOLDS: Final = Thresholds()

# a recording below these is never added, never looked up: silence, tones, clicks, jingles
MIN_LANDMARKS: Final = 60
MIN_DISTINCT_PITCHES: Final = 12
MIN_KEYS: Final = 8


def indistinct(recording: Recording) -> str | None:
    """Return why a recording is too indistinct to be compared, or None."""
    if len(recording.landmarks) < MIN_LANDMARKS:
        return f"{len(recording.landmarks)} landmarks, fewer than {MIN_LANDMARKS}"
    pitches = len(np.unique(np.rint(recording.semitones)))
    if pitches < MIN_DISTINCT_PITCHES:
        return f"landmarks on {pitches} semitones, fewer than {MIN_DISTINCT_PITCHES}"
    keys = len(np.unique(recording.keys >> np.uint64(8)))
    if keys < MIN_KEYS:
        return f"{keys} different index keys, fewer than {MIN_KEYS}"
    return None


def classify(
    alignment: Alignment | None,
    query_s: float,
    reference_s: float,
    thresholds: Thresholds = THRESHOLDS,
) -> MatchClass:
    """Return the class of an alignment between tracks of these durations."""
    if (
        alignment is None
        or alignment.score < thresholds.min_score
        or alignment.overlap_s < thresholds.min_overlap_s
        or alignment.coincident < thresholds.min_coincident
        or alignment.distinct_pitches < thresholds.min_distinct_pitches
    ):
        return MatchClass.NONE
    if (
        abs(alignment.speed_ratio - 1) > thresholds.max_speed_change
        or abs(alignment.pitch_ratio - 1) > thresholds.max_pitch_change
    ):
        return MatchClass.SPED_UP
    in_common = 1 - thresholds.max_offset_share
    if alignment.overlap_s >= in_common * max(query_s, reference_s):
        return MatchClass.NEAR_DUPLICATE
    return MatchClass.CONTAINED

"""Whether a recording is a known one, and how: one frozen set of thresholds for everything.

An index looks up what is ``exact``. The other classes are of an alignment; what each means is in
``detector.matching.classes``. The thresholds are measured (docs/numbers/known-tracks.md).
"""

from typing import Final

import numpy as np

from detector.matching.alignment import Alignment, Recording
from detector.matching.classes import MatchClass

MIN_SCORE: Final = 0.35  # share of landmarks that coincide where the two overlap
MIN_OVERLAP_S: Final = 10.0
MIN_COINCIDENT: Final = 50  # landmarks that coincide: the "unique items" of other matchers
MIN_COINCIDENT_PITCHES: Final = 10  # semitones on which they do: tones and alarms have fewer
MAX_ALONE: Final = 0.15  # share of either track that a near duplicate may lack
MAX_CHANGE: Final = 0.008  # of speed or pitch

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


def classify(alignment: Alignment | None, query_s: float, reference_s: float) -> MatchClass:
    """Return the class of an alignment between tracks of these durations."""
    if (
        alignment is None
        or alignment.score < MIN_SCORE
        or alignment.overlap_s < MIN_OVERLAP_S
        or alignment.coincident < MIN_COINCIDENT
        or alignment.distinct_pitches < MIN_COINCIDENT_PITCHES
    ):
        return MatchClass.NONE
    if max(abs(alignment.speed_ratio - 1), abs(alignment.pitch_ratio - 1)) > MAX_CHANGE:
        return MatchClass.SPED_UP
    if alignment.overlap_s >= (1 - MAX_ALONE) * max(query_s, reference_s):
        return MatchClass.NEAR_DUPLICATE
    return MatchClass.CONTAINED

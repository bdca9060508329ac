"""What human recordings score at the second looks: each has a null of its own.

``train`` stores these beside the clock's human scores; ``detector.partly.bar_at`` and
``HumanScores.p_value`` read them. No AI track is looked at.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from detector.clock import Lattice
from detector.partly import best_window
from detector.speed import search
from detector.types import FloatArray
from models.scoring import Scored

MIN_PART_S: Final = 24.0  # two windows; a shorter track is one stretch and has no parts


def part_scores(humans: Sequence[Scored], lattice: Lattice) -> FloatArray:
    """Return the sorted best-window scores of whole human tracks of one population.

    Windows are many in long tracks, so excerpts would make a null that is too low: only
    tracks of ``MIN_PART_S`` and more count.
    """
    observed = (one.observed.observation for one in humans if one.reason is None)
    return _sorted(
        [best_window(one, lattice)[0] for one in observed if one.duration_s >= MIN_PART_S]
    )


def speed_scores(humans: Sequence[Scored]) -> FloatArray:
    """Return the sorted scores of the speed search on human tracks of one population."""
    return _sorted([search(one.observed.observation).score for one in humans if not one.reason])


def _sorted(scores: list[float]) -> FloatArray:
    return np.sort(np.array(scores, np.float32))

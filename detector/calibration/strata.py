"""Kinds of music whose false positives are counted apart: how even is what pulses?

A sequencer places its notes on a grid of samples, so the modulation spectrum has sharp lines at
many rates; a player's has few. The more even the music is, the higher what it scores without any
decoder. So the p-value compares a recording with people's music as even as itself (Mondrian
conformal prediction: Vovk et al., *Algorithmic Learning in a Random World*, 2005, 4.5).
"""

from bisect import bisect_right
from typing import Final

import numpy as np

from detector.observation.observation import Observation

ABOVE_HZ: Final = 60.0
LINES: Final = 0.995  # quantile of the spectrum's bins: the height that one in 200 exceeds
STRATA: Final = ("played", "even", "sequenced")
EDGES: Final = (0.2, 0.5)  # nepers of evenness between the strata


def evenness(observed: Observation) -> float:
    """Return how high the highest lines of the modulation spectrum stand, in nepers."""
    bands = observed.clock[np.array(observed.groups)]
    if len(bands) == 0:
        return 0.0
    mean = bands.astype(np.float64).mean(axis=0)
    first = round(ABOVE_HZ / observed.geometry.bin_hz)
    return round(float(np.quantile(mean[first:], LINES)), 4)


def stratum_of(even: float) -> int:
    """Return the index in ``STRATA`` of a recording by its ``evenness``."""
    return bisect_right(EDGES, even)

"""The families branch: does the spectrum's fine structure resemble that of known generators?

A logistic model reads how often each bin is the maximum of its neighbourhood
(``Observation.shares``). Of each share it takes the square root, less that of the mean over 25
bins. What is left are lines, whatever the timbre. The model is trained on generators' tracks
against people's (``models.training.family_fitting``). It recognises the generators among them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import uniform_filter1d

from detector.observation.observation import Observation
from detector.types import FloatArray

BASELINE_BINS: Final = 25
FIRST_BIN: Final = 370  # 1 kHz
LAST_BIN: Final = 5_900  # 15.9 kHz, not included


def features(observed: Observation) -> FloatArray:
    """Return what the model reads [5530] of a recording."""
    shares = observed.shares.astype(np.float64)
    mean = uniform_filter1d(shares, BASELINE_BINS, mode="nearest").clip(min=0)
    lines: FloatArray = (np.sqrt(shares) - np.sqrt(mean))[FIRST_BIN:LAST_BIN].astype(np.float32)
    return lines


@dataclass(frozen=True)
class Families:
    """The model: ``weights`` [5530] and ``bias`` of the logit; for one ``population``."""

    weights: FloatArray
    bias: float
    population: str

    def logit(self, values: FloatArray) -> float:
        """Return the logit of ``features``; double precision, whatever the threads."""
        return float(self.weights.astype(np.float64) @ values.astype(np.float64)) + self.bias

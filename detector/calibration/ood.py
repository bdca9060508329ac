"""Whether a recording is like those of the calibration set, for which alone a p-value holds.

The balance of five bands below 4.5 kHz and the steadiness of spectral bins are compared by
Mahalanobis distance. A recording farther out than 99 % of the model's tracks, with makers left
out, is ``out_of_distribution``.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.audio.spectra import BIN_HZ, LTAS_BAND_HZ
from detector.observation.observation import Observation

EDGES_HZ: Final = (0, 500, 1_000, 2_000, 3_000, 4_500)
FLOOR: Final = 10**-4.5  # of the power below 4.5 kHz: less than that is inaudible
PITCH_HZ: Final = (110.0, 4_400.0)
SHARES: Final = (0.5, 0.9, 0.99)  # quantiles of the share of maxima
SHARE_FLOOR: Final = 0.01


def features(observed: Observation) -> NDArray[np.float64]:
    """Return what is compared [8]: band levels in dB of the sum, logarithms of shares."""
    power = (10 ** (observed.ltas.astype(np.float64) / 10)).mean(axis=0)
    edges = [round(hz / LTAS_BAND_HZ) for hz in EDGES_HZ]
    total = max(float(power[: edges[-1]].mean()), 1e-12)
    means = [power[a:b].mean() for a, b in pairwise(edges)]
    levels = 10 * np.log10(np.array(means) / total + FLOOR)
    low, high = (round(hz / BIN_HZ) for hz in PITCH_HZ)
    steady = np.log(np.quantile(observed.shares[low:high], SHARES) + SHARE_FLOOR)
    return np.concatenate((levels, steady))


@dataclass(frozen=True)
class Likeness:
    """Distribution of the tracks: ``centre`` [8], ``inverse`` covariance [8, 8], ``farthest``."""

    centre: NDArray[np.float64]
    inverse: NDArray[np.float64]
    farthest: float

    def distance(self, values: NDArray[np.float64]) -> float:
        """Return how far features [8] lie from the centre."""
        away = values - self.centre
        return float(np.sqrt(max(float(away @ self.inverse @ away), 0.0)))

    def is_out_of_distribution(self, observed: Observation) -> bool:
        """Whether a recording is farther out than ``farthest``; not where it has no levels."""
        if len(observed.ltas) == 0:
            return False
        return self.distance(features(observed)) > self.farthest

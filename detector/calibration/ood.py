"""Is a recording like those that the model was calibrated on? If not, no answer is backed.

A p-value holds for recordings that are exchangeable with the calibration set. So the
balance of five bands below 4.5 kHz (what is above is evidence) and how steadily bins stand
out of their neighbourhood (noise: hardly; music: some; a tone: always) are compared with
those of the tracks that the model learned from, makers of music of either kind: by the
distance from their centre in units of their own spread (Mahalanobis). What lies farther out
than all but one in a hundred of them, their makers left out, is ``out_of_distribution``.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.audio.spectra import BIN_HZ, LTAS_BAND_HZ
from detector.observation.observation import Observation

EDGES_HZ: Final = (0, 500, 1_000, 2_000, 3_000, 4_500)
FLOOR: Final = 10**-4.5  # of the power below 4.5 kHz: what is under it is not heard
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
    """Where the tracks lie: ``centre`` [8], ``inverse`` covariance [8, 8], ``farthest``."""

    centre: NDArray[np.float64]
    inverse: NDArray[np.float64]
    farthest: float

    def distance(self, values: NDArray[np.float64]) -> float:
        """Return how far features [8] lie from the centre."""
        away = values - self.centre
        return float(np.sqrt(max(float(away @ self.inverse @ away), 0.0)))

    def is_out_of_distribution(self, observed: Observation) -> bool:
        """Whether a recording lies farther out than nearly all."""
        if len(observed.ltas) == 0:
            return False
        return self.distance(features(observed)) > self.farthest

"""The templates branch: do the fixed lines of the spectrum match a known generator's?

A generator's decoder leaves lines at the same frequencies in everything that it makes.
The share of frames in which a bin is the maximum of its neighbourhood shows them free of
level (``observation.shares``). What is left of it over a median of 9 bins, in two bands
that weigh alike (1 to 8 kHz outlives low MP3 rates, 5 to 16 kHz says most), is the
recording's vector; the mean of the unit vectors of a generator's tracks, after what human
recordings have in common is taken off, is its template. A score is the cosine, stated on
the scale of human recordings: 0 is their median and 1 their 95 % point for that template.

Unlike the clock this knows generators one by one. Unseen ones often share a decoder, or
its relatives, with known ones: that is what it adds.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from detector.observation import Observation
from detector.spectra import BIN_HZ, LTAS_BAND_HZ
from detector.types import FloatArray

BASELINE_BINS: Final = 9
CLIP: Final = 0.1
BANDS_HZ: Final = ((1_000, 8_000), (5_000, 16_000))
GATE_BAND_HZ: Final = 500.0  # a band this wide is empty or not
GATE_DB: Final = 95.0  # below the loudest band between 0.25 and 4 kHz: nothing but dither
LOUDEST_HZ: Final = (250.0, 4_000.0)


def residual(observed: Observation) -> FloatArray:
    """Return the vector [6686] of a recording; all zero where nothing stands out."""
    shares = observed.shares
    lines = (shares - median_filter(shares, BASELINE_BINS, mode="nearest")).clip(0, CLIP)
    band = (np.arange(len(shares)) * (BIN_HZ / GATE_BAND_HZ)).astype(np.int64)
    lines = np.where(_empty_bands(observed.ltas)[band], 0, lines)
    parts = []
    for low, high in BANDS_HZ:
        part = lines[round(low / BIN_HZ) : round(high / BIN_HZ)]
        parts.append(part / max(float(part.max()), 1e-9))
    return np.concatenate(parts).astype(np.float32)


def _empty_bands(ltas: FloatArray) -> NDArray[np.bool_]:
    """Return which 500 Hz bands hold nothing; all of them where there is no spectrum."""
    wide = round(GATE_BAND_HZ / LTAS_BAND_HZ)
    if len(ltas) == 0:
        return np.ones(ltas.shape[1] // wide, bool)
    level = 10 * np.log10((10 ** (ltas.astype(np.float64) / 10)).mean(axis=0))
    first, last = (round(hz / LTAS_BAND_HZ) for hz in LOUDEST_HZ)
    empty: NDArray[np.bool_] = (
        level.reshape(-1, wide).max(axis=1) < level[first:last].max() - GATE_DB
    )
    return empty


def unit(vectors: FloatArray, human_mean: FloatArray) -> FloatArray:
    """Return vectors [..., 6686] without the human mean and their own, at length 1."""
    centred = vectors - human_mean
    centred = centred - centred.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    scaled: FloatArray = centred / np.maximum(length, 1e-9)
    return scaled


@dataclass(frozen=True)
class Bank:
    """Templates of known generators.

    ``human_mean`` [6686]; ``vectors`` [generators, 6686] at length 1; ``middle`` and
    ``spread`` [generators]: median of human recordings, and from there to their 95 % point.
    """

    names: tuple[str, ...]
    human_mean: FloatArray
    vectors: FloatArray
    middle: FloatArray
    spread: FloatArray

    def scores(self, vector: FloatArray) -> FloatArray:
        """Return one recording's score against each template.

        In double precision: how a library splits a product over threads changes its last
        bits, and those of a rounded score must not depend on that.
        """
        cosine = self.vectors.astype(np.float64) @ unit(vector, self.human_mean).astype(np.float64)
        found: FloatArray = ((cosine - self.middle) / self.spread).astype(np.float32)
        return found


@dataclass(frozen=True)
class Attribution:
    """When a template's score names its generator.

    The margin keeps apart generators with one decoder; then none is named.
    """

    min_score: float
    min_margin: float
    populations: tuple[str, ...]

    def name(self, bank: Bank, scores: FloatArray, population: str) -> str | None:
        """Return the generator, or None where it is not clear enough."""
        if population not in self.populations:
            return None
        order = np.argsort(scores)
        best = float(scores[order[-1]])
        margin = best - float(scores[order[-2]]) if len(order) > 1 else best
        clear = best >= self.min_score and margin >= self.min_margin
        return bank.names[int(order[-1])] if clear else None

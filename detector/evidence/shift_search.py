"""The fixed lines of the spectrum, all moved by one factor: an altered pitch or speed.

Templates are compared at 2,700 factors, from 0.90 to 1.11. On a logarithmic axis these are shifts
of one cross-correlation, by FFT in blocks (overlap-save; Oppenheim and Schafer, 8.7). The best
cosine counts by its *peak*: its height over those at all factors, in their standard deviations.
Lines of mains hum are removed first: 60 Hz is 0.96 of a decoder's 62.5.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from detector import kernels
from detector.audio.spectra import BIN_HZ
from detector.kernels.reference import Spectra
from detector.types import FloatArray

STEP: Final = 8e-5  # natural logarithm: half a bin at 16 kHz
SHIFTS: Final = 1_330  # either way: as far as a speed is searched for (``detector.evidence.speed``)
REACH: Final = 1_191  # either way, of peaks; beyond, bass notes fit the combs of 50 Hz
UNMOVED: Final = 50  # shifts either way that the ordinary comparison answers for
SAME: Final = 4  # shifts either way that are one factor: lines are that broad, and scales found so
LEAST_SPREAD: Final = 0.008  # of cosines over the factors; below it nothing stands out of nothing
FFT: Final = 5_120  # of lengths tried the quickest, products included
BLOCK: Final = FFT - 2 * SHIFTS

MAINS_HZ: Final = (50.0, 60.0)
MAINS_DRIFT: Final = 1.5e-3
MAINS_STEP: Final = 1e-4
MAINS_HEIGHT: Final = 6.0  # standard errors by which lines stand at the multiples

Bands = tuple[tuple[int, int], ...]
"""First bin, and the bin after the last, of each part of a vector."""


class Correlator:
    """Compares recordings with templates [n, bins of all bands] at every factor."""

    def __init__(self, vectors: FloatArray, bands: Bands) -> None:
        self._bands = bands
        spectra = []
        offset = 0
        for low, high in bands:
            at = _grid(low, 0, _length(low, high))
            bins = np.rint(at).astype(np.intp).clip(max=high - 1) - low + offset
            blocks = -(-len(at) // BLOCK)
            # each point of the grid counts by the share of a bin that it covers
            laid = np.zeros((len(vectors), blocks * BLOCK), np.float32)
            laid[:, : len(at)] = vectors[:, bins] * (at * STEP).astype(np.float32)
            spectra.append(scipy.fft.rfft(laid.reshape(len(vectors), blocks, BLOCK), FFT, axis=2))
            offset += high - low
        self._spectra = _parts_of(np.concatenate(spectra, axis=1))

    def cosines(self, units: FloatArray) -> FloatArray:
        """Return the cosines [rows, n, 2 * SHIFTS + 1] of recordings [rows, bins], by factor."""
        silent = np.zeros((len(units), 1), np.float32)
        cleared = [_without_mains(row, self._bands) for row in units]
        laid = np.hstack((np.reshape(cleared, units.shape), silent)).take(
            _places(self._bands), axis=1
        )
        products = kernels.chosen.correlated(_parts_of(scipy.fft.rfft(laid, axis=2)), self._spectra)
        moved: FloatArray = scipy.fft.irfft(products, FFT, axis=2)[..., : 2 * SHIFTS + 1]
        return moved


def _parts_of(spectrum: NDArray[np.complex64]) -> Spectra:
    return Spectra(np.ascontiguousarray(spectrum.real), np.ascontiguousarray(spectrum.imag))


def factors() -> NDArray[np.float64]:
    """Return what each column of ``Correlator.cosines`` multiplies frequencies with."""
    multipliers: NDArray[np.float64] = np.exp(np.arange(-SHIFTS, SHIFTS + 1) * STEP)
    return multipliers


def peaks(cosines: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return how far the best factor of each template [n] stands out, and its column [n]."""
    moved = np.concatenate((np.arange(-REACH, -UNMOVED), np.arange(UNMOVED + 1, REACH + 1)))
    moved += SHIFTS
    there = cosines[:, moved].astype(np.float64)
    best = there.argmax(axis=1)
    there -= there.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.einsum("ns,ns->n", there, there) / len(moved)).clip(min=LEAST_SPREAD)
    height = there[np.arange(len(there)), best] / spread
    return height.astype(np.float32), moved[best]


def near(cosines: FloatArray, factor: float) -> FloatArray:
    """Return the best cosine of each template [n] at a factor from 0.90 to 1.10."""
    column = round(log(factor) / STEP) + SHIFTS
    best: FloatArray = cosines[:, column - SAME : column + SAME + 1].max(axis=1)
    return best


def _grid(low: int, start: int, count: int) -> NDArray[np.float64]:
    """Return points in bins, in equal steps of the logarithm from bin ``low``."""
    points: NDArray[np.float64] = low * np.exp(np.arange(start, start + count) * STEP)
    return points


def _length(low: int, high: int) -> int:
    return int(np.ceil(log((high - 1) / low) / STEP))


@lru_cache(maxsize=4)
def _places(bands: Bands) -> NDArray[np.intp]:
    """Return the indices into a vector that the blocks [blocks, FFT] of all bands read.

    A block starts ``SHIFTS`` before its templates'; outside of a band it reads past the end.
    """
    by_band = []
    nothing, offset = sum(high - low for low, high in bands), 0
    for low, high in bands:
        blocks = -(-_length(low, high) // BLOCK)
        at = np.rint(_grid(low, -SHIFTS, blocks * BLOCK + 2 * SHIFTS)).astype(np.intp)
        places = np.where((at >= low) & (at < high), at - low + offset, nothing)
        by_band += [places[k * BLOCK : k * BLOCK + FFT] for k in range(blocks)]
        offset += high - low
    return np.stack(by_band)


@dataclass(frozen=True)
class _Multiples:
    """Places of the multiples of one mains frequency, drift by drift.

    ``starts`` [drifts] is where each drift's begin, ``counts`` [drifts] how many they are.
    """

    places: NDArray[np.intp]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]

    def of(self, drift: int) -> NDArray[np.intp]:
        """Return the places of one drift."""
        return self.places[self.starts[drift] :][: self.counts[drift]]


@lru_cache(maxsize=4)
def _mains(bands: Bands) -> tuple[_Multiples, ...]:
    """Return the multiples of each mains frequency."""
    drifts = np.exp(np.arange(-MAINS_DRIFT, MAINS_DRIFT + MAINS_STEP / 2, MAINS_STEP))

    def multiples(hz: float) -> NDArray[np.intp]:
        bins = np.rint(np.arange(1, int(bands[-1][1] * BIN_HZ / hz) + 1) * (hz / BIN_HZ))
        parts, offset = [], 0
        for low, high in bands:
            inside = bins[(bins > low) & (bins < high - 1)].astype(np.intp)
            parts.append(inside - low + offset)
            offset += high - low
        return np.concatenate(parts)

    def every(hz: float) -> _Multiples:
        places = [multiples(float(hz * drift)) for drift in drifts]
        counts = np.array([len(at) for at in places])
        return _Multiples(np.concatenate(places), np.cumsum(counts) - counts, counts)

    return tuple(every(hz) for hz in MAINS_HZ)


def _without_mains(units: FloatArray, bands: Bands) -> FloatArray:
    """Return a recording's vector without lines of mains hum."""
    spread = max(float(units.std()), 1e-9)
    cleared = units
    for multiples in _mains(bands):
        sums = np.add.reduceat(units[multiples.places], multiples.starts, dtype=np.float64)
        heights = sums / np.sqrt(multiples.counts) / spread
        best = int(np.argmax(heights))
        if heights[best] > MAINS_HEIGHT:
            cleared = cleared.copy()
            for beside in (-1, 0, 1):
                cleared[multiples.of(best) + beside] = 0
    return cleared

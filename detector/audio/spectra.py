"""Long spectra (0.37 s frames): share of maxima, band levels, loudness. Streaming.

Share of maxima: how often each bin is the maximum of its neighbourhood of 13, whatever its level.
Frames more than 60 dB under the loudest do not count, so counts are stored by level in steps of
1 dB. Values of each frame are stored in flat arrays, which do not fragment memory.
"""

import math
from array import array
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector import kernels
from detector.audio.framing import Framer, hann
from detector.types import FloatArray

BIN_HZ: Final = 44_100 / 16_384  # 2.69 Hz at any rate, so that templates line up
BINS: Final = 5_951  # 0 to 16 kHz
NEIGHBOURHOOD: Final = 13
GATE_DB: Final = 60
LEVEL_BINS: Final = slice(40, 3_000, 8)
FRAMES_AT_ONCE: Final = 16

LTAS_BAND_HZ: Final = 250.0
LTAS_BANDS: Final = 96  # to 24 kHz
LTAS_FLOOR_DB: Final = -127.5


class Spectra:
    """Measures shares of maxima, band levels (LTAS) and K-weighted frame power of mono samples.

    Band levels are averaged over ``window_s`` seconds.
    """

    def __init__(self, sample_rate_hz: int, window_s: float) -> None:
        self._fft = fft = fft_length(sample_rate_hz)
        self._hop_s = fft // 2 / sample_rate_hz
        self._window_s = window_s
        self._hop = fft // 2
        # so many frames together that one call costs little beside them
        together = FRAMES_AT_ONCE * self._hop
        self._framer = Framer(fft + together - self._hop, together)
        window = hann(fft)
        # a sine at full scale reads 0 dB
        self._window = (window * (2 / window.sum())).astype(np.float32)
        spacing = sample_rate_hz / fft
        nearest = np.rint(np.arange(BINS, dtype=np.float32) * (BIN_HZ / spacing)).astype(np.intp)
        self._nearest = nearest[nearest <= fft // 2]
        skips = np.flatnonzero(np.diff(self._nearest) != 1) + 1  # none at 44.1 kHz, else a few
        self._edges = [0, *skips.tolist(), len(self._nearest)]
        width = len(self._nearest) + NEIGHBOURHOOD - 1
        self._padded = np.zeros((FRAMES_AT_ONCE, width), np.float32)
        self._band_starts, self._band_end = _bands(sample_rate_hz, fft)
        self._k_power = _k_weighting(sample_rate_hz, fft)
        self._counts: dict[int, NDArray[np.int32]] = defaultdict(lambda: np.zeros(BINS, np.int32))
        self._frames: dict[int, int] = defaultdict(int)
        self._ltas = array("d")
        self._window_sum = np.zeros(LTAS_BANDS)
        self._window_frames = 0
        self._frame = 0
        self._loudness = array("f")

    def feed(self, mono: FloatArray) -> None:
        """Take samples."""
        for block in self._framer.feed(mono):
            self._take(block)

    def finish(self) -> tuple[FloatArray, int, FloatArray]:
        """Return (shares [5951], frames that counted, LTAS [windows, 96] in dB)."""
        if len(self._framer.rest) >= self._fft:
            self._take(self._framer.rest)
        if not self._frames:
            return np.zeros(BINS, np.float32), 0, self._levels()
        loudest = max(self._frames)
        counted = [level for level in self._frames if level >= loudest - GATE_DB]
        total = np.sum([self._counts[level] for level in counted], axis=0, dtype=np.int64)
        frames = sum(self._frames[level] for level in counted)
        shares: FloatArray = np.asarray(total, np.float32)
        shares /= np.float32(frames)
        return shares, frames, self._levels()

    @property
    def loudness(self) -> FloatArray:
        """K-weighted mean square of each frame so far."""
        return np.array(self._loudness, np.float32)

    def _levels(self) -> FloatArray:
        self._close_window()
        mean = np.array(self._ltas).reshape(-1, LTAS_BANDS).clip(1e-20)
        level: FloatArray = (10 * np.log10(mean)).clip(LTAS_FLOOR_DB).astype(np.float32)
        return level

    def _take(self, samples: FloatArray) -> None:
        power = kernels.chosen.power_spectra(samples, self._window, self._hop, self._fft // 2 + 1)
        self._take_shares(power)
        bands = np.add.reduceat(power[:, : self._band_end], self._band_starts, axis=1)
        self._take_levels(bands.astype(np.float64))
        # a Hann window passes 3/8 of the power of a frame; half of a sine's square is its power
        loudness = power @ self._k_power
        self._loudness.extend((loudness * (0.5 / 1.5)).tolist())

    def _take_shares(self, power: FloatArray) -> None:
        padded = self._padded[: len(power)]
        near = padded[:, NEIGHBOURHOOD // 2 : -(NEIGHBOURHOOD // 2)]
        for start, end in pairwise(self._edges):  # a tenth of the time that one index takes
            first = self._nearest[start]
            near[:, start:end] = power[:, first : first + end - start]
        level = np.floor((10 * np.log10(near[:, LEVEL_BINS].clip(min=1e-20))).mean(axis=1))
        for row, step in zip(padded, level.astype(int).tolist(), strict=True):
            counts = self._counts[step][: near.shape[1]]
            kernels.chosen.count_maxima(row, NEIGHBOURHOOD, counts)
            self._frames[step] += 1

    def _take_levels(self, bands: NDArray[np.float64]) -> None:
        count = bands.shape[1]  # at low rates there are no higher ones
        for row in bands:
            window = int((self._frame + 1) * self._hop_s / self._window_s)  # by the frame's centre
            if window > len(self._ltas) // LTAS_BANDS:
                self._close_window()
            self._window_sum[:count] += row
            self._window_frames += 1
            self._frame += 1

    def _close_window(self) -> None:
        if self._window_frames:
            self._ltas.extend((self._window_sum / self._window_frames).tolist())
        self._window_sum = np.zeros(LTAS_BANDS)
        self._window_frames = 0


def fft_length(sample_rate_hz: int) -> int:
    """Return the FFT length: at least 0.37 s, even, without prime factors above 13.

    Its bins are at most 0.01 % narrower than ``BIN_HZ`` at 48 kHz, at a fifth of the cost.
    """
    length = 2 * math.ceil(sample_rate_hz / BIN_HZ / 2)
    while not _smooth(length):
        length += 2
    return length


def _smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7, 11, 13):
        while number % prime == 0:
            number //= prime
    return number == 1


@lru_cache(maxsize=8)
def _bands(sample_rate_hz: int, fft: int) -> tuple[NDArray[np.intp], int]:
    """Return (first bin of each 250 Hz band, the bin after the last of them)."""
    frequency = np.arange(fft // 2 + 1, dtype=np.float32) * (sample_rate_hz / fft)
    band = (frequency / LTAS_BAND_HZ).astype(np.intp)
    end = int(np.searchsorted(band, LTAS_BANDS))
    return np.searchsorted(band[:end], np.arange(band[end - 1] + 1)), end


@lru_cache(maxsize=8)
def _k_weighting(sample_rate_hz: int, fft: int) -> FloatArray:
    """Return the power response of ITU-R BS.1770's K-weighting at each bin."""
    s = 1j * np.arange(fft // 2 + 1) * (sample_rate_hz / fft)
    shelf, q_shelf, gain = 1_681.974, 0.7071752, 10 ** (3.99984 / 20)
    above = gain * s**2 + (gain**0.4996667741545416 * shelf / q_shelf) * s + shelf**2
    shelved = above / (s**2 + shelf / q_shelf * s + shelf**2)
    low, q_low = 38.13547, 0.5003270
    passed = s**2 / (s**2 + low / q_low * s + low**2)
    response: FloatArray = (np.abs(shelved * passed) ** 2).astype(np.float32)
    return response


def gated_loudness(frame_power: FloatArray, channel_gain: float) -> float | None:
    """Return BS.1770-4 integrated loudness in LUFS, or None where all is below -70.

    ``frame_power`` is the K-weighted mean square of frames of the mono mix (0.37 s, half
    overlapping); ``channel_gain`` is the power of all channels over the power of the mix.
    """
    power = frame_power.astype(np.float64) * channel_gain
    power = power[power > 10 ** ((-70 + 0.691) / 10)]
    if len(power) == 0:
        return None
    gated = power[power > power.mean() / 10]
    return float(-0.691 + 10 * np.log10(gated.mean()))

"""Landmarks: the second fingerprint, for excerpts and for changed speed or pitch.

A landmark is a spectral peak: the loudest point of its neighbourhood on a plane of time and
*logarithmic* frequency. A change of speed moves all peaks alike, level and tone colour move none.
(Wang, "An industrial-strength audio search algorithm", 2003; Six and Leman, "Panako", 2014.)
Frames of 0.19 s are taken every 32 ms at about 11 kHz; parabolas place peaks between grid points.
Changing anything here changes ``LANDMARKS_VERSION``: an index holds one version only.
"""

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from detector import kernels
from detector.audio.framing import Framer, hann
from detector.errors import SingleReason
from detector.kernels.reference import overlapping, running_maximum
from detector.types import SIDES, FloatArray, channel_side

LANDMARKS_VERSION: Final = 1

TICKS_PER_S: Final = 128
STEPS_PER_SEMITONE: Final = 16
LOWEST_HZ: Final = 200.0
HIGHEST_HZ: Final = 4_400.0

_RATE_HZ: Final = 11_025  # about; whatever whole factor comes nearest
_TAPS: Final = 16  # of the low pass, per sample that is left out
_CUT_OFF: Final = 0.47  # of the new rate; what folds back lands above HIGHEST_HZ
_OUTPUTS: Final = 32
_FRAME_S: Final = 0.186
_HOP_S: Final = 0.032
_BINS_PER_SEMITONE: Final = 3
_SIDE_FRAMES: Final = 9  # a peak is the loudest of 0.6 s ...
_SIDE_BINS: Final = 11  # ... and of seven semitones
_BLOCK: Final = 256  # frames handled together; memory does not grow with the track
_FLOOR: Final = 1e-9  # of power: -90 dB of a sine at full scale
_RANGE: Final = 1e-5  # peaks more than 50 dB under the loudest around them do not count
_MAX_BYTES: Final = 2**24
_MAX_LANDMARKS: Final = 2**21  # four hours hold a quarter of that
_SIDES: Final = struct.Struct("<III5s")
_SIDES_MAGIC: Final = b"sides"
_CHANNEL: Final = struct.Struct("<BI")  # number, 0 for the difference, and size
_CHANNELS: Final = struct.Struct("<B5s")
_CHANNELS_MAGIC: Final = b"chans"


class NotLandmarks(SingleReason, reason="not_landmarks"):
    """Bytes that are no landmarks of this version."""


@dataclass(frozen=True)
class Landmarks:
    """Peaks in order of time, then pitch; arrays are read-only by convention."""

    ticks: NDArray[np.uint32]
    """Time in 1/128 s."""
    steps: NDArray[np.uint16]
    """Pitch in sixteenths of a semitone above 200 Hz."""
    duration_s: float

    def __len__(self) -> int:
        return len(self.ticks)

    def to_bytes(self) -> bytes:
        """Return the compressed form, about 2.5 bytes a landmark."""
        head = np.array([LANDMARKS_VERSION, len(self), round(self.duration_s * 1_000)], "<u4")
        gaps = np.diff(self.ticks, prepend=np.uint32(0)).astype("<u4")
        # equal bytes of all numbers together compress better than number by number
        planes = gaps.view(np.uint8).reshape(-1, 4).T.tobytes()
        planes += self.steps.astype("<u2").view(np.uint8).reshape(-1, 2).T.tobytes()
        return zstandard.ZstdCompressor(level=6).compress(head.tobytes() + planes)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Landmarks":
        """Read what ``to_bytes`` wrote; safe on bytes of any origin. What follows is passed over.

        Raises:
            NotLandmarks: another version, or not landmarks at all.
        """
        try:
            plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BYTES)
        except zstandard.ZstdError as error:
            raise NotLandmarks(str(error)) from error
        if len(plain) < 12:
            raise NotLandmarks("too few bytes")
        version, count, duration_ms = (int(one) for one in np.frombuffer(plain, "<u4", 3))
        if version != LANDMARKS_VERSION:
            raise NotLandmarks(f"version {version}, not {LANDMARKS_VERSION}")
        if count > _MAX_LANDMARKS or len(plain) != 12 + 6 * count:
            raise NotLandmarks("its size does not fit its count")
        body = np.frombuffer(plain, np.uint8, 6 * count, 12)
        gaps = np.ascontiguousarray(body[: 4 * count].reshape(4, -1).T).view("<u4")[:, 0]
        steps = np.ascontiguousarray(body[4 * count :].reshape(2, -1).T).view("<u2")[:, 0]
        ticks = np.cumsum(gaps.astype(np.uint64))
        if count and ticks[-1] >= 2**32:
            raise NotLandmarks("times that no track has")
        return cls(ticks.astype(np.uint32), steps.astype(np.uint16), duration_ms / 1_000)


def with_sides(mix: bytes, sides: Mapping[str, bytes]) -> bytes:
    """Return the landmarks of a mix with those of its sides behind them, all as bytes.

    ``Landmarks.from_bytes`` reads the mix. The sides are ``SIDES``, or channels and the difference.
    """
    sizes = [len(one) for one in sides.values()]
    if tuple(sides) == tuple(SIDES):
        ending = _SIDES.pack(*sizes, _SIDES_MAGIC)
    else:
        ending = b"".join(map(_CHANNEL.pack, map(_number, sides), sizes))
        ending += _CHANNELS.pack(len(sides), _CHANNELS_MAGIC)
    return b"".join((mix, *sides.values(), ending))


def sides_of(data: bytes) -> dict[str, bytes]:
    """Return what ``with_sides`` wrote behind the mix; nothing where it wrote nothing."""
    if data.endswith(_SIDES_MAGIC) and len(data) >= _SIDES.size:
        *sizes, _ = _SIDES.unpack(data[-_SIDES.size :])
        return _cut(data[: -_SIDES.size], list(SIDES), sizes)
    if data.endswith(_CHANNELS_MAGIC) and len(data) >= _CHANNELS.size:
        count, _ = _CHANNELS.unpack(data[-_CHANNELS.size :])
        end = len(data) - _CHANNELS.size - count * _CHANNEL.size
        if end >= 0:
            entries = list(_CHANNEL.iter_unpack(data[end : -_CHANNELS.size]))
            names = [channel_side(number) if number else "difference" for number, _ in entries]
            return _cut(data[:end], names, [size for _, size in entries])
    return {}


def _number(side: str) -> int:
    return 0 if side == "difference" else int(side.rpartition(" ")[2])


def _cut(data: bytes, names: list[str], sizes: list[int]) -> dict[str, bytes]:
    """Return the last pieces of these sizes; nothing where there are not so many bytes."""
    start = len(data) - sum(sizes)
    if start < 0:
        return {}
    ends = itertools.accumulate(sizes, initial=start)
    pieces = (data[first:last] for first, last in itertools.pairwise(ends))
    return dict(zip(names, pieces, strict=True))


class Landmarker:
    """Takes mono samples of any number of calls, cut anyhow; ``finish`` returns the landmarks."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._geometry = geometry = _Geometry.of(sample_rate_hz)
        self._waiting = np.zeros(0, np.float32)
        self._frames = Framer(geometry.fft + (_BLOCK - 1) * geometry.hop, _BLOCK * geometry.hop)
        self._levels = np.zeros((_SIDE_FRAMES, len(geometry.starts) - 1), np.float32)
        self._power = np.zeros((_SIDE_FRAMES, geometry.starts[-1] + 1), np.float32)
        self._first = -_SIDE_FRAMES  # number of the first frame that is held
        self._peaks: list[NDArray[np.float64]] = []
        self._samples = 0

    def feed(self, mono: FloatArray) -> None:
        """Take float32 samples, full scale at 1."""
        self._samples += len(mono)
        self._decimate(mono)

    def finish(self) -> Landmarks:
        """Return the landmarks of all that was fed."""
        geometry = self._geometry
        self._decimate(np.zeros(len(geometry.low_pass), np.float32))
        if len(rest := self._frames.rest) >= geometry.fft:
            self._take(rest)
        self._find(np.pad(self._levels, ((0, _SIDE_FRAMES), (0, 0))), self._power)
        peaks = np.concatenate(self._peaks) if self._peaks else np.zeros((0, 2))
        peaks = peaks[peaks[:, 0] < self._samples / geometry.native_hz * TICKS_PER_S]
        ticks = np.rint(peaks[:, 0]).clip(0).astype(np.uint32)
        steps = np.rint(peaks[:, 1]).clip(0, 2**16 - 1).astype(np.uint16)
        order = np.lexsort((steps, ticks))
        return Landmarks(ticks[order], steps[order], round(self._samples / geometry.native_hz, 3))

    def _decimate(self, mono: FloatArray) -> None:
        """Low-pass the samples, many outputs at once by a matrix product, and take every n-th."""
        geometry, samples = self._geometry, np.concatenate((self._waiting, mono))
        if len(samples) >= len(geometry.low_pass):
            step = geometry.low_pass.shape[1] * geometry.factor
            rows = overlapping(samples, len(geometry.low_pass), step)
            samples = samples[len(rows) * step :]
            # of overlapping rows a product makes its own copy, at five times the price
            low = rows if step == 1 else np.ascontiguousarray(rows) @ geometry.low_pass
            for block in self._frames.feed(low.ravel()):
                self._take(block)
        self._waiting = samples

    def _take(self, samples: FloatArray) -> None:
        geometry = self._geometry
        power = kernels.chosen.power_spectra(
            samples, geometry.window, geometry.hop, int(geometry.starts[-1]) + 1
        )
        levels = kernels.chosen.range_maxima(power, geometry.starts)
        self._levels = np.concatenate((self._levels, levels))
        self._power = np.concatenate((self._power, power))
        if len(self._levels) > 2 * _SIDE_FRAMES:
            self._find(self._levels, self._power)
            kept = len(self._levels) - 2 * _SIDE_FRAMES
            self._levels, self._power = self._levels[kept:], self._power[kept:]
            self._first += kept

    def _find(self, levels: FloatArray, power: FloatArray) -> None:
        """Add the peaks of all frames but the first and last nine."""
        geometry, side = self._geometry, _SIDE_FRAMES
        inner = levels[side : len(levels) - side]
        if len(inner) == 0:
            return
        around = running_maximum(levels.T, 2 * side + 1).T
        loudest = around.max(axis=1, keepdims=True)
        around = np.pad(around, ((0, 0), (_SIDE_BINS, _SIDE_BINS)))
        around = running_maximum(around, 2 * _SIDE_BINS + 1)
        rows, bins = np.nonzero((inner == around) & (inner > _FLOOR) & (inner > _RANGE * loudest))
        if len(rows) == 0:
            return
        rows += side
        after = np.minimum(rows + 1, len(levels) - 1)
        vertex = _vertex(levels[rows - 1, bins], levels[rows, bins], levels[after, bins])
        time = self._first + rows + vertex
        ticks = (time * geometry.hop + geometry.fft / 2) / geometry.rate_hz * TICKS_PER_S
        self._peaks.append(np.stack((ticks, geometry.steps(power, rows, bins)), axis=1))


@dataclass(frozen=True)
class _Geometry:
    """How one sample rate is cut up."""

    native_hz: int
    factor: int
    rate_hz: float
    fft: int
    hop: int
    starts: NDArray[np.intp]
    """First FFT bin of each third of a semitone, and the end of the last."""
    window: FloatArray
    low_pass: FloatArray
    """Matrix [samples, outputs] by which every n-th sample is taken."""

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, native_hz: int) -> "_Geometry":
        import scipy.fft  # here: most processes read landmarks and take none

        factor = max(1, round(native_hz / _RATE_HZ))
        rate = native_hz / factor
        fft = scipy.fft.next_fast_len(round(_FRAME_S * rate), real=True)
        fft += fft % 2
        highest = min(HIGHEST_HZ, 0.9 * rate / 2)
        count = int(12 * _BINS_PER_SEMITONE * np.log2(highest / LOWEST_HZ))
        edges = LOWEST_HZ * 2 ** (np.arange(count + 1) / (12 * _BINS_PER_SEMITONE))
        starts = np.rint(edges * fft / rate).astype(np.intp)
        window = hann(fft).astype(np.float32)
        # a sine at full scale reads 1
        window *= np.float32(2 / window.sum())
        hop = round(_HOP_S * rate)
        return cls(native_hz, factor, rate, fft, hop, starts, window, _low_pass(factor))

    def steps(
        self, power: FloatArray, rows: NDArray[np.intp], bins: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the pitch of peaks, by a parabola through the FFT bins around each."""
        width = int(np.diff(self.starts).max())
        columns = self.starts[bins][:, None] + np.arange(max(1, width))
        values = power[rows[:, None], columns]
        values[columns >= np.maximum(self.starts[bins + 1], self.starts[bins] + 1)[:, None]] = -1
        top = self.starts[bins] + values.argmax(axis=1)
        exact = top + _vertex(power[rows, top - 1], power[rows, top], power[rows, top + 1])
        pitch = 12 * np.log2(exact * self.rate_hz / self.fft / LOWEST_HZ)
        steps: NDArray[np.float64] = pitch * STEPS_PER_SEMITONE
        return steps


def _vertex(before: FloatArray, top: FloatArray, after: FloatArray) -> NDArray[np.float64]:
    """Return where between -0.5 and 0.5 the parabola through three levels in dB is highest."""
    low, middle, high = (
        np.log(np.maximum(one, 1e-20).astype(np.float64)) for one in (before, top, after)
    )
    bend = low - 2 * middle + high
    shift = np.where(bend < -1e-9, 0.5 * (low - high) / np.minimum(bend, -1e-9), 0.0)
    offset: NDArray[np.float64] = shift.clip(-0.5, 0.5)
    return offset


def _low_pass(factor: int) -> FloatArray:
    if factor == 1:
        return np.ones((1, 1), np.float32)
    taps = _TAPS * factor + 1
    time = np.arange(taps) - taps // 2
    low_pass = np.sinc(2 * _CUT_OFF * time / factor) * np.kaiser(taps, 5.0)
    low_pass /= low_pass.sum()
    matrix = np.zeros((_OUTPUTS * factor + taps - factor, _OUTPUTS), np.float32)
    for output in range(_OUTPUTS):
        matrix[output * factor : output * factor + taps, output] = low_pass
    return matrix

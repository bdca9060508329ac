"""Frames of a stream that comes in arbitrary pieces, and what every transform of them needs."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.types import FloatArray


@dataclass
class Framer:
    """Frames of ``size`` samples every ``hop``; the caller must not change what it has fed."""

    size: int
    hop: int
    _pieces: list[FloatArray] = field(default_factory=list)
    _held: int = 0

    def feed(self, samples: FloatArray) -> list[FloatArray]:
        """Return the frames that are complete now, as views [size]."""
        self._pieces.append(samples)
        self._held += len(samples)
        count = (self._held - self.size) // self.hop + 1
        if count <= 0:
            return []
        held = self.rest
        self._pieces = [held[count * self.hop :]]
        self._held -= count * self.hop
        return [held[k * self.hop : k * self.hop + self.size] for k in range(count)]

    @property
    def rest(self) -> FloatArray:
        """What has not filled a frame."""
        if len(self._pieces) == 1:
            return self._pieces[0]
        return np.concatenate((np.empty(0, np.float32), *self._pieces))


def overlapping(samples: FloatArray, size: int, hop: int) -> FloatArray:
    """Return all frames [n, size] of the samples, ``hop`` apart, as a view without a copy."""
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]


def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window [length]."""
    return np.hanning(length + 1)[:-1]


def power_of(spectrum: NDArray[np.complex64]) -> FloatArray:
    """Return the squared magnitude, with the same bits on every processor (unlike np.abs)."""
    power: FloatArray = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


def running_maximum(values: FloatArray, width: int) -> FloatArray:
    """Return the largest of each ``width`` neighbours: [n, m] gives [n, m - width + 1]."""
    most, span = values, 1
    while 2 * span <= width:
        most = np.maximum(most[:, :-span], most[:, span:])
        span *= 2
    if span == width:
        return most
    return np.maximum(most[:, : span - width], most[:, width - span :])

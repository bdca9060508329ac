"""Frames of a stream that comes in arbitrary pieces, and their window."""

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


def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window [length]."""
    return np.hanning(length + 1)[:-1]

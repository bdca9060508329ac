"""Cuts a stream of arbitrary pieces into overlapping frames."""

from dataclasses import dataclass, field

import numpy as np

from detector.types import FloatArray


@dataclass
class Framer:
    """Frames of ``size`` samples every ``hop``; holds less than one frame between calls."""

    size: int
    hop: int
    _held: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))

    def feed(self, samples: FloatArray) -> list[FloatArray]:
        """Return the frames that are complete now, as views [size]."""
        self._held = np.concatenate((self._held, samples)) if len(self._held) else samples
        count = max(0, (len(self._held) - self.size) // self.hop + 1)
        frames = [self._held[k * self.hop : k * self.hop + self.size] for k in range(count)]
        self._held = self._held[count * self.hop :]
        return frames

    @property
    def rest(self) -> FloatArray:
        """What has not filled a frame."""
        return self._held

"""Acoustic fingerprint by libchromaprint, through pyacoustid's module ``chromaprint``."""

from typing import Final

import numpy as np

from detector.errors import Fatal
from detector.types import Fingerprint, FloatArray

try:
    import chromaprint
except ImportError as error:  # the binding loads the shared library at import
    raise Fatal(
        "libchromaprint is not installed: apt-get install libchromaprint1 (Debian, Ubuntu) "
        "or brew install chromaprint (macOS)"
    ) from error

ALGORITHM: Final = "chromaprint-2"  # CHROMAPRINT_ALGORITHM_DEFAULT, 0.12 s items
MAX_SECONDS: Final = 120.0
MIN_SECONDS: Final = 3.0  # chromaprint gives an empty fingerprint below about 2.6 s


class Fingerprinter:
    """Takes mono samples as they are decoded; keeps none of them."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._left = int(MAX_SECONDS * sample_rate_hz)
        self._taken = 0
        self._context = chromaprint.Fingerprinter()
        self._context.start(sample_rate_hz, 1)

    def feed(self, mono: FloatArray) -> None:
        """Take samples; those after the first 120 s are ignored."""
        if self._left <= 0:
            return
        part = mono[: self._left]
        scaled: FloatArray = np.clip(part, -1.0, 1.0)
        scaled *= np.float32(32_767.0)
        self._context.feed(scaled.astype("<i2").tobytes())
        self._left -= len(part)
        self._taken += len(part)

    def finish(self) -> Fingerprint | None:
        """Return the fingerprint, or None where the audio is too short for one."""
        seconds = self._taken / self._rate
        if seconds < MIN_SECONDS:
            return None
        value = self._context.finish().decode()
        return Fingerprint(ALGORITHM, value, round(seconds, 3)) if value else None

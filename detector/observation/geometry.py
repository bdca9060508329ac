"""How one sample rate is cut into filters, envelope samples, segments and bins."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

FILTER_TAPS: Final = 32  # samples at 48 kHz and below; scaled up above
FILTER_HOP: Final = 8
SEGMENT_S: Final = 11.9  # nominal; the segment is the nearest power of two of envelope samples
MAX_MODULATION_HZ: Final = 1_600.0


@dataclass(frozen=True)
class Geometry:
    """How one sample rate is cut up; observations of equal geometry can share a batch."""

    sample_rate_hz: int

    @property
    def scale(self) -> int:
        """Filters are as long in time above 48 kHz as they are there."""
        return max(1, round(self.sample_rate_hz / 48_000))

    @property
    def taps(self) -> int:
        """Filter length in samples."""
        return FILTER_TAPS * self.scale

    @property
    def hop(self) -> int:
        """Filter hop in samples."""
        return FILTER_HOP * self.scale

    @property
    def envelope_hz(self) -> float:
        """Rate of the band envelopes."""
        return self.sample_rate_hz / self.hop

    @cached_property
    def segment(self) -> int:
        """Envelope samples of one segment, a power of two near 11.9 s."""
        return int(2 ** round(np.log2(SEGMENT_S * self.envelope_hz)))

    @property
    def bin_hz(self) -> float:
        """Spacing of the modulation spectrum."""
        return self.envelope_hz / self.segment

    @cached_property
    def bins(self) -> int:
        """Bins of the modulation spectrum, 0 to 1,600 Hz (or half the envelope rate)."""
        return int(min(MAX_MODULATION_HZ / self.bin_hz, self.segment / 2)) + 1

    @property
    def segment_s(self) -> float:
        """Length of one segment in seconds; the hop is half of it."""
        return self.segment / self.envelope_hz

"""Whether a recording can be assessed; if not, the reason why the detector abstains.

    ``too_short``     under 5 s
    ``silent``        nearly all of it
    ``band_limited``  nothing above 4.5 kHz (telephones, 8 kHz), where a clock would be
    ``unpitched``     speech, strokes or noise: no held pitch, and pauses

Other reasons are the model's own: ``uncalibrated``, ``out_of_distribution``,
``observation_version``.
"""

from typing import Final

import numpy as np
from scipy.ndimage import median_filter

from detector.audio.spectra import BIN_HZ
from detector.observation.observation import Observation

MIN_DURATION_S: Final = 5.0
MAX_SILENT_SHARE: Final = 0.95
SILENT_PEAK: Final = 10 ** (-60 / 20)
PITCH_HZ: Final = (110.0, 4_000.0)
PITCH_BASELINE_BINS: Final = 31
STEADIEST: Final = 20  # bins that count
UNPITCHED_BELOW: Final = 0.08  # share of frames: music has 0.10 to 0.55, a made-up voice 0.07
PAUSE_DB: Final = -20.0  # below the loud parts
PAUSES_FROM: Final = 0.05  # share of the track
MIN_FRAMES: Final = 60  # 11 s: in fewer, noise looks steady


def abstention_reason(observed: Observation) -> str | None:
    """Return why an observation cannot be assessed, or None."""
    if observed.duration_s < MIN_DURATION_S:
        return "too_short"
    if len(observed.peaks) and float((observed.peaks < SILENT_PEAK).mean()) > MAX_SILENT_SHARE:
        return "silent"
    if not any(observed.groups):
        return "band_limited"
    if observed.share_frames >= MIN_FRAMES and _pauses(observed) and _unpitched(observed):
        return "unpitched"
    return None


def _pauses(observed: Observation) -> bool:
    loud = float(np.quantile(observed.peaks, 0.95)) * 10 ** (PAUSE_DB / 20)
    return float((observed.peaks < loud).mean()) > PAUSES_FROM


def _unpitched(observed: Observation) -> bool:
    """Return whether no bin is a maximum for long, as a held note makes it."""
    low, high = (round(hz / BIN_HZ) for hz in PITCH_HZ)
    shares = observed.shares[low:high]
    lines = shares - median_filter(shares, PITCH_BASELINE_BINS, mode="nearest")
    return float(np.sort(lines)[-STEADIEST:].mean()) < UNPITCHED_BELOW

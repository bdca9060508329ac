"""A published detector to be compared with: the fakeprint, built from its description.

Afchar, Meseguer-Brocal, Akesbi and Hennequin, "A Fourier Explanation of AI-music Artifacts"
(ISMIR 2025), in our own code:

- The mean spectrum in dB: 16,384-point Hann frames, half overlapping, all channels, 180 s.
- A lower hull through the minima of every 10 bins, joined by quadratics, never under -45 dB.
- The spectrum less this hull, cut at 5 dB, over its maximum.
- At 44.1 kHz it covers 5 to 16 kHz; at 16 kHz, 1 to 8 kHz.
- A logistic regression with balanced classes and C = 1.

It serves measurements only; no released model contains it. The method is named in patent
applications of its authors' company.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.interpolate import interp1d

from detector.errors import InvalidAudio
from detector.types import FloatArray
from models.augmentation.effects import resampled
from models.learning.data import Track
from models.training.augmentation_cache import decoded

FFT: Final = 16_384
MAX_S: Final = 180
HULL_BINS: Final = 10
HULL_FLOOR_DB: Final = -45.0
CUT_DB: Final = 5.0
SETTINGS: Final = {"full_rate": (44_100, 5_000.0, 16_000.0), "low_rate": (16_000, 1_000.0, 8_000.0)}
VERSION: Final = 1


def fakeprint(audio: FloatArray, rate_hz: int, population: str) -> FloatArray:
    """Return the fakeprint of samples [channels, n]: [4086] at full rate, [7166] at low."""
    to_hz, low_hz, high_hz = SETTINGS[population]
    wave = torch.from_numpy(resampled(audio[:, : MAX_S * rate_hz], rate_hz, to_hz))
    if wave.shape[1] < FFT:
        wave = torch.nn.functional.pad(wave, (0, FFT - wave.shape[1]))
    window = torch.hann_window(FFT)
    total = torch.zeros(FFT // 2 + 1)
    for channel in wave:
        spectrum = torch.stft(channel, FFT, FFT // 2, window=window, return_complex=True)
        total += (10 * spectrum.abs().square().clamp(1e-10, 1e6).log10()).mean(dim=1)
    hz = np.linspace(0, to_hz / 2, FFT // 2 + 1)
    profile = (total / len(wave)).numpy().astype(np.float64)[(hz > low_hz) & (hz < high_hz)]
    lowest = np.lib.stride_tricks.sliding_window_view(profile, HULL_BINS).argmin(axis=1)
    at = np.unique(np.concatenate(([0], lowest + np.arange(len(lowest)), [len(profile) - 1])))
    hull = interp1d(at, profile[at], kind="quadratic")(np.arange(len(profile)))
    above = (profile - hull.clip(min=HULL_FLOOR_DB)).clip(0, CUT_DB)
    print_: FloatArray = (above / (1e-6 + above.max())).astype(np.float32)
    return print_


def fakeprints(tracks: Sequence[Track], population: str, cache: Path) -> FloatArray:
    """Return [tracks, bins]; each file is decoded once and its print kept in ``cache``."""
    torch.set_num_threads(1)
    return np.stack([_kept(track, population, cache) for track in tracks])


def _kept(track: Track, population: str, cache: Path) -> FloatArray:
    path = cache / f"{track.sha256}-fakeprint-{VERSION}.npy"
    if not path.exists():
        try:
            vector = fakeprint(*decoded(track.path), population)
        except InvalidAudio:  # decoded before, so this is rare: then it has no lines
            vector = np.zeros(1, np.float32)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, vector)
        partial.replace(path)
    loaded: FloatArray = np.load(path)
    return loaded

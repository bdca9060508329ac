"""Self-made music and what is done to it, for the tests of the second fingerprint."""

from functools import lru_cache

import numpy as np
from scipy.signal import resample_poly

from detector.matching.alignment import Recording
from detector.matching.landmarks import Landmarker, Landmarks
from detector.types import FloatArray
from models.augmentation.effects import equalised, pitched, stretched, with_noise
from models.synthesis.music import RATE_HZ, render

__all__ = ["RATE_HZ", "changed", "landmarks", "music", "piece", "recording", "sped"]


@lru_cache(maxsize=16)
def music(seed: int, seconds: float = 45.0) -> FloatArray:
    """Return a self-made piece as float32 [n]."""
    mono: FloatArray = render(seed, seconds).mean(axis=0)
    return mono


def landmarks(wave: FloatArray, rate_hz: int = RATE_HZ, piece: int = 65_536) -> Landmarks:
    landmarker = Landmarker(rate_hz)
    for start in range(0, len(wave), piece):
        landmarker.feed(wave[start : start + piece])
    return landmarker.finish()


def recording(wave: FloatArray, rate_hz: int = RATE_HZ) -> Recording:
    return Recording(landmarks(wave, rate_hz))


@lru_cache(maxsize=16)
def piece(seed: int) -> Recording:
    """Return the landmarks of a self-made piece."""
    return recording(music(seed))


def sped(wave: FloatArray, percent: float) -> FloatArray:
    """Return it played faster, pitch included."""
    faster: FloatArray = resample_poly(wave, 500, round(5 * (100 + percent))).astype(np.float32)
    return faster


def changed(wave: FloatArray, how: str) -> FloatArray:
    """Return what a cell of the grid makes of it."""
    rng = np.random.default_rng(3)
    stereo = wave[None]
    match how:
        case "gain":
            return wave * np.float32(0.25)
        case "eq":
            return np.asarray(equalised(stereo, RATE_HZ, rng)[0])
        case "noise":
            return np.asarray(with_noise(stereo, 15, rng)[0])
        case "tempo":
            return np.asarray(stretched(stereo, 1.05)[0])
        case "pitch":
            return np.asarray(pitched(stereo, 1)[0])
        case "excerpt":
            return wave[int(20.3 * RATE_HZ) : int(36.3 * RATE_HZ)]
        case "trim":
            return wave[int(2.1 * RATE_HZ) : -int(1.7 * RATE_HZ)]
        case "intro":
            return np.concatenate((music(77, 25.0), wave))
        case _:
            return sped(wave, float(how))

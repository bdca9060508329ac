"""Observations of noise that breathes like a decoder's, above a few tones."""

import numpy as np

from detector.observation.observation import Observation, Observer
from detector.types import FloatArray

RATE = 44_100


def music(seconds: float, rate: int = RATE, seed: int = 1) -> FloatArray:
    """Noise that breathes at 43.07 Hz above a few tones: something in every array."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    noise = rng.standard_normal(len(time)) * (1 + 0.3 * np.sin(2 * np.pi * 43.066 * time))
    tones = sum(np.sin(2 * np.pi * hz * time) for hz in (220, 277.2, 329.6))
    return (0.05 * noise + 0.1 * tones * (1 + 0.5 * np.sin(0.7 * time))).astype(np.float32)


def observe(samples: FloatArray, rate: int = RATE) -> Observation:
    observer = Observer(rate)
    observer.feed(samples)
    return observer.finish()

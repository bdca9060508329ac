"""Something like speech, made from a seed: for telephone and speech recordings that no one is in.

The glottis pulses through three moving formants, with hiss and pauses. No two periods are equal
(jitter), nor as loud (shimmer): speech has no exact period, coders for it have.
"""

from typing import Final

import numpy as np
from scipy.signal import lfilter

from detector.types import FloatArray, FloatVector
from models.synthesis.music import RATE_HZ

# Formants of five vowels in Hz (Peterson and Barney, 1952).
VOWELS: Final = (
    (730, 1_090, 2_440), (270, 2_290, 3_010), (300, 870, 2_240), (530, 1_840, 2_480),
    (570, 840, 2_410),
)  # fmt: skip
WIDTHS_HZ: Final = (80.0, 100.0, 150.0)
JITTER: Final = 0.015
ROOM_NOISE: Final = 0.002


def speak(rng: np.random.Generator, seconds: float) -> FloatArray:
    """Return a voice alone, as float32 [1, n] at 44.1 kHz, peak 0.7."""
    length = int(seconds * RATE_HZ)
    out = np.zeros(length + RATE_HZ)
    pitch_hz = rng.uniform(95, 215)
    at = 0
    while at < length:
        hiss = _consonant(rng)
        vowel = _vowel(rng, pitch_hz * rng.uniform(0.85, 1.2))
        for part in (hiss, vowel):
            part = part[: len(out) - at]
            out[at : at + len(part)] += part
            at += len(part)
        if rng.random() < 0.15:
            at += int(rng.uniform(0.15, 0.6) * RATE_HZ)  # a pause
    voice = out[:length] / np.abs(out[:length]).max() * 0.7
    voice += ROOM_NOISE * rng.standard_normal(length)
    spoken: FloatArray = voice.astype(np.float32)[None]
    return spoken


def _vowel(rng: np.random.Generator, pitch_hz: float) -> FloatVector:
    n = int(rng.uniform(0.08, 0.25) * RATE_HZ)
    pulses = np.zeros(n)
    at = 0.0
    while at < n:
        pulses[int(at)] = rng.uniform(0.8, 1.0)
        at += RATE_HZ / pitch_hz * (1 + JITTER * rng.standard_normal())
    source = lfilter([1.0], [1.0, -0.96], pulses) + 0.01 * rng.standard_normal(n)
    formants = np.array(VOWELS[rng.integers(len(VOWELS))]) * rng.uniform(0.95, 1.1)
    for hz, width in zip(formants, WIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * width / RATE_HZ)
        source = lfilter(
            [1 - radius], [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2], source
        )
    shaped: FloatVector = source * np.hanning(n) / max(float(np.abs(source).max()), 1e-9)
    return shaped


def _consonant(rng: np.random.Generator) -> FloatVector:
    n = int(rng.uniform(0.03, 0.12) * RATE_HZ)
    noise = np.diff(rng.standard_normal(n + 2), 2)
    shaped: FloatVector = noise * np.hanning(n) * rng.uniform(0.02, 0.15)
    return shaped

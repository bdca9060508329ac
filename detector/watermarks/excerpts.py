"""Excerpts of a recording: a second, partial pass, only where watermarks are searched."""

from typing import Final

import numpy as np
import scipy.fft

from detector.audio.decode import Decoder
from detector.audio.mixdown import Mixdown
from detector.types import AudioFacts, FloatArray

EXCERPTS: Final = 3
EXCERPT_S: Final = 10.0
SHORTEST_S: Final = 3.0
SILENCE: Final = 1e-3  # full scale is 1


def excerpts(descriptor: int, audio: AudioFacts) -> list[FloatArray]:
    """Return excerpts [n] of an open file from the middle of equal parts; silent ones left out.

    They are cut from what is analysed: the same channels, at the same rate.
    """
    rate = audio.sample_rate_hz
    total = round(audio.duration_s * rate)
    count = min(EXCERPTS, max(1, int(audio.duration_s / EXCERPT_S)))
    length = min(total, int(EXCERPT_S * rate))
    if length < SHORTEST_S * rate:
        return []
    starts = [total * (2 * part + 1) // (2 * count) - length // 2 for part in range(count)]
    parts = [np.zeros(length, np.float32) for _ in starts]
    mixdown, position = Mixdown(), 0
    for chunk in Decoder(descriptor, audio.duration_s + 1, rate).chunks():
        mono = mixdown.feed(chunk)
        for start, part in zip(starts, parts, strict=True):
            low, high = max(start, position), min(start + length, position + len(mono))
            if low < high:
                part[low - start : high - start] = mono[low - position : high - position]
        position += len(mono)
        if position >= starts[-1] + length:
            break
    return [part for part in parts if np.abs(part).max() > SILENCE]


def resampled(samples: FloatArray, rate_hz: int, target_hz: int) -> FloatArray:
    """Return samples at another rate, by their spectrum: any two rates cost about the same."""
    if rate_hz == target_hz:
        return samples
    length = round(len(samples) * target_hz / rate_hz)
    out: FloatArray = scipy.fft.irfft(scipy.fft.rfft(samples), length)
    return out * np.float32(length / len(samples))

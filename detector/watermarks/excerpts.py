"""Excerpts of a recording: a second, partial pass, only where watermarks are searched."""

from typing import Final

import numpy as np
import scipy.fft

from detector.audio.decode import Decoder
from detector.audio.mixdown import Mixdown
from detector.types import AudioFacts, FloatArray

EXCERPTS: Final = 3
EXCERPT_S: Final = 10.0
SILENCE: Final = 1e-3  # full scale is 1


def excerpts(descriptor: int, audio: AudioFacts) -> list[FloatArray]:
    """Return excerpts [n] of an open file, from the middle of equal parts.

    They are cut from what is analysed: the same channels, at the same rate. A shorter recording,
    or one that is silent there, has none: its rate of false alarms is not measured.
    """
    rate = audio.sample_rate_hz
    total, length = round(audio.duration_s * rate), int(EXCERPT_S * rate)
    if total < EXCERPTS * length:
        return []
    starts = [total * (2 * part + 1) // (2 * EXCERPTS) - length // 2 for part in range(EXCERPTS)]
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
    return parts if all(np.abs(part).max() > SILENCE for part in parts) else []


def resampled(samples: FloatArray, rate_hz: int, target_hz: int) -> FloatArray:
    """Return samples at another rate, by their spectrum: any two rates cost about the same."""
    if rate_hz == target_hz:
        return samples
    length = round(len(samples) * target_hz / rate_hz)
    out: FloatArray = scipy.fft.irfft(scipy.fft.rfft(samples), length)
    return out * np.float32(length / len(samples))

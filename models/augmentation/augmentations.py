"""What happens to music between a studio and a platform: a frozen list of named cells.

AI and human recordings go through the same cells with the same seed. A name never gets another
meaning, so results of different models stay comparable.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.types import FloatArray
from models.augmentation.coders import Coder, through
from models.augmentation.effects import (
    equalised,
    limited,
    low_passed,
    pitched,
    resampled,
    sped,
    stretched,
    with_noise,
)

Audio = tuple[FloatArray, int]
"""Samples [channels, n], full scale at 1, and their rate in Hz."""


@dataclass(frozen=True)
class Augmentation:
    """One kind of delivery: its name, its family for tables, and what it does."""

    name: str
    family: str
    apply: Callable[[FloatArray, int, np.random.Generator], Audio]

    def __reduce__(self) -> tuple[Callable[[str], "Augmentation"], tuple[str]]:
        """Travel to worker processes by name: what a cell does cannot be pickled."""
        return augmentation_named, (self.name,)


def augmentation_named(name: str) -> Augmentation:
    """Return a cell of the lists."""
    return next(cell for cell in (*AUGMENTATIONS, *LOWERED) if cell.name == name)


def augment(cell: Augmentation, audio: FloatArray, rate_hz: int, seed: int) -> Audio:
    """Return what the platform gets; equal seeds give equal samples."""
    rng = np.random.default_rng((seed, zlib.crc32(cell.name.encode())))
    return cell.apply(audio, rate_hz, rng)


def _coded(name: str, coder: Coder) -> Augmentation:
    return Augmentation(name, "coder", lambda audio, rate_hz, rng: through(audio, rate_hz, coder))


def _mp3(kbit: int, *, joint: bool = True) -> Coder:
    return Coder(
        "libmp3lame", "mp3", kbit * 1_000, 44_100, options=(("joint_stereo", str(int(joint))),)
    )


def _aac(kbit: int) -> Coder:
    return Coder("aac", "adts", kbit * 1_000)


def _opus(kbit: int) -> Coder:
    return Coder("libopus", "ogg", kbit * 1_000, 48_000)


def _kept(
    name: str, family: str, change: Callable[[FloatArray, int, np.random.Generator], FloatArray]
) -> Augmentation:
    """Return a cell that keeps the sample rate."""
    return Augmentation(
        name, family, lambda audio, rate_hz, rng: (change(audio, rate_hz, rng), rate_hz)
    )


def _to_rate(target_hz: int) -> Augmentation:
    return Augmentation(
        f"rate-{target_hz}",
        "rate",
        lambda audio, rate_hz, rng: (resampled(audio, rate_hz, target_hz), target_hz),
    )


def _speed(percent: int) -> Augmentation:
    return _kept(f"speed{percent:+d}%", "speed", lambda audio, rate_hz, rng: sped(audio, percent))


def _streamed(audio: FloatArray, rate_hz: int, rng: np.random.Generator) -> Audio:
    """Master for a platform: louder, limited, then AAC."""
    return through(limited(audio, rate_hz, drive_db=6), rate_hz, _aac(128))


def _uploaded_again(audio: FloatArray, rate_hz: int, rng: np.random.Generator) -> Audio:
    """Take an MP3 from somewhere, cut it, make another MP3 of it."""
    coded, rate_hz = through(audio, rate_hz, _mp3(128))
    cut = int(rng.integers(1, rate_hz))
    return through(coded[:, cut:], rate_hz, _mp3(192))


AUGMENTATIONS: Final = (
    _kept("original", "as is", lambda audio, rate_hz, rng: audio),
    *(_coded(f"mp3-{kbit}", _mp3(kbit)) for kbit in (320, 192, 128, 96, 64)),
    _coded("mp3-128-no-joint-stereo", _mp3(128, joint=False)),
    *(_coded(f"aac-{kbit}", _aac(kbit)) for kbit in (256, 128, 96)),
    *(_coded(f"opus-{kbit}", _opus(kbit)) for kbit in (128, 96, 64)),
    _coded("vorbis-128", Coder("vorbis", "ogg", 128_000, channels=2, options=(("strict", "-2"),))),
    *(_to_rate(rate_hz) for rate_hz in (22_050, 32_000, 48_000)),
    *(_speed(percent) for percent in (-5, -3, -1, 1, 3, 5)),
    _kept("stretch-5%", "speed", lambda audio, rate_hz, rng: stretched(audio, 0.95)),
    _kept("stretch+5%", "speed", lambda audio, rate_hz, rng: stretched(audio, 1.05)),
    _kept("pitch-1-semitone", "speed", lambda audio, rate_hz, rng: pitched(audio, -1)),
    _kept("pitch+1-semitone", "speed", lambda audio, rate_hz, rng: pitched(audio, 1)),
    _kept("gain-12dB", "level", lambda audio, rate_hz, rng: audio * np.float32(0.25)),
    _kept("clipped+6dB", "level", lambda audio, rate_hz, rng: (2 * audio).clip(-1, 1)),
    _kept("limiter+6dB", "level", lambda audio, rate_hz, rng: limited(audio, rate_hz, drive_db=6)),
    _kept("eq", "tone", equalised),
    _kept("low-pass-16k", "tone", lambda audio, rate_hz, rng: low_passed(audio, rate_hz, 16_000)),
    _kept("low-pass-10k", "tone", lambda audio, rate_hz, rng: low_passed(audio, rate_hz, 10_000)),
    _kept("noise-40dB", "noise", lambda audio, rate_hz, rng: with_noise(audio, 40, rng)),
    _kept("noise-20dB", "noise", lambda audio, rate_hz, rng: with_noise(audio, 20, rng)),
    _kept(
        "trimmed",
        "cut",
        lambda audio, rate_hz, rng: audio[:, int(rng.integers(1, rate_hz)) : -rate_hz // 3],
    ),
    _kept("mono", "cut", lambda audio, rate_hz, rng: audio.mean(axis=0, keepdims=True)),
    Augmentation("limiter-aac-128", "chain", _streamed),
    Augmentation("mp3-128-trim-mp3-192", "chain", _uploaded_again),
)

LOWERED: Final = tuple(_to_rate(rate_hz) for rate_hz in (32_000, 24_000, 22_050, 16_000))

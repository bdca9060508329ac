"""Small pieces of music rendered from a seed, played the way people play.

The tempo wanders, notes come early or late by milliseconds, and no two strokes are alike. Breath,
hats and room fill the bands above 4.5 kHz without any exact period.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import fft

from detector.types import FloatArray

RATE_HZ: Final = 44_100
TOP_HZ: Final = 15_000.0
BLOCK: Final = 256  # samples of a note
ROOM_FFT: Final = 1 << 17

_SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
_PROGRESSIONS: Final = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 0, 4), (5, 3, 0, 4))
_TIMING_S: Final = 0.012  # a practised player's scatter around the beat
_WANDER: Final = 0.006  # random walk of the tempo per beat


@dataclass(frozen=True)
class Voice:
    """An instrument: level of each harmonic, attack and decay in seconds, loudness."""

    harmonics: tuple[float, ...]
    attack_s: float
    decay_s: float
    level: float


_PLUCK: Final = Voice((1.0, 0.6, 0.45, 0.3, 0.22, 0.16, 0.12, 0.1), 0.004, 0.45, 0.16)
_PAD: Final = Voice((1.0, 0.35, 0.2, 0.1), 0.25, 1.6, 0.05)
_BASS: Final = Voice((1.0, 0.5, 0.25), 0.01, 0.5, 0.22)


def render(seed: int, seconds: float) -> FloatArray:
    """Return a piece as float32 [2, samples] at 44.1 kHz, peak 0.8; equal seeds, equal samples."""
    rng = np.random.default_rng(seed)
    length = int(seconds * RATE_HZ)
    dry = np.zeros((2, length + 4 * RATE_HZ), np.float32)
    beats = _beats(rng, seconds)
    scale = _SCALES[rng.integers(len(_SCALES))]
    progression = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    key = 45.0 + float(rng.integers(0, 8))  # MIDI note of the bass
    noise = rng.standard_normal(8 * RATE_HZ).astype(np.float32)

    degree = 7
    for index, (at, beat) in enumerate(beats):
        root = progression[index // 4 % len(progression)]
        if index % 4 == 0:
            for part, step in enumerate((0, 2, 4)):
                pitch = key + 12 + _pitch(scale, root + step)
                _note(dry, rng, _PAD, at, 4 * beat, pitch, pan=0.25 + 0.25 * part)
        if index % 2 == 0 or rng.random() < 0.3:
            _note(dry, rng, _BASS, at, beat, key + _pitch(scale, root), pan=0.5)
        for half in (0.0, 0.5):
            if rng.random() < 0.75:
                degree = int(np.clip(degree + rng.integers(-2, 3), 3, 13))
                pitch = key + 12 + _pitch(scale, degree)
                _note(dry, rng, _PLUCK, at + half * beat, beat, pitch, pan=float(rng.random()))
            if rng.random() < 0.9:
                decay_s = rng.uniform(0.02, 0.09)
                _stroke(dry, rng, noise, at + half * beat, decay_s, 0.1, bright=True)
        if index % 2 == 1:
            _stroke(dry, rng, noise, at, 0.11, 0.12, bright=False)
    dry += _breath(rng, dry.shape[1])
    wet = _room(dry, rng)[:, :length]
    fade = np.minimum(1, np.arange(length, 0, -1) / (1.5 * RATE_HZ))
    piece: FloatArray = (wet * fade).astype(np.float32)
    return piece * np.float32(0.8 / np.abs(piece).max())


def _beats(rng: np.random.Generator, seconds: float) -> list[tuple[float, float]]:
    """Return (time, length) of each beat; the tempo is no round number and it wanders."""
    beat = 60 / rng.uniform(83.0, 127.0)
    at, beats = 0.2, []
    while at < seconds - 1.0:
        beats.append((at, beat))
        at += beat
        beat *= float(np.exp(_WANDER * rng.standard_normal()))
    return beats


def _pitch(scale: tuple[int, ...], degree: int) -> float:
    octave, step = divmod(degree, len(scale))
    return 12.0 * octave + scale[step]


def _note(
    out: FloatArray,
    rng: np.random.Generator,
    voice: Voice,
    at_s: float,
    seconds: float,
    pitch: float,
    pan: float,
) -> None:
    """Add one note; ``pitch`` is a MIDI number, ``pan`` 0 (left) to 1 (right)."""
    start = _when(rng, at_s)
    n = min(int((seconds + 2 * voice.decay_s) * RATE_HZ), out.shape[1] - start)
    hz = 440 * 2 ** ((pitch - 69) / 12) * (1 + 0.001 * rng.standard_normal())
    tone = _decaying(voice, hz, n) * np.float32(voice.level * rng.uniform(0.6, 1.0))
    attack = int(voice.attack_s * RATE_HZ) + 1
    tone[:attack] *= (np.arange(attack, dtype=np.float32) / (voice.attack_s * RATE_HZ))[:n]
    out[0, start : start + n] += tone * np.float32(np.cos(pan * np.pi / 2))
    out[1, start : start + n] += tone * np.float32(np.sin(pan * np.pi / 2))


def _decaying(voice: Voice, hz: float, n: int) -> FloatArray:
    """Return ``n`` samples of harmonics, each a sine that dies away, the higher the sooner.

    A decaying sine is the imaginary part of exp(s t), and exp(s (t + u)) = exp(s t) exp(s u): a
    matrix product of blocks' beginnings and of what lies in a block gives all harmonics at once.
    """
    numbers = np.arange(1, min(len(voice.harmonics), int(TOP_HZ / hz)) + 1)
    per_sample = (2j * np.pi * hz * numbers - (0.6 + 0.4 * numbers) / voice.decay_s) / RATE_HZ
    begin = np.exp(np.outer(np.arange(0, n, BLOCK), per_sample))
    inside = np.exp(np.outer(per_sample, np.arange(BLOCK)))
    inside *= np.array(voice.harmonics)[: len(numbers), None]
    left = np.hstack((begin.real, begin.imag)).astype(np.float32)
    right = np.vstack((inside.imag, inside.real)).astype(np.float32)
    tone: FloatArray = (left @ right).reshape(-1)[:n]
    return tone


def _stroke(
    out: FloatArray,
    rng: np.random.Generator,
    noise: FloatArray,
    at_s: float,
    decay_s: float,
    level: float,
    *,
    bright: bool,
) -> None:
    """Add a stroke of noise (hat or snare); each takes another stretch of the noise."""
    start = _when(rng, at_s)
    n = min(int(6 * decay_s * RATE_HZ), out.shape[1] - start)
    where = int(rng.integers(0, len(noise) - n - 2))
    burst = noise[where : where + n + 2]
    burst = np.diff(burst, 2) * np.float32(0.4) if bright else burst[:n]
    decay = np.exp(-np.arange(n, dtype=np.float32) / np.float32(decay_s * RATE_HZ))
    burst = burst * decay * np.float32(level * rng.uniform(0.5, 1.0))
    pan = float(rng.uniform(0.3, 0.7))
    out[0, start : start + n] += burst * np.float32(np.cos(pan * np.pi / 2))
    out[1, start : start + n] += burst * np.float32(np.sin(pan * np.pi / 2))


def _when(rng: np.random.Generator, at_s: float) -> int:
    """Return the sample of an event, early or late as people are."""
    return max(0, int((at_s + _TIMING_S * rng.standard_normal()) * RATE_HZ))


def _breath(rng: np.random.Generator, length: int) -> FloatArray:
    """Return [2, length] of faint noise that comes and goes over seconds."""
    points = np.arange(0, length + RATE_HZ, RATE_HZ // 2)
    swell = np.exp(0.6 * rng.standard_normal(len(points)))
    envelope = np.interp(np.arange(length), points, swell).astype(np.float32)
    breath: FloatArray = rng.standard_normal((2, length), dtype=np.float32) * envelope
    return breath * np.float32(0.004)


def _room(dry: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Add a room: noise that dies away in 0.9 s, another on each side."""
    tail = np.arange(RATE_HZ, dtype=np.float32) / np.float32(RATE_HZ)
    response = rng.standard_normal((2, RATE_HZ), dtype=np.float32) * np.exp(tail * np.float32(-7.7))
    filtered = fft.rfft(response, ROOM_FFT)
    wet = np.zeros((2, dry.shape[1] + ROOM_FFT), np.float32)
    for start in range(0, dry.shape[1], ROOM_FFT - RATE_HZ):  # a block and its tail overlap
        block = dry[:, start : start + ROOM_FFT - RATE_HZ]
        wet[:, start : start + ROOM_FFT] += fft.irfft(fft.rfft(block, ROOM_FFT) * filtered)
    wet = wet[:, : dry.shape[1]]
    mixed: FloatArray = (dry + 0.25 * wet * (dry.std() / wet.std())).astype(np.float32)
    return mixed

"""Machines that play by the clock, for hard negatives: sequencers, old consoles, grains."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.types import FloatArray
from models.figures import FloatVector
from models.music import RATE_HZ

GRAIN_SHIFT: Final = 0.03  # of the speed: half a semitone either way
_CHIP_NOTES: Final = (0, 2, 3, 5, 7, 8, 10)
_ARPEGGIO: Final = (0, 4, 7)


def hiss(rng: np.random.Generator, length: int) -> FloatArray:
    """Return white noise [length]."""
    return rng.standard_normal(length, dtype=np.float32)


def hats(
    rng: np.random.Generator, length: int, period: int, tail: int, *, bright: bool = True
) -> FloatArray:
    """Return the very same stroke every ``period`` samples, as a sequencer plays a sample."""
    stroke = hiss(rng, tail) * np.exp(-np.arange(tail, dtype=np.float32) / (tail / 4))
    if not bright:
        stroke = np.cumsum(stroke) * np.float32(0.05)
    out = np.zeros(length, np.float32)
    for start in range(0, length - tail, period):
        out[start : start + tail] += stroke
    return out


def chip_music(
    rng: np.random.Generator, seconds: float, frame_hz: float, *, every_frame: bool
) -> FloatArray:
    """Return music of an old console [2, n], whose player runs once per frame of the screen.

    Two square voices, a triangle and noise. Levels and pitches change only on frames. In
    ordinary music a few notes are arpeggios and levels fall in steps; with ``every_frame``
    each voice does something new on every frame, which no music does for long.
    """
    length = int(seconds * RATE_HZ)
    frame = np.minimum((np.arange(length) * frame_hz / RATE_HZ).astype(int), 10**6)
    frames = int(frame[-1]) + 1
    out = np.zeros((2, length), np.float32)
    for voice in range(3):
        pitch, level = _voice(rng, frames, voice, every_frame=every_frame)
        hz = 440 * 2 ** ((pitch[frame] - 69) / 12)
        phase = np.cumsum(hz / RATE_HZ) % 1
        duty = (0.5, 0.25, 0.5)[voice]
        wave = np.abs(4 * phase - 2) - 1 if voice == 2 else np.where(phase < duty, 1.0, -1.0)
        tone = (0.12 * wave * level[frame]).astype(np.float32)
        out += tone * np.array([[1.0], [0.6 + 0.4 * (voice != 1)]], np.float32)
    out += 0.1 * _noise_channel(rng, frame, frames, every_frame=every_frame)
    return out


def _voice(
    rng: np.random.Generator, frames: int, voice: int, *, every_frame: bool
) -> tuple[FloatVector, FloatVector]:
    """Return pitch (MIDI) and level of each frame.

    In double precision: a phase summed up in single precision repeats its rounding with a
    period of a power of two of samples, which is a decoder's clock indeed.
    """
    pitch, level = np.zeros(frames), np.zeros(frames)
    at, base = 0, (72, 60, 45)[voice]
    while at < frames:
        lasts = 1 if every_frame else int(rng.choice((6, 12, 12, 24)))
        note = base + float(rng.choice(_CHIP_NOTES))
        count = min(lasts, frames - at)
        step = np.arange(count)
        arpeggio = voice == 0 and rng.random() < 0.3
        chord = np.array(_ARPEGGIO)[step // 2 % 3] if arpeggio else np.zeros(count)
        pitch[at : at + count] = note + chord
        loud = rng.uniform(0.4, 1.0) if every_frame else 1.0
        level[at : at + count] = loud * np.maximum(15 - step // 2, 3) / 15
        at += count
    return pitch, level


def _noise_channel(
    rng: np.random.Generator, frame: NDArray[np.int64], frames: int, *, every_frame: bool
) -> FloatArray:
    """Return drums of the noise channel [n]: a stroke every 12 frames, falling in steps."""
    since = np.arange(frames) % (2 if every_frame else 12)
    level = np.maximum(15 - 3 * since, 0) / 15
    drums: FloatArray = (hiss(rng, len(frame)) * level[frame]).astype(np.float32)
    return drums


def granular(rng: np.random.Generator, audio: FloatArray, hop: int) -> FloatArray:
    """Return the audio pitch-shifted grain by grain, a grain every ``hop`` samples.

    Each grain is read at its own speed, as simple pitch correctors do it, and overlapped by
    half with its neighbours; how well they fit together changes with every grain.
    """
    size = 2 * hop
    window = np.hanning(size + 1)[:size].astype(np.float32)
    starts = np.arange(0, audio.shape[1] - 2 * size, hop)
    speed = 1 + GRAIN_SHIFT * np.sin(np.cumsum(rng.standard_normal(len(starts))) * 0.2)
    out = np.zeros_like(audio)
    reading = np.arange(size)
    for start, ratio in zip(starts, speed, strict=True):
        at = start + reading * ratio
        for channel, samples in enumerate(audio):
            part = samples[start : start + 2 * size]
            grain = np.interp(at - start, np.arange(len(part)), part)
            out[channel, start : start + size] += window * grain.astype(np.float32)
    return out

"""Machines that play by the clock, for hard negatives: sequencers, old consoles, grains."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.types import FloatArray, FloatVector
from models.synthesis.music import RATE_HZ

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

    Levels and pitches change only on frames. With ``every_frame`` each voice does something new on
    every frame, which no music does for long.
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

    In double precision: rounding of a phase in single precision repeats with an exact period.
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

    Each grain has its own speed and overlaps by half with its neighbours.
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


def arranged(rng: np.random.Generator, seconds: float, per_minute: float) -> FloatArray:
    """Return dance music [2, n] as a sequencer plays it: everything on the grid, to the sample."""
    length = int(seconds * RATE_HZ)
    step = RATE_HZ * 60 / per_minute / 4
    starts = np.round(np.arange(int(length / step)) * step).astype(int)
    time = np.arange(int(4 * step)) / RATE_HZ
    kick = np.sin(2 * np.pi * (45 * time + 9 * (1 - np.exp(-time * 30)))) * np.exp(-time * 9)
    clap, closed, opened = (hiss(rng, len(time)) * np.exp(-time * fall) for fall in (25, 60, 14))
    scale = rng.permutation(np.array([0, 3, 5, 7, 10, 12, 15, 19]))
    ducked = np.ones(length)
    out = np.zeros((2, length))
    for index, start in enumerate(starts):
        note = 33 + int(rng.integers(0, 2)) * 3 if index % 16 == 0 else 33
        saw = _saw(note + float(scale[index % 8]) + 24, time[: int(step)])
        bass = _saw(float(note), time[: int(2 * step)]) if index % 4 == 2 else np.zeros(1)
        strokes: list[tuple[NDArray[Any], float]] = [(saw, 0.07), (bass, 0.12)]
        strokes.append((opened if index % 4 == 2 else closed, 0.08))
        if index % 4 == 0:
            strokes.append((kick, 0.5))
            fade = 1 - 0.8 * np.exp(-time * 8)
            ducked[start : start + len(fade)] = fade[: length - start]
        if index % 8 == 4:
            strokes.append((clap, 0.15))
        for stroke, level in strokes:
            part = stroke[: length - start]
            out[:, start : start + len(part)] += level * part * np.array([[1.0], [0.9]])
    seconds_at = np.arange(length) / RATE_HZ
    for pitch in (57, 60, 64):
        out += 0.03 * ducked * _saw(pitch + 0.07 * rng.standard_normal(), seconds_at)
    mixed: FloatArray = (0.8 * out / np.abs(out).max()).astype(np.float32)
    return mixed


def _saw(pitch: float, time: FloatVector) -> FloatVector:
    """Return a sawtooth with harmonics up to 16 kHz, from one period; ``pitch`` as in MIDI."""
    hz = 440 * 2 ** ((pitch - 69) / 12)
    orders = np.arange(1, max(2, min(60, int(16_000 / hz))))
    at = np.arange(2_048) / 2_048
    period = (np.sin(2 * np.pi * at[:, None] * orders) / orders).sum(axis=1)
    tone: FloatVector = np.interp(hz * time, at, period, period=1)
    return tone


def converted(audio: FloatArray, rate_hz: int, target_hz: int, *, joined: bool) -> FloatArray:
    """Return the audio at another rate by the cheapest means: no filter at all.

    Each new sample is the nearest old one, or lies on the line between two (``joined``).
    Where the new samples fall between the old ones repeats with the greatest common divisor
    of both rates: 300 Hz between 44.1 and 48 kHz, 100 Hz between 44.1 kHz and 8, 16 or 32.
    """
    at = np.arange(int(audio.shape[1] * target_hz / rate_hz)) * (rate_hz / target_hz)
    if joined:
        lines = [np.interp(at, np.arange(audio.shape[1]), channel) for channel in audio]
        out: FloatArray = np.stack(lines).astype(np.float32)
        return out
    nearest: FloatArray = audio[:, np.rint(at).astype(int).clip(max=audio.shape[1] - 1)]
    return nearest

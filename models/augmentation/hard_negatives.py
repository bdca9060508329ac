"""Hard negatives: sounds with exact periods that no decoder made. All made here, seeded.

Each kind pulses like clockwork in one way: sequencers, players of old machines, lamps, speech
coders, pitch shifters. Each lies over a rendered piece (``models.synthesis.music``).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.types import FloatArray, FloatVector
from models.augmentation.coders import Coder, through
from models.augmentation.effects import limited, resampled, stretched
from models.augmentation.speech import speak
from models.augmentation.synthetic_negatives import (
    arranged,
    chip_music,
    converted,
    granular,
    hats,
    hiss,
)
from models.synthesis.music import RATE_HZ, render

Audio = tuple[FloatArray, int]
Make = Callable[[np.random.Generator, float], Audio]
SECONDS: Final = 26.0
HAT_TEMPI: Final = (90, 120, 125, 126, 128, 140, 150, 174)
CHIP_FRAMES_HZ: Final = (49.92, 50.0, 59.94, 60.0, 60.0988)
TREMOLO_HZ: Final = (44_100 / 2_048, 25.0, 44_100 / 1_024, 50.0, 75.0, 44_100 / 512, 150.0)
BETWEEN_HZ: Final = (22.3, 26.3, 47.0, 93.0)  # no decoder's rate, but for an altered speed
LEVELS: Final[dict[str, Callable[[FloatVector], FloatVector]]] = {
    "sine": lambda phase: 1 + 0.5 * np.sin(2 * np.pi * phase),
    "square": lambda phase: np.where(np.sin(2 * np.pi * phase) > 0, 1.0, 0.3),
    "shallow": lambda phase: np.where(np.sin(2 * np.pi * phase) > 0, 1.0, 0.7),
    "gate": lambda phase: np.where(phase % 1 < 0.25, 1.0, 0.1),
    "saw": lambda phase: 1 - 0.9 * (phase % 1),
}
OSCILLATORS: Final = (225, 300, 450, 600)  # samples: 196, 147, 98, 73.5 Hz
BLOCKS: Final = (256, 441, 512, 1_024)
DAW_TEMPI: Final = (100, 120, 124, 126, 128, 140, 150, 160, 174)
CONVERSIONS: Final = ((44_100, 48_000), (48_000, 44_100), (32_000, 44_100), (22_050, 44_100),
                      (16_000, 44_100))  # fmt: skip
OVERLAP_HOPS: Final = (441, 512, 882, 1_024, 2_048)
SPEECH: Final = {
    "gsm": Coder("libgsm", "wav", 13_000, 8_000, 1),
    "amr-nb": Coder("libopencore_amrnb", "amr", 12_200, 8_000, 1),
    "amr-wb": Coder("libvo_amrwbenc", "amr", 23_850, 16_000, 1),
    "speex": Coder("libspeex", "ogg", 24_000, 32_000, 1),
    "opus-voip-16": Coder(
        "libopus", "ogg", 16_000, 48_000, 1, (("application", "voip"), ("frame_duration", "20"))
    ),
    "opus-voip-24": Coder(
        "libopus", "ogg", 24_000, 48_000, 1, (("application", "voip"), ("frame_duration", "20"))
    ),
    "opus-10ms": Coder("libopus", "ogg", 48_000, 48_000, 1, (("frame_duration", "10"),)),
    "g722": Coder("g722", "wav", 64_000, 16_000, 1),
    "g723.1": Coder("g723_1", "wav", 6_300, 8_000, 1),
    "g726": Coder("g726", "wav", 32_000, 8_000, 1),
    "mu-law": Coder("pcm_mulaw", "wav", None, 8_000, 1),
}


@dataclass(frozen=True)
class Kind:
    """One kind of hard negative: its name, its family for tables, and how it is made."""

    name: str
    family: str
    make: Make
    missing: str | None = None
    """Why it cannot be made here, or None."""


def negative(kind: Kind, seed: int, seconds: float = SECONDS) -> Audio:
    """Return samples [channels, n] and their rate; equal seeds, equal samples.

    Raises:
        ValueError: where the kind cannot be made here (``missing`` is the reason).
    """
    if kind.missing is not None:
        raise ValueError(f"{kind.name}: {kind.missing}")
    rng = np.random.default_rng((seed, zlib.crc32(kind.name.encode())))
    return kind.make(rng, seconds)


def _music(rng: np.random.Generator, seconds: float) -> FloatArray:
    return render(int(rng.integers(1 << 31)), seconds)


def _over(music: FloatArray, layer: FloatArray, level_db: float) -> FloatArray:
    """Return the music with a layer [n] at a level relative to its own."""
    gain = music.std() / max(float(layer.std()), 1e-9) * 10 ** (level_db / 20)
    mixed: FloatArray = (music + layer * np.float32(gain)).astype(np.float32)
    return mixed / np.float32(max(1.0, np.abs(mixed).max()))


def _layered(
    name: str,
    family: str,
    layer: Callable[[np.random.Generator, int], FloatArray],
    level_db: float,
) -> Kind:
    def make(rng: np.random.Generator, seconds: float) -> Audio:
        music = _music(rng, seconds)
        return _over(music, layer(rng, music.shape[1]), level_db), RATE_HZ

    return Kind(name, family, make)


def _loop(per_minute: int) -> Kind:
    """Make one bar of music repeated to the sample, as a sampler plays it."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        bar = round(RATE_HZ * 240 / per_minute)
        once = _music(rng, bar / RATE_HZ + 4)[:, 2 * RATE_HZ : 2 * RATE_HZ + bar]
        return np.tile(once, (1, int(seconds * RATE_HZ / bar) + 1)), RATE_HZ

    return Kind(f"bar-loop-{per_minute}", "loop", make)


def _hum(hz: float) -> Kind:
    """Mains hum: the tone and its odd harmonics, at half a thousandth off, as grids are."""

    def layer(rng: np.random.Generator, length: int) -> FloatArray:
        phase = 2 * np.pi * np.arange(length) / RATE_HZ * hz * (1 + 5e-4 * rng.uniform(-1, 1))
        orders = np.array([1, 2, 3, 5, 7, 9])
        tones: FloatArray = (
            (np.sin(phase[:, None] * orders) / orders).sum(axis=1).astype(np.float32)
        )
        return tones

    return _layered(f"hum-{hz:g}", "mains", layer, -20)


def _buzz(hz: float) -> Kind:
    """A dimmer or a lamp: a burst of hiss at each zero crossing of the mains."""

    def layer(rng: np.random.Generator, length: int) -> FloatArray:
        phase = np.arange(length) * hz / RATE_HZ % 1
        return np.where(phase < 0.02, hiss(rng, length), 0).astype(np.float32)

    return _layered(f"buzz-{hz:g}", "mains", layer, -25)


def _tremolo(hz: float, wave: str) -> Kind:
    """An effect that moves the level of everything by a low-frequency oscillator."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        music = _music(rng, seconds)
        phase = hz * np.arange(music.shape[1]) / RATE_HZ
        return (music * LEVELS[wave](phase).astype(np.float32) * np.float32(0.6)), RATE_HZ

    return Kind(f"tremolo-{wave}-{hz:.2f}", "tremolo", make)


def _clicks(per_minute: float) -> Kind:
    def layer(rng: np.random.Generator, length: int) -> FloatArray:
        return hats(rng, length, round(RATE_HZ * 60 / per_minute), 400)

    return _layered(f"click-{per_minute:g}", "click", layer, -3)


def _hats(per_minute: int) -> Kind:
    def layer(rng: np.random.Generator, length: int) -> FloatArray:
        return hats(rng, length, round(RATE_HZ * 60 / per_minute / 4), 2_000)

    return _layered(f"hats-{per_minute}", "loop", layer, -6)


def _chip(frame_hz: float, *, every_frame: bool) -> Kind:
    def make(rng: np.random.Generator, seconds: float) -> Audio:
        return chip_music(rng, seconds, frame_hz, every_frame=every_frame), RATE_HZ

    name = "chip-every-frame" if every_frame else "chip"
    return Kind(f"{name}-{frame_hz:g}", name, make)


def _speech(name: str, coder: Coder, *, inside: bool) -> Kind:
    """Make music through a speech coder, at its own rate or back inside a 44.1 kHz file."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        audio, rate_hz = through(_music(rng, seconds), RATE_HZ, coder)
        return (resampled(audio, rate_hz, RATE_HZ), RATE_HZ) if inside else (audio, rate_hz)

    where = "in-44.1k" if inside else "native"
    return Kind(f"{name}-{where}", "speech coder", make, coder.missing)


def _telephone(name: str, coder: Coder, *, inside: bool) -> Kind:
    """Make speech through a speech coder; see ``_speech``."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        audio, rate_hz = through(speak(rng, seconds), RATE_HZ, coder)
        return (resampled(audio, rate_hz, RATE_HZ), RATE_HZ) if inside else (audio, rate_hz)

    where = "in-44.1k" if inside else "native"
    return Kind(f"telephone-{name}-{where}", "telephone", make, coder.missing)


def _daw(per_minute: int) -> Kind:
    def make(rng: np.random.Generator, seconds: float) -> Audio:
        return arranged(rng, seconds, per_minute), RATE_HZ

    return Kind(f"daw-{per_minute}", "daw", make)


def _conversion(from_hz: int, to_hz: int, *, joined: bool) -> Kind:
    """Make music whose rate was once converted without a filter, as old tools and games do."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        audio = resampled(_music(rng, seconds), RATE_HZ, from_hz)
        return converted(audio, from_hz, to_hz, joined=joined), to_hz

    how = "linear" if joined else "nearest"
    return Kind(f"resampled-{how}-{from_hz}-{to_hz}", "resampling", make)


def _overlap(hop: int) -> Kind:
    """A simple pitch corrector: grains of fixed length, each shifted to the nearest note."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        return granular(rng, _music(rng, seconds), hop), RATE_HZ

    return Kind(f"pitch-corrector-{hop}", "pitch", make)


def _stretch(hop: int) -> Kind:
    def make(rng: np.random.Generator, seconds: float) -> Audio:
        return stretched(_music(rng, seconds), float(rng.uniform(0.85, 1.15)), hop), RATE_HZ

    return Kind(f"phase-vocoder-{hop}", "pitch", make)


def _pumping(per_minute: int) -> Kind:
    """A limiter driven hard by a kick on every beat, to the sample."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        music = _music(rng, seconds)
        kick = hats(rng, music.shape[1], round(RATE_HZ * 60 / per_minute), 4_000, bright=False)
        return limited(_over(music, kick, 6), RATE_HZ, drive_db=12, release_s=0.15), RATE_HZ

    return Kind(f"pumping-{per_minute}", "limiter", make)


def _oscillator(samples: int) -> Kind:
    """A synthesizer's wave of a whole number of samples, repeated under notes of its own."""

    def layer(rng: np.random.Generator, length: int) -> FloatArray:
        wave = np.tile(hiss(rng, samples), length // samples + 1)[:length]
        note = int(RATE_HZ * rng.uniform(0.2, 0.6))
        levels = np.repeat(rng.uniform(0, 1, length // note + 1), note)[:length]
        sounding: FloatArray = (wave * levels).astype(np.float32)
        return sounding

    return _layered(f"oscillator-{samples}", "oscillator", layer, -6)


def _crushed(block: int) -> Kind:
    """A bit crusher: fewer levels, samples held, its controls moved once a block."""

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        music = _music(rng, seconds)
        held = music[:, (np.arange(music.shape[1]) // 3) * 3]
        slow = np.sin(
            2 * np.pi * rng.uniform(0.3, 2) * np.arange(0, held.shape[1], block) / RATE_HZ
        )
        steps = np.repeat((2.0 ** (6 + 2 * slow)).astype(np.float32), block)[: held.shape[1]]
        return (np.rint(held * steps) / steps).astype(np.float32), RATE_HZ

    return Kind(f"crushed-{block}", "bit crusher", make)


def _vorbis(kbit: int) -> Kind:
    coder = Coder("vorbis", "ogg", kbit * 1_000, channels=2, options=(("strict", "-2"),))

    def make(rng: np.random.Generator, seconds: float) -> Audio:
        return through(_music(rng, seconds), RATE_HZ, coder)

    return Kind(f"vorbis-{kbit}", "vorbis", make, coder.missing)


KINDS: Final = (
    *(_oscillator(samples) for samples in OSCILLATORS),
    *(_crushed(block) for block in BLOCKS),
    *(_vorbis(kbit) for kbit in (64, 96, 160)),
    *(_hats(per_minute) for per_minute in HAT_TEMPI),
    *(_loop(per_minute) for per_minute in (120, 128, 150)),
    *(_clicks(per_minute) for per_minute in (90, 120, 126.5)),
    *(_chip(hz, every_frame=False) for hz in CHIP_FRAMES_HZ),
    *(_chip(hz, every_frame=True) for hz in CHIP_FRAMES_HZ),
    *(_hum(hz) for hz in (50.0, 60.0)),
    *(_buzz(hz) for hz in (100.0, 120.0)),
    *(_speech(name, coder, inside=False) for name, coder in SPEECH.items()),
    *(_speech(name, coder, inside=True) for name, coder in SPEECH.items()),
    Kind("speech", "speech", lambda rng, seconds: (speak(rng, seconds), RATE_HZ)),
    *(_telephone(name, coder, inside=False) for name, coder in SPEECH.items()),
    *(_telephone(name, coder, inside=True) for name, coder in SPEECH.items()),
    *(_daw(per_minute) for per_minute in DAW_TEMPI),
    *(_conversion(*rates, joined=False) for rates in CONVERSIONS),
    *(_conversion(*rates, joined=True) for rates in CONVERSIONS),
    *(_overlap(hop) for hop in OVERLAP_HOPS),
    *(_stretch(hop) for hop in (256, 441, 512)),
    *(_pumping(per_minute) for per_minute in (120, 128)),
    *(_tremolo(hz, wave) for wave in ("sine", "square") for hz in TREMOLO_HZ),
    *(_tremolo(hz, wave) for wave in ("gate", "saw", "shallow") for hz in (25.0, 50.0, 150.0)),
    *(_tremolo(hz, "square") for hz in BETWEEN_HZ),
)

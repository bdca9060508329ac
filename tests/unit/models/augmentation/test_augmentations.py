from functools import lru_cache
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.evidence.speed import search
from detector.types import FloatArray, Rates
from models.augmentation.augmentations import AUGMENTATIONS, Augmentation, augment
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through
from models.training.augmentation_cache import observe
from models.training.augmented import EXCERPT_AUGMENTATIONS, SONG_AUGMENTATIONS
from tests.support.paths import MODELS

RELEASED = MODELS / "clock-5"
BY_NAME = {cell.name: cell for cell in AUGMENTATIONS}


@lru_cache
def piece() -> FloatArray:
    return render(31, 2.0)


@lru_cache
def painted() -> FloatArray:
    return decode_through(render(21, 26.0), RATE_HZ, (7, 7, 6, 3), seed=4)


def tone(hz: float, seconds: float = 2.0) -> FloatArray:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.stack([0.3 * np.sin(2 * np.pi * hz * time)] * 2).astype(np.float32)


def pitch_of(audio: FloatArray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(audio[0] * np.hanning(audio.shape[1])))
    return float(spectrum.argmax() * rate_hz / audio.shape[1])


@pytest.mark.parametrize("cell", AUGMENTATIONS, ids=lambda cell: cell.name)
def test_every_cell_gives_audio_and_the_same_again(cell: Augmentation) -> None:
    audio, rate_hz = augment(cell, piece(), RATE_HZ, 5)
    assert audio.dtype == np.float32
    assert audio.shape[0] in (1, 2)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() <= 1.2
    assert audio.std() > 0.1 * piece().std()
    assert audio.shape[1] / rate_hz == pytest.approx(2.0, abs=1.4 if "trim" in cell.name else 0.13)
    again, _ = augment(cell, piece(), RATE_HZ, 5)
    assert np.array_equal(audio, again)


def test_cells_travel_to_worker_processes() -> None:
    cells = (*AUGMENTATIONS, *EXCERPT_AUGMENTATIONS, *SONG_AUGMENTATIONS)
    arrived = ForkingPickler.loads(bytes(ForkingPickler.dumps(cells)))
    assert [cell.name for cell in arrived] == [cell.name for cell in cells]


def test_names_are_a_frozen_list() -> None:
    assert len(BY_NAME) == len(AUGMENTATIONS) == 39
    published = {"original", "mp3-128", "aac-128", "opus-96", "vorbis-128", "rate-22050",
                 "speed+3%", "pitch+1-semitone", "limiter+6dB", "eq", "noise-20dB", "trimmed",
                 }  # fmt: skip
    assert published <= set(BY_NAME)


def test_the_original_is_untouched() -> None:
    audio, rate_hz = augment(BY_NAME["original"], piece(), RATE_HZ, 1)
    assert rate_hz == RATE_HZ
    assert np.array_equal(audio, piece())


def test_seeds_differ_where_there_is_chance() -> None:
    for name in ("noise-20dB", "eq", "trimmed"):
        first, _ = augment(BY_NAME[name], piece(), RATE_HZ, 1)
        second, _ = augment(BY_NAME[name], piece(), RATE_HZ, 2)
        assert first.shape != second.shape or not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "hz", "seconds"),
    [
        ("speed+5%", 1_050.0, 2 / 1.05),
        ("speed-3%", 970.0, 2 / 0.97),
        ("stretch+5%", 1_000.0, 2 / 1.05),
        ("pitch+1-semitone", 1_059.46, 2.0),
        ("pitch-1-semitone", 943.87, 2.0),
    ],
)
def test_speed_tempo_and_pitch(name: str, hz: float, seconds: float) -> None:
    audio, rate_hz = augment(BY_NAME[name], tone(1_000), RATE_HZ, 1)
    assert pitch_of(audio, rate_hz) == pytest.approx(hz, abs=1.0)
    assert audio.shape[1] / rate_hz == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize("name", ["mp3-128", "aac-128", "opus-96", "limiter+6dB"])
def test_a_clock_survives_common_deliveries(name: str) -> None:
    observation = observe(*augment(BY_NAME[name], painted(), RATE_HZ, 1))
    (answer,) = Model.load(RELEASED).assess([observation], Rates())
    assert answer.outcome == "suspected"
    assert answer.evidence[0].rate_hz == 50.0


def test_a_changed_speed_hides_the_clock_from_the_first_look_only() -> None:
    observation = observe(*augment(BY_NAME["speed+3%"], painted(), RATE_HZ, 1))
    (answer,) = Model.load(RELEASED).assess([observation], Rates())
    assert answer.p_value is not None
    assert answer.p_value > 0.01
    assert search(observation).scale == pytest.approx(1.03, abs=1e-3)

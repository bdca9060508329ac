from functools import cache

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.types import Assessment, Rates
from models.augmentation.hard_negatives import KINDS, Kind, negative
from models.synthesis.music import render
from models.training.augmentation_cache import observe
from tests.support.paths import MODELS

RELEASED = MODELS / "clock-5"
BY_NAME = {kind.name: kind for kind in KINDS}
MADE = [kind for kind in KINDS if kind.missing is None]


@cache
def released() -> Model:
    return Model.load(RELEASED)


def answer_to(name: str, seed: int = 3) -> Assessment:
    (answer,) = released().assess([observe(*negative(BY_NAME[name], seed))], Rates())
    return answer


@pytest.mark.parametrize("kind", MADE, ids=lambda kind: kind.name)
def test_every_kind_is_made_and_the_same_again(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    # of the music beneath test_music.py asserts the same, and it is most of the work
    monkeypatch.setattr("models.augmentation.hard_negatives.render", cache(render))
    audio, rate_hz = negative(kind, 7, 2.0)
    assert audio.dtype == np.float32
    assert audio.shape[0] in (1, 2)
    assert np.isfinite(audio).all()
    assert 0.01 < np.abs(audio).max() <= 1.5
    assert audio.shape[1] / rate_hz > 1.3
    again, _ = negative(kind, 7, 2.0)
    assert np.array_equal(audio, again)


def test_kinds_are_many_and_their_names_one_each() -> None:
    assert len(BY_NAME) == len(KINDS) > 100
    assert {kind.family for kind in KINDS} == {
        "loop", "click", "chip", "chip-every-frame", "mains", "speech coder", "pitch", "limiter",
        "tremolo", "speech", "telephone", "daw", "resampling", "oscillator", "bit crusher",
        "vorbis",
    }  # fmt: skip


def test_what_cannot_be_made_says_why() -> None:
    lacking = Kind("x", "y", MADE[0].make, "no such encoder")
    with pytest.raises(ValueError, match="no such encoder"):
        negative(lacking, 1)
    assert all("has no encoder" in kind.missing for kind in KINDS if kind.missing is not None)


@pytest.mark.parametrize(
    "name",
    ["hats-120", "hats-126", "hats-150", "bar-loop-120", "buzz-100", "buzz-120", "hum-50"],
)
def test_what_is_guarded_against_is_not_flagged(name: str) -> None:
    assert not answer_to(name).finds_ai


def test_telephone_bands_are_not_judged() -> None:
    answer = answer_to("mu-law-native")
    assert (answer.outcome, answer.reason) == ("not_assessable", "band_limited")


def test_old_consoles_are_not_flagged_when_they_play_music() -> None:
    assert not answer_to("chip-60.0988").finds_ai

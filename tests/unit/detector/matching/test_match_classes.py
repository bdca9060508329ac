"""What is known is recognised, in every class, and what is not is left alone."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from detector.matching.alignment import Recording, align
from detector.matching.classes import MatchClass
from detector.matching.match_classes import classify, indistinct
from detector.types import FloatArray
from tests.support.recordings import RATE_HZ, changed, music, piece, recording


def class_of(ours: Recording, theirs: Recording) -> MatchClass:
    answer = align(ours, theirs)
    return classify(answer, ours.landmarks.duration_s, theirs.landmarks.duration_s)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("gain", MatchClass.NEAR_DUPLICATE),
        ("eq", MatchClass.NEAR_DUPLICATE),
        ("noise", MatchClass.NEAR_DUPLICATE),
        ("trim", MatchClass.NEAR_DUPLICATE),
        ("excerpt", MatchClass.CONTAINED),
        ("intro", MatchClass.CONTAINED),
        ("4", MatchClass.SPED_UP),
        ("-4", MatchClass.SPED_UP),
        ("8", MatchClass.SPED_UP),
        ("-8", MatchClass.SPED_UP),
        ("tempo", MatchClass.SPED_UP),
        ("pitch", MatchClass.SPED_UP),
    ],
)
def test_what_is_done_to_a_track_is_named(how: str, expected: MatchClass) -> None:
    assert class_of(recording(changed(music(1), how)), piece(1)) is expected


def test_other_music_is_other_music() -> None:
    seeds = (1, 2, 4, 5)
    for item, other in permutations(seeds, 2):
        assert class_of(piece(item), piece(other)) is MatchClass.NONE


def tones(*pitches_hz: float, seconds: float = 30.0) -> FloatArray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * time_s) for hz in pitches_hz)
    return (0.2 * np.asarray(wave)).astype(np.float32)


def alarm(seconds: float = 30.0) -> FloatArray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    hz = np.where(time_s % 1 < 0.5, 660.0, 880.0)
    return (0.3 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)).astype(np.float32)


def clicks(seconds: float = 30.0) -> FloatArray:
    wave = np.zeros(int(seconds * RATE_HZ), np.float32)
    wave[:: RATE_HZ // 2] = 0.9
    return wave


@pytest.mark.parametrize(
    "empty",
    [
        lambda: np.zeros(30 * RATE_HZ, np.float32),
        lambda: tones(440.0),
        lambda: tones(220.0, 440.0, 660.0),
        lambda: tones(50.0, 100.0),
        alarm,
        clicks,
        lambda: music(1)[: 4 * RATE_HZ],
    ],
    ids=["silence", "tone", "chord", "hum", "alarm", "clicks", "four seconds"],
)
def test_what_has_nothing_of_its_own_is_refused_and_matches_nothing(
    empty: Callable[[], FloatArray],
) -> None:
    ours = recording(empty())
    assert indistinct(ours)
    answer = align(ours, recording(empty()))
    duration = ours.landmarks.duration_s
    assert classify(answer, duration, duration) is MatchClass.NONE, "not even itself"


def test_music_is_distinct_also_from_fifteen_seconds_on() -> None:
    assert indistinct(piece(1)) is None
    assert indistinct(recording(changed(music(1), "excerpt"))) is None

"""What is known is recognised, in every class, and what is not is left alone."""

from itertools import permutations

import numpy as np
import pytest

from detector.matching.alignment import Recording, align
from detector.matching.classes import MatchClass
from detector.matching.match_classes import classify, indistinct
from detector.types import FloatArray
from tests.support.recordings import RATE_HZ, changed, music, piece, recording, sped


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


def test_where_and_how_fast() -> None:
    whole = piece(1)
    excerpt = align(recording(changed(music(1), "excerpt")), whole)
    assert excerpt is not None
    assert excerpt.offset_s == pytest.approx(20.3, abs=0.1)
    assert excerpt.overlap_s == pytest.approx(16, abs=1.5)
    assert excerpt.score > 0.7
    intro = align(recording(changed(music(1), "intro")), whole)
    assert intro is not None
    assert intro.offset_s == pytest.approx(-25, abs=0.1)
    assert intro.stretches[0].start_s == pytest.approx(25, abs=3)
    faster = align(recording(sped(music(1)[10 * RATE_HZ :], 6)), whole)
    assert faster is not None
    assert faster.speed_ratio == pytest.approx(1.06, abs=0.001)
    assert faster.pitch_ratio == pytest.approx(1.06, abs=0.005)
    assert faster.offset_s == pytest.approx(10, abs=0.1)
    tempo = align(recording(changed(music(1), "tempo")), whole)
    assert tempo is not None
    assert tempo.speed_ratio == pytest.approx(1.05, abs=0.001)
    assert tempo.pitch_ratio == pytest.approx(1.0, abs=0.005)


def test_a_part_cut_out_leaves_two_stretches() -> None:
    wave = music(1)
    cut = np.concatenate((wave[: 20 * RATE_HZ], wave[35 * RATE_HZ :]))
    answer = align(recording(cut), recording(wave))
    assert answer is not None
    assert len(answer.stretches) >= 2
    assert answer.overlap_s > 25
    assert answer.stretches[-1].reference_s - answer.stretches[-1].start_s == pytest.approx(
        15, abs=0.2
    )


def test_of_a_medley_each_part_is_found() -> None:
    parts = [music(seed)[15 * RATE_HZ : 35 * RATE_HZ] for seed in (1, 2, 4)]
    medley = np.concatenate(parts)
    for number, seed in enumerate((1, 2, 4)):
        answer = align(recording(medley), piece(seed))
        assert answer is not None
        assert answer.stretches[0].start_s == pytest.approx(20 * number, abs=3)
        assert answer.overlap_s == pytest.approx(20, abs=4)


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
        np.zeros(30 * RATE_HZ, np.float32),
        tones(440.0),
        tones(220.0, 440.0, 660.0),
        tones(50.0, 100.0),
        alarm(),
        clicks(),
        music(1)[: 4 * RATE_HZ],
    ],
    ids=["silence", "tone", "chord", "hum", "alarm", "clicks", "four seconds"],
)
def test_what_has_nothing_of_its_own_is_refused_and_matches_nothing(empty: FloatArray) -> None:
    ours = recording(empty)
    assert indistinct(ours)
    answer = align(ours, recording(empty))
    duration = ours.landmarks.duration_s
    assert classify(answer, duration, duration) is MatchClass.NONE, "not even itself"


def test_music_is_distinct_also_from_fifteen_seconds_on() -> None:
    assert indistinct(piece(1)) is None
    assert indistinct(recording(changed(music(1), "excerpt"))) is None

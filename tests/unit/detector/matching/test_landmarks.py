"""Landmarks: the same however they are fed, small, safe to read."""

import time

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.matching.landmarks import (
    LANDMARKS_VERSION,
    Landmarker,
    Landmarks,
    NotLandmarks,
    sides_of,
    with_sides,
)
from detector.matching.quads import index_keys, quads_of
from detector.types import SIDES
from tests.support.recordings import RATE_HZ, changed, landmarks, music

EMPTY = Landmarks(np.zeros(0, np.uint32), np.zeros(0, np.uint16), 0.0)


def same(first: Landmarks, other: Landmarks) -> bool:
    return (
        np.array_equal(first.ticks, other.ticks)
        and np.array_equal(first.steps, other.steps)
        and first.duration_s == other.duration_s
    )


@pytest.mark.parametrize("piece", [1_000, 44_100, 10**7])
def test_they_do_not_depend_on_how_samples_are_cut(piece: int) -> None:
    wave = music(1, 30.0)
    assert same(landmarks(wave, piece=piece), landmarks(wave))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_a_tone_lies_where_it_sounds_at_any_rate(rate_hz: int) -> None:
    time_s = np.arange(4 * rate_hz) / rate_hz
    wave = np.where((time_s > 1) & (time_s < 3), np.sin(2 * np.pi * 880 * time_s), 0)
    marks = landmarks((0.5 * wave).astype(np.float32), rate_hz)
    assert len(marks) >= 1
    inside = (marks.ticks > 1.2 * 128) & (marks.ticks < 2.8 * 128)
    pitch = marks.steps[inside] / 16
    assert np.abs(pitch - 12 * np.log2(880 / 200)).max() < 0.1
    assert marks.duration_s == pytest.approx(4.0, abs=0.001)


def test_level_changes_nothing() -> None:
    wave = music(1, 30.0)
    assert same(landmarks(wave), landmarks(changed(wave, "gain")))


def test_silence_has_none_and_nothing_fails_on_little() -> None:
    for samples in (0, 1, 500, 3_000, 20_000, 200_000):
        assert len(landmarks(np.zeros(samples, np.float32))) == 0
    assert len(quads_of(EMPTY)) == 0
    assert len(index_keys(quads_of(EMPTY), EMPTY)) == 0


def test_they_are_small_and_come_back() -> None:
    marks = landmarks(music(1))
    assert 4 * 45 < len(marks) < 16 * 45
    data = marks.to_bytes()
    assert len(data) < 4 * len(marks)
    assert same(Landmarks.from_bytes(data), marks)
    assert same(Landmarks.from_bytes(EMPTY.to_bytes()), EMPTY)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_landmarks_or_refused(data: bytes) -> None:
    for given_bytes in (data, zstandard.ZstdCompressor().compress(data)):
        try:
            Landmarks.from_bytes(given_bytes)
        except NotLandmarks:
            continue


def test_lies_about_size_and_time_are_refused() -> None:
    compress = zstandard.ZstdCompressor().compress

    def head(version: int, count: int) -> bytes:
        return np.array([version, count, 1_000], "<u4").tobytes()

    for plain in (
        head(LANDMARKS_VERSION + 1, 0),
        head(LANDMARKS_VERSION, 2**31) + bytes(600),
        head(LANDMARKS_VERSION, 2) + bytes(13),
        head(LANDMARKS_VERSION, 2) + b"\xff" * 12,
        b"",
    ):
        with pytest.raises(NotLandmarks):
            Landmarks.from_bytes(compress(plain))
    bomb = compress(bytes(2**26))
    with pytest.raises(NotLandmarks):
        Landmarks.from_bytes(bomb)


def test_they_cost_little() -> None:
    wave = music(1)
    landmarks(wave)
    times = []
    for _ in range(3):
        began = time.process_time()
        landmarker = Landmarker(RATE_HZ)
        landmarker.feed(wave)
        landmarker.finish()
        times.append(time.process_time() - began)
    assert min(times) * 4 < 0.5, "per 180 s; 0.10 where nothing else runs"


def test_sides_come_behind_the_mix() -> None:
    mix, *sides = (landmarks(music(seed, 10.0)).to_bytes() for seed in range(1, 5))
    channels = ("channel 1", "channel 64", "difference")
    for names in (tuple(SIDES), channels, channels[:2]):
        named = dict(zip(names, sides, strict=False))
        data = with_sides(mix, named)
        assert same(Landmarks.from_bytes(data), Landmarks.from_bytes(mix))
        assert sides_of(data) == named
    assert sides_of(mix) == {}


@given(st.binary(max_size=60))
def test_no_sides_are_read_beyond_the_bytes(data: bytes) -> None:
    for ending in (b"", b"sides", b"chans"):
        parts = sides_of(data + ending)
        assert all(part in data for part in parts.values())

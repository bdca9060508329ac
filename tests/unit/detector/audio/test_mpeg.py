"""Where raw frames begin, and what the first one states, as real encoders write them."""

import numpy as np
import pytest

from detector.audio import mpeg
from detector.types import FloatArray
from tests.support.links import encoded

NOISE = np.random.default_rng(1)
STREAMS = [
    *(("libmp3lame", "mp3", rate) for rate in (8_000, 16_000, 22_050, 32_000, 44_100, 48_000)),
    *(("mp2", "mp2", rate) for rate in (16_000, 24_000, 44_100, 48_000)),
    *(("aac", "adts", rate) for rate in (8_000, 22_050, 44_100, 96_000)),
]


def noise(seconds: float, rate_hz: int, channels: int = 2) -> FloatArray:
    return NOISE.normal(0, 0.1, (channels, int(seconds * rate_hz))).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("codec", "container", "rate"), STREAMS)
def test_frames_are_found_behind_anything(
    codec: str, container: str, rate: int, channels: int
) -> None:
    data = encoded([noise(2, rate, channels)], codec, container, rate)
    data = data[data.index(b"\xff", 45 if data.startswith(b"ID3") else 0) :]
    before = NOISE.bytes(9_999)
    places = [*mpeg.runs(before + data)]
    assert places[0] == len(before)
    assert not [*mpeg.runs(before + data[:200])]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 10_000,
        bytes(10_000),
        b"\xff\xfb\x90\x00" * 5_000,
        b"\xff\xf1\x50\x80\x00\x00\x00" * 2_000,
    ],
)
def test_what_is_no_raw_stream_has_no_frames(data: bytes) -> None:
    assert not [*mpeg.runs(data)]


@pytest.mark.parametrize(
    ("codec", "container"), [("flac", "flac"), ("pcm_s16le", "wav"), ("aac", "ipod")]
)
def test_other_containers_have_no_frames(codec: str, container: str) -> None:
    assert not [*mpeg.runs(encoded([noise(2, 44_100)], codec, container, 44_100))]


def test_noise_has_no_frames() -> None:
    assert not [*mpeg.runs(NOISE.bytes(2**20))]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [1.0, 3.21])
def test_the_first_frame_states_the_length(rate: int, channels: int, seconds: float) -> None:
    data = encoded([noise(seconds, rate, channels)], "libmp3lame", "mp3", rate)
    first = next(mpeg.runs(data))
    assert mpeg.stated_s(data[first : first + 4_096]) == pytest.approx(seconds, abs=1e-3)
    second = first + 4 + data[first + 4 :].index(data[first : first + 2])
    assert mpeg.stated_s(data[second:]) == 0.0


def test_another_tag_states_frames_too() -> None:
    frame = b"\xff\xfb\x90\x00" + bytes(32) + b"VBRI" + bytes(10) + (1_000).to_bytes(4) + bytes(400)
    assert mpeg.stated_s(frame) == pytest.approx(1_000 * 1_152 / 44_100)


@pytest.mark.parametrize("head", [b"", b"\xff", b"ID3", b"\xff\xfb\x90\x00", b"Xing" * 100])
def test_nothing_is_stated_by_less(head: bytes) -> None:
    assert mpeg.stated_s(head) == 0.0

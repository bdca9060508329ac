"""Frames of changing format, layout and rate become chunks at one rate."""

from collections.abc import Sequence

import numpy as np
import pytest
from av.audio.frame import AudioFrame

from detector.audio.joining import CHUNK_SAMPLES, MAX_RATE_HZ, Joiner
from detector.errors import InvalidAudio
from detector.types import FloatArray


def frame(
    samples: int, rate_hz: int = 44_100, layout: str = "stereo", level: float = 0.5
) -> AudioFrame:
    channels = {"mono": 1, "stereo": 2}[layout]
    made = AudioFrame.from_ndarray(np.full((channels, samples), level, np.float32), "fltp", layout)
    made.sample_rate = rate_hz
    return made


def joined(joiner: Joiner, frames: Sequence[AudioFrame]) -> list[FloatArray]:
    chunks = [chunk for one in frames for chunk in joiner.take(one)]
    return [*chunks, *joiner.rest()]


def test_frames_are_handed_on_many_at_once() -> None:
    joiner = Joiner()
    chunks = joined(joiner, [frame(1_000) for _ in range(100)])
    assert [chunk.shape for chunk in chunks] == [(2, CHUNK_SAMPLES), (2, 100_000 - CHUNK_SAMPLES)]
    assert (joiner.rate_hz, joiner.channels, joiner.samples) == (44_100, 2, 100_000)


def test_another_layout_and_rate_follow_in_order() -> None:
    joiner = Joiner()
    frames = [
        frame(44_100, level=0.1),
        frame(22_050, 22_050, level=0.2),
        frame(44_100, layout="mono"),
    ]
    chunks = joined(joiner, frames)
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [float(np.median(chunk)) for chunk in chunks] == pytest.approx([0.1, 0.2, 0.5], abs=1e-3)
    assert joiner.seconds_by_rate == {44_100: 2.0, 22_050: 1.0}
    assert joiner.taken_s == 3.0
    assert joiner.samples == pytest.approx(3 * 44_100, abs=50)


def test_a_rate_that_was_asked_for_is_kept() -> None:
    joiner = Joiner(8_000)
    assert sum(chunk.shape[1] for chunk in joined(joiner, [frame(44_100)])) == 8_000


def test_a_first_frame_beyond_the_limits_is_refused_and_a_later_one_missed() -> None:
    with pytest.raises(InvalidAudio, match="sample rate"):
        joined(Joiner(), [frame(1_000, MAX_RATE_HZ + 1)])
    joiner = Joiner()
    assert [one.shape for one in joined(joiner, [frame(1_000), frame(1_000, 1_000)])] == [
        (2, 1_000)
    ]
    assert (joiner.refused, joiner.refused_s) == (1, 1.0)

"""Excerpts are cut where they should be, from what is analysed; any two rates are converted."""

import os
from pathlib import Path

import numpy as np
import pytest

from detector.observation.listen import listen
from detector.types import FloatArray
from detector.watermarks.excerpts import EXCERPT_S, excerpts, resampled
from tests.support.audio import write_wav

RATE_HZ = 8_000


def cut(path: Path, samples: FloatArray) -> list[FloatArray]:
    write_wav(path, samples, RATE_HZ)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return excerpts(descriptor, listen(path, max_duration_s=600).audio)
    finally:
        os.close(descriptor)


def ramp(seconds: float) -> FloatArray:
    """Samples whose value is their place in the recording, 0 to 1."""
    return np.linspace(0, 1, int(seconds * RATE_HZ), dtype=np.float32)[None]


@pytest.mark.parametrize("seconds", [30, 60])
def test_excerpts_are_the_middles_of_equal_parts(seconds: float, tmp_path: Path) -> None:
    parts = cut(tmp_path / "ramp.wav", ramp(seconds))
    assert [part.mean() for part in parts] == pytest.approx([1 / 6, 1 / 2, 5 / 6], abs=1e-3)
    assert {len(part) for part in parts} == {EXCERPT_S * RATE_HZ}


def test_a_shorter_recording_has_none_nor_one_that_is_silent_there(tmp_path: Path) -> None:
    assert cut(tmp_path / "short.wav", ramp(29.9)) == []
    samples = ramp(60)
    samples[:, : 25 * RATE_HZ] = 0
    assert cut(tmp_path / "late.wav", samples) == []


def test_channels_that_cancel_are_still_there(tmp_path: Path) -> None:
    parts = cut(tmp_path / "cancel.wav", np.concatenate((ramp(30), -ramp(30))))
    assert parts[1].mean() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("rate", [7_999, 22_050, 44_100, 96_000])
def test_a_tone_keeps_its_frequency_and_level(rate: int) -> None:
    samples = np.sin(2 * np.pi * 1_000 * np.arange(rate) / rate).astype(np.float32)
    out = resampled(samples, rate, 32_000)
    assert out.dtype == np.float32
    expected = np.sin(2 * np.pi * 1_000 * np.arange(32_000) / 32_000)
    assert out == pytest.approx(expected, abs=1e-3)
    assert resampled(samples, rate, rate) is samples

"""Samples of any format become floats, full scale at 1."""

import numpy as np
import pytest
from av.audio.frame import AudioFrame

from detector.audio.samples import LOUDEST, to_float, to_mono


@pytest.mark.parametrize(
    ("sample_format", "values"),
    [
        ("u8", np.array([[0, 64, 192, 128]], np.uint8)),
        ("s16", np.array([[-(2**15), -(2**14), 2**14, 0]], np.int16)),
        ("s32", np.array([[-(2**31), -(2**30), 2**30, 0]], np.int32)),
        ("flt", np.array([[-1, -0.5, 0.5, 0]], np.float32)),
        ("dbl", np.array([[-1, -0.5, 0.5, 0]], np.float64)),
    ],
)
def test_full_scale_is_one(sample_format: str, values: np.ndarray) -> None:
    samples = to_float(AudioFrame.from_ndarray(values, sample_format, "stereo"))
    assert samples.dtype == np.float32
    assert samples.tolist() == [[-1, 0.5], [-0.5, 0]]


def test_what_is_no_number_is_silence_and_loudness_has_a_bound() -> None:
    values = np.array([[np.nan, np.inf, 1e30, -1e30, 0.5]], np.float32)
    samples = to_float(AudioFrame.from_ndarray(values, "fltp", "mono"))
    assert samples.tolist() == [[0, 0, LOUDEST, -LOUDEST, 0.5]]


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_mono_is_the_mean(channels: int) -> None:
    chunk = np.random.default_rng(1).normal(0, 0.1, (channels, 100)).astype(np.float32)
    assert np.allclose(to_mono(chunk), chunk.mean(axis=0))

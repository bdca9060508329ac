"""What is read of a stored observation without making one."""

import numpy as np
import pytest
import zstandard

from detector.errors import ModelError
from detector.observation.storage import PEAK_S, peaks_of, unpack
from tests.support.observations import RATE, observe


def test_the_peaks_are_those_of_the_samples() -> None:
    samples = np.zeros(2 * RATE, np.float32)
    samples[RATE // 2] = -0.5  # in the sixth tenth of a second
    peaks, seconds = peaks_of(observe(samples).to_bytes())
    assert seconds == 2.0
    assert len(peaks) == round(seconds / PEAK_S)
    assert peaks[5] == pytest.approx(0.5, abs=1 / 255)
    assert np.count_nonzero(peaks) == 1


def test_header_and_tensors_come_apart() -> None:
    observation = observe(np.zeros(RATE, np.float32))
    header, tensors = unpack(observation.to_bytes())
    assert header["sample_rate_hz"] == RATE
    assert "clock" in tensors


@pytest.mark.parametrize("data", [b"", b"none", zstandard.ZstdCompressor().compress(b"none")])
def test_other_bytes_have_no_peaks(data: bytes) -> None:
    with pytest.raises(ModelError, match="not an observation"):
        peaks_of(data)

"""Perth on pieces that the tests mark themselves; its checkpoint is read without unpickling."""

from pathlib import Path

import numpy as np
import pytest

from detector.errors import Fatal
from detector.types import FloatArray
from detector.watermarks import perth
from detector.watermarks.detectors import Detector
from detector.watermarks.excerpts import resampled
from detector.watermarks.perth import Perth
from models.synthesis.music import RATE_HZ, render
from tests.support.watermarking import watermarked

DETECTOR = Perth()
SEED = 2  # the watermark takes well to some pieces and less well to others


@pytest.fixture(scope="module")
def piece() -> FloatArray:
    return resampled(render(SEED, 6.0).mean(axis=0), RATE_HZ, Perth.sample_rate_hz)


def test_it_is_a_detector() -> None:
    assert isinstance(DETECTOR, Detector)


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_it_finds_the_watermark_at_any_level_and_only_that(piece: FloatArray, gain: float) -> None:
    level = np.float32(gain)
    assert DETECTOR.confidence(piece * level) < Perth.threshold
    assert DETECTOR.confidence(watermarked(piece) * level) >= Perth.threshold


def test_noise_and_silence_have_none() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 64_000).astype(np.float32)
    for samples in (noise, np.zeros(64_000, np.float32)):
        assert 0 <= DETECTOR.confidence(samples) < Perth.threshold


def test_another_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "checkpoint"
    file.write_bytes(b"cos\nsystem\n(S'exit'\ntR.")
    monkeypatch.setattr(perth, "CHECKPOINT", str(file))
    with pytest.raises(Fatal, match="SHA-256 differs"):
        Perth()


def test_without_the_wheel_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perth, "WHEEL", "no-such-wheel")
    with pytest.raises(Fatal, match=r"pip install earmark\[watermarks\]"):
        Perth()

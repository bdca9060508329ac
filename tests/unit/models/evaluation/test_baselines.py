from pathlib import Path

import numpy as np
import pytest

from models.evaluation.baselines import fakeprint, fakeprints
from models.learning.data import Track
from models.synthesis.music import RATE_HZ
from models.synthesis.samples import write_audio


def noise(seed: int, lines_hz: tuple[float, ...] = ()) -> np.ndarray:
    rng = np.random.default_rng(seed)
    audio = 0.05 * rng.standard_normal((2, 6 * RATE_HZ))
    time = np.arange(audio.shape[1]) / RATE_HZ
    for hz in lines_hz:
        audio += 0.01 * np.sin(2 * np.pi * hz * time)
    return audio.astype(np.float32)


@pytest.mark.parametrize(
    ("population", "low_hz", "bins"), [("full_rate", 5_000, 4_086), ("low_rate", 1_000, 7_167)]
)
def test_lines_stand_out_where_they_are(population: str, low_hz: int, bins: int) -> None:
    vector = fakeprint(noise(1, (6_000.0, 7_200.0)), RATE_HZ, population)
    assert len(vector) == pytest.approx(bins, abs=1)
    assert vector.min() >= 0
    assert vector.max() == pytest.approx(1, abs=1e-5)
    bin_hz = (44_100 if population == "full_rate" else 16_000) / 16_384
    for hz in (6_000, 7_200):
        at = round((hz - low_hz) / bin_hz)
        assert vector[at - 2 : at + 3].max() > 0.99
    assert np.median(vector) < 0.5


def test_prints_are_kept(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", noise(2, (9_000.0,)))
    track = Track(tmp_path / "a.wav", "ai", "x", "x", "5" * 64)
    first = fakeprints([track], "full_rate", tmp_path)
    (tmp_path / "a.wav").unlink()
    assert np.array_equal(fakeprints([track], "full_rate", tmp_path), first)

"""The human recordings of a model, as they come back from its file."""

from pathlib import Path

import numpy as np
import pytest

from detector.errors import ModelError
from models.learning.references import REFERENCES, unpack


def test_what_training_wrote_comes_back(folder: Path) -> None:
    """Six bands of 24 tracks of 20 s at 44.1 kHz, no two of one performance."""
    references = unpack((folder / REFERENCES).read_bytes())
    assert len(references.units) == 6 * 24
    assert np.linalg.norm(references.units, axis=1) == pytest.approx(1, abs=1e-5)
    assert references.seconds == pytest.approx(20)
    assert references.weights == pytest.approx(1)
    assert set(references.rates_hz.tolist()) == {44_100}
    assert len(references.of("full_rate").units) == 6 * 24
    assert len(references.of("low_rate").units) == 0


def test_other_bytes_are_refused() -> None:
    with pytest.raises(ModelError, match="not the references of a model"):
        unpack(b"something else")

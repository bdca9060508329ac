"""The spectrum's fine structure as numbers."""

from dataclasses import replace

import numpy as np
import pytest

from detector.audio.spectra import BINS
from detector.evidence.families import FIRST_BIN, LAST_BIN, Families, features
from tests.support.makers import silence


def test_lines_stand_out_and_timbre_does_not() -> None:
    slope = np.linspace(0.3, 0.05, BINS).astype(np.float32)
    lined = slope.copy()
    lined[1_000] += 0.3
    plain = features(replace(silence(), shares=slope))
    values = features(replace(silence(), shares=lined))
    assert plain.shape == (LAST_BIN - FIRST_BIN,)
    assert np.abs(plain).max() < 1e-3
    assert values.argmax() == 1_000 - FIRST_BIN
    assert values.max() > 0.2


def test_the_logit_is_linear() -> None:
    weights = np.zeros(LAST_BIN - FIRST_BIN, np.float32)
    weights[7] = 2.0
    values = np.zeros_like(weights)
    values[7] = 0.5
    assert Families(weights, -0.25, "full_rate").logit(values) == pytest.approx(0.75)

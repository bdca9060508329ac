"""How far a recording is from those that were calibrated."""

from dataclasses import replace

import numpy as np
import pytest

from detector.calibration.ood import Likeness, features
from tests.support.makers import observed


def test_the_distance_is_measured_in_standard_deviations() -> None:
    known = Likeness(np.zeros(8), np.diag([0.25] + [1.0] * 7), 2.5)
    assert known.distance(4 * np.eye(8)[0]) == pytest.approx(2)  # its deviation is 2
    assert known.distance(np.eye(8)[1] * 3 + np.eye(8)[2] * 4) == pytest.approx(5)


def test_level_does_not_matter_and_balance_does() -> None:
    recording = observed("human", "band", "org/band", 3).observation
    louder = replace(recording, ltas=(recording.ltas + 12).astype(np.float32))
    slope = np.arange(recording.ltas.shape[1], dtype=np.float32)
    tilted = replace(recording, ltas=(recording.ltas - slope).astype(np.float32))
    assert features(louder) == pytest.approx(features(recording), abs=1e-3)
    known = Likeness(features(recording), np.eye(8), 1.0)
    assert not known.is_out_of_distribution(louder)
    assert known.is_out_of_distribution(tilted)
    assert not known.is_out_of_distribution(replace(tilted, ltas=tilted.ltas[:0]))

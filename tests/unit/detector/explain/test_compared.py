"""The name of the people's music that a p-value compares with."""

from dataclasses import replace

import numpy as np
import pytest

from detector.calibration.calibration import HumanScores
from detector.calibration.strata import EDGES, STRATA
from detector.explain.compared import compared_with, parts_of

WHOLE = HumanScores.of(np.arange(6.0))
DIVIDED = replace(WHOLE, strata=np.array([0, 0, 0, 1, 1, 2], np.int8))


@pytest.mark.parametrize(("even", "stratum"), [(0.0, 0), (EDGES[0], 1), (EDGES[1], 2)])
def test_a_recording_is_compared_with_its_stratum(even: float, stratum: int) -> None:
    name = compared_with("full_rate", DIVIDED, even)
    assert name == f"full_rate/{STRATA[stratum]}"
    assert parts_of("full_rate", DIVIDED)[name] is DIVIDED.like(even)


def test_without_strata_the_population_is_one() -> None:
    assert compared_with("low_rate", WHOLE, 9.0) == "low_rate"
    assert parts_of("low_rate", WHOLE) == {"low_rate": WHOLE}

"""What the clock counts for."""

import pytest

from detector.evidence.branches.clock import COMMON_MOST
from detector.evidence.combination import main_sum
from tests.support.evidence import CALIBRATION, FIFTY, PLAIN, lines, looked


def test_a_faint_clock_at_50_hz_needs_a_second_witness() -> None:
    assert main_sum(looked(4.5, FIFTY), CALIBRATION) == pytest.approx(COMMON_MOST, abs=0.01)
    assert main_sum(looked(4.5, FIFTY, templates=lines(6.0)), CALIBRATION) > 9.5
    assert main_sum(looked(5.5, FIFTY), CALIBRATION) == pytest.approx(5.5, abs=0.3)
    assert main_sum(looked(4.5, PLAIN), CALIBRATION) == pytest.approx(4.5, abs=0.3)

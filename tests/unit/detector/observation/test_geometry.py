"""Sample rates are cut up alike in time, whatever they are."""

import pytest

from detector.observation.geometry import Geometry


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_segments_and_bins_fit_every_rate(rate: int) -> None:
    geometry = Geometry(rate)
    assert geometry.segment & (geometry.segment - 1) == 0  # a power of two
    assert 11.9 / 2**0.5 <= geometry.segment_s <= 11.9 * 2**0.5
    assert geometry.bin_hz * geometry.segment_s == pytest.approx(1)
    highest = (geometry.bins - 1) * geometry.bin_hz
    most = min(1_600.0, geometry.envelope_hz / 2)
    assert most - geometry.bin_hz < highest <= most


def test_filters_are_as_long_in_time_above_48_khz() -> None:
    assert (Geometry(48_000).taps, Geometry(48_000).hop) == (32, 8)
    for times in (2, 4):
        geometry = Geometry(48_000 * times)
        assert geometry.envelope_hz == Geometry(48_000).envelope_hz
        assert geometry.taps / geometry.hop == 4

"""The meaning of the kernels, against numpy in double precision or scipy's filters."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter1d

from detector.kernels.reference import (
    Comb,
    Fractions,
    Kernels,
    Spectra,
    overlapping,
    running_maximum,
)

KERNELS = Kernels()


@pytest.mark.parametrize("width", [1, 2, 3, 13, 16, 19, 23])
def test_the_running_maximum_is_scipys(width: int) -> None:
    values = np.random.default_rng(width).standard_normal((5, 90)).astype(np.float32)
    left = width // 2
    expected = maximum_filter1d(values, width, axis=1)[:, left : left + 90 - width + 1]
    assert np.array_equal(running_maximum(values, width), expected)
    assert np.array_equal(running_maximum(values.T.copy().T, width), expected)


def test_power_is_that_of_windowed_frames() -> None:
    random = np.random.default_rng(1)
    samples = random.standard_normal(500).astype(np.float32)
    window = np.hanning(120).astype(np.float32)
    power = np.abs(np.fft.rfft(overlapping(samples, 120, 50).astype(float) * window)) ** 2
    assert KERNELS.power_spectra(samples, window, 50, 61) == pytest.approx(power, rel=1e-3)
    rows = samples[:480].reshape(4, 120)
    means = rows.mean(axis=1)
    centred = (rows - means[:, None]).astype(float) * window
    power = np.abs(np.fft.rfft(centred)[:, :30]) ** 2
    halves = (rows[:, :60], rows[:, 60:])
    assert KERNELS.segment_power(halves, means, window, 30) == pytest.approx(power, rel=1e-3)


def test_filter_power_interleaves_the_phases() -> None:
    parts = np.zeros((2, 3, 2), np.float32)
    parts[:, :, 0] = [[1, 3, 5], [2, 4, 6]]
    parts[:, :, 1] = 1
    assert KERNELS.filter_power(parts, 5, 0.5).tolist() == [[2.5, 5.5, 10.5, 17.5, 26.5]]


def test_maxima_of_neighbourhoods_and_of_ranges() -> None:
    row = np.array([0, 0, 1, 3, 2, 5, 5, 0, 0, 0], np.float32)
    counts = np.ones(8, np.int32)
    KERNELS.count_maxima(row, 3, counts)
    assert counts.tolist() == [1, 1, 2, 1, 2, 2, 1, 1], "equal ones both count, 0 does not"
    starts = np.array([1, 3, 3, 5])
    assert KERNELS.range_maxima(row[None], starts).tolist() == [[1, 3, 3]]


def test_ranked_is_a_quantile_of_the_surroundings() -> None:
    row = np.random.default_rng(2).standard_normal(300).astype(np.float32)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(row, 20, mode="edge"), 41)
    expected = np.sort(around, axis=1)[:, -4]
    assert np.array_equal(KERNELS.ranked(row, 4, 41), expected)


def test_sums_are_of_the_places_that_are_named() -> None:
    heights = np.arange(12, dtype=np.float32).reshape(2, 6)
    comb = Comb(np.array([[0, 1, 5], [2, 2, 5]], np.int32), 5)
    assert KERNELS.comb_sums(heights, comb).tolist() == [[2, 3, 10], [14, 15, 22]]
    fractions = Fractions(np.array([1, 2]), np.array([4, 2]), np.array([0, 1, 2, 3, 1, 3]))
    heard = np.array([1, 2, 4, np.nan, 16, 32], np.float32)
    sums, counts = KERNELS.fraction_sums(heard, 20.0, 10.0, 5.0, 60.0, fractions)
    assert sums.tolist() == [4 + 16, 2], "20 and 40 Hz; 10, while at 30 nothing is heard"
    assert counts.tolist() == [2, 1]


def test_correlations_are_complex_products() -> None:
    random = np.random.default_rng(2)
    ours, templates = random.standard_normal((2, 3, 4, 9, 2)).astype(np.float32).view(np.complex64)
    ours, templates = ours[..., 0], templates[..., 0]
    parts = [Spectra(one.real, one.imag) for one in (ours, templates)]
    expected = np.einsum("rbf,nbf->rnf", ours, templates.conj())
    assert KERNELS.correlated(*parts) == pytest.approx(expected, rel=1e-4, abs=1e-5)

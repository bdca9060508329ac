"""Pieces of music made from a seed."""

import numpy as np
import pytest

from models.synthesis.music import RATE_HZ, render


def test_equal_seeds_give_equal_samples_and_others_do_not() -> None:
    first = render(5, 4.0)
    assert np.array_equal(first, render(5, 4.0))
    assert not np.array_equal(first, render(6, 4.0))


def test_a_piece_has_its_length_its_peak_and_sound_above_4500_hz() -> None:
    piece = render(5, 4.0)
    assert piece.shape == (2, 4 * RATE_HZ)
    assert piece.dtype == np.float32
    assert np.abs(piece).max() == pytest.approx(0.8, abs=1e-3)
    power = np.abs(np.fft.rfft(piece[0])) ** 2
    share = power[4 * 4_500 :].sum() / power.sum()
    assert 1e-6 < share < 0.5

"""What the simulated decoder leaves, and what it paints."""

import numpy as np
import pytest

from detector.types import FloatArray
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through


def bands(audio: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectrum below 3.9 kHz and above 4.1 kHz."""
    spectrum = np.fft.rfft(audio[0])
    hz = np.fft.rfftfreq(audio.shape[1], 1 / RATE_HZ)
    return spectrum[hz < 3_900], spectrum[hz > 4_100]


def test_music_below_4_khz_passes_and_all_above_is_another_sound() -> None:
    played = render(5, 4.0)
    painted = decode_through(played, RATE_HZ, (8, 8, 8), seed=1)
    assert painted.shape == played.shape
    (low, high), (low_after, high_after) = bands(played), bands(painted)
    assert np.abs(low_after - low).max() < 1e-3 * np.abs(low).max()
    alike = np.abs(np.vdot(high, high_after)) / np.linalg.norm(high) / np.linalg.norm(high_after)
    assert alike < 0.2
    loud = np.linalg.norm(high_after) / np.linalg.norm(high)
    assert loud == pytest.approx(1, abs=0.4)


def test_weights_are_those_of_the_seed() -> None:
    played = render(5, 2.0)
    first, again, other = (
        decode_through(played, RATE_HZ, (8, 8, 8), seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

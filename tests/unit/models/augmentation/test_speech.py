"""A made-up voice."""

import numpy as np

from models.augmentation.speech import speak
from models.synthesis.music import RATE_HZ


def test_a_voice_has_its_length_pauses_and_no_clipping() -> None:
    voice = speak(np.random.default_rng(3), 20.0)
    assert voice.shape == (1, 20 * RATE_HZ)
    assert voice.dtype == np.float32
    assert 0.6 < np.abs(voice).max() < 0.8
    blocks = np.abs(voice[0]).reshape(-1, RATE_HZ // 20).max(axis=1)
    assert (blocks < 0.02).mean() > 0.05


def test_no_second_of_it_comes_again() -> None:
    voice = speak(np.random.default_rng(3), 6.0)
    assert np.array_equal(voice, speak(np.random.default_rng(3), 6.0))
    seconds = voice[0].reshape(6, RATE_HZ)
    alike = np.corrcoef(seconds) - np.eye(6)
    assert np.abs(alike).max() < 0.5

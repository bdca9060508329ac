"""Why a recording is not assessed."""

from dataclasses import replace

import numpy as np

from detector.calibration.applicability import abstention_reason
from models.augmentation.speech import speak
from models.synthesis.music import render
from tests.support.observations import music, observe


def test_nothing_above_four_kilohertz_is_no_verdict() -> None:
    samples = 0.003 * music(26)  # soft: a short window leaks, 70 dB down
    spectrum = np.fft.rfft(samples)
    spectrum[3_000 * 26 :] = 0
    muffled = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
    observed = observe(muffled)
    assert observed.groups == (False, False, False)
    assert abstention_reason(replace(observed, peaks=observed.peaks + 1)) == "band_limited"


def test_a_voice_alone_is_unpitched_and_played_music_is_not() -> None:
    voice = speak(np.random.default_rng(2), 20.0).mean(axis=0)
    assert abstention_reason(observe(voice)) == "unpitched"
    assert abstention_reason(observe(render(3, 20.0).mean(axis=0))) is None

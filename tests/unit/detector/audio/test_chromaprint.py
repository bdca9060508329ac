"""The acoustic fingerprint: of two minutes at most, however the samples come."""

import numpy as np

from detector.audio.chromaprint import MAX_SECONDS, Fingerprinter
from detector.types import Fingerprint, FloatArray

RATE_HZ = 11_025


def noise(seconds: float, seed: int = 1) -> FloatArray:
    rng = np.random.default_rng(seed)
    return (0.2 * rng.standard_normal(int(seconds * RATE_HZ))).astype(np.float32)


def fingerprint(samples: FloatArray, piece: int = 10**7) -> Fingerprint | None:
    fingerprinter = Fingerprinter(RATE_HZ)
    for start in range(0, len(samples), piece):
        fingerprinter.feed(samples[start : start + piece])
    return fingerprinter.finish()


def test_pieces_change_nothing_and_other_sound_does() -> None:
    whole = fingerprint(noise(8))
    assert whole is not None
    assert whole.duration_s == 8.0
    assert fingerprint(noise(8), piece=1_000) == whole
    assert fingerprint(noise(8, seed=2)) != whole


def test_what_comes_after_two_minutes_is_not_heard() -> None:
    samples = noise(MAX_SECONDS + 5)
    longer = fingerprint(samples, piece=50_000)
    assert longer is not None
    assert longer.duration_s == MAX_SECONDS
    assert longer == fingerprint(samples[: int(MAX_SECONDS) * RATE_HZ])


def test_hardly_any_sound_has_none() -> None:
    assert fingerprint(noise(2.9)) is None

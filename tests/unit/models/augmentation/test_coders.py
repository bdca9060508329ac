"""Coders of this FFmpeg."""

from functools import lru_cache

from detector.types import FloatArray
from models.augmentation.coders import Coder, through
from models.synthesis.music import RATE_HZ, render


@lru_cache
def piece() -> FloatArray:
    return render(31, 2.0)


def test_a_coder_that_is_not_there_says_so() -> None:
    assert Coder("libmp3lame", "mp3").missing is None
    assert Coder("libnothing", "wav").missing == "this FFmpeg has no encoder libnothing"


def test_mono_stays_mono_and_coders_choose_their_rate() -> None:
    audio, rate_hz = through(piece()[:1], RATE_HZ, Coder("libopus", "ogg", 64_000, 48_000))
    assert (len(audio), rate_hz) == (1, 48_000)
    audio, rate_hz = through(piece(), RATE_HZ, Coder("pcm_mulaw", "wav", None, 8_000, 1))
    assert (len(audio), rate_hz) == (1, 8_000)

"""Channels that cancel or differ are analysed as a listener hears them."""

import numpy as np
import pytest

from detector.audio.mixdown import Mixdown
from detector.audio.samples import to_mono
from detector.types import FloatArray

RNG = np.random.default_rng(7)
CHUNK = 65_536


def noise(channels: int = 1) -> FloatArray:
    return RNG.normal(0, 0.1, (channels, CHUNK)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("kind", ["alike", "unrelated", "one", "quieter"])
def test_channels_that_do_not_cancel_are_heard_as_their_mean(channels: int, kind: str) -> None:
    chunk = noise(channels)
    if kind == "alike":
        chunk[:] = chunk[0]
    elif kind == "one":
        chunk[1:] = 0
    elif kind == "quieter":
        chunk[1:] *= 0.1
    mixdown = Mixdown()
    for _ in range(3):
        assert np.array_equal(mixdown.feed(chunk), to_mono(chunk))
    assert mixdown.cancelled_share == 0


@pytest.mark.parametrize("channels", [2, 4, 6, 8])
@pytest.mark.parametrize("level", [1.0, 0.9, 0.8])
def test_channels_that_cancel_are_heard_by_the_loudest(channels: int, level: float) -> None:
    sound = noise()[0]
    chunk = np.stack([sound if n % 2 else -level * sound for n in range(channels)])
    mixdown = Mixdown()
    for _ in range(3):
        assert np.array_equal(np.abs(mixdown.feed(chunk)), np.abs(chunk[1]))
    assert mixdown.cancelled_share == 1
    assert mixdown.difference == pytest.approx(0, abs=1e-3)


def test_a_voice_below_the_sides_does_not_hide_them() -> None:
    middle, side = 0.2 * noise()[0], noise()[0]
    mixdown = Mixdown()
    chunk = np.stack((middle + side, middle - side))
    heard = mixdown.feed(chunk)
    assert abs(np.corrcoef(heard, side)[0, 1]) > 0.9
    assert mixdown.cancelled_share == 1


def test_the_channel_that_is_heard_stays_the_same_while_channels_cancel() -> None:
    sound = noise()[0]
    mixdown = Mixdown()
    assert np.array_equal(mixdown.feed(np.stack((sound, -0.9 * sound))), sound)
    assert np.array_equal(mixdown.feed(np.stack((0.9 * sound, -sound))), 0.9 * sound)
    mixdown.feed(noise(2))
    assert mixdown.cancelled_share == pytest.approx(2 / 3)


@pytest.mark.parametrize("level", [1.0, 1.5, 2.0, 2.8])
def test_a_sound_that_only_the_mix_lacks_makes_channels_differ(level: float) -> None:
    """It is in both channels, louder than what the mix has; too quiet to count as cancelled."""
    middle, side = noise()[0], np.float32(level) * noise()[0]
    chunk = np.stack((middle + side, middle - side))
    mixdown = Mixdown()
    assert abs(np.corrcoef(mixdown.feed(chunk), side)[0, 1]) < 0.1
    assert mixdown.cancelled_share == 0
    assert mixdown.difference > 0.95


@pytest.mark.parametrize("channels", [2, 3, 6, 8])
def test_unrelated_channels_differ(channels: int) -> None:
    unrelated, alike = Mixdown(), Mixdown()
    unrelated.feed(noise(channels))
    alike.feed(np.repeat(noise(), channels, axis=0))
    assert unrelated.difference > 0.95
    assert alike.difference == pytest.approx(0, abs=1e-3)


def test_silence_neither_cancels_nor_differs() -> None:
    mixdown = Mixdown()
    mixdown.feed(np.zeros((2, CHUNK), np.float32))
    one_sided = noise(2)
    one_sided[1] *= 0.001
    mixdown.feed(one_sided)
    assert (mixdown.cancelled_share, mixdown.difference) == (0, 0)

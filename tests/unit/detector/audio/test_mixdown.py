"""Channels that cancel or differ are analysed as a listener hears them."""

import numpy as np
import pytest

from detector.audio.mixdown import Mixdown, side_of
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
    decoded = mixdown.feed(chunk)
    assert abs(np.corrcoef(decoded, side)[0, 1]) > 0.9
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


def test_a_sound_in_opposed_rear_channels_is_noticed_and_observed() -> None:
    front, rear = noise()[0], noise()[0]
    chunk = np.stack((front, front, 0 * front, 0 * front, 0.4 * rear, -0.5 * rear))
    mixdown = Mixdown()
    assert np.array_equal(mixdown.feed(chunk), to_mono(chunk))
    assert mixdown.cancelled_share == 0
    assert mixdown.difference == pytest.approx(1, abs=1e-3)
    assert mixdown.sides(60.0) == ("channel 1", "channel 6")
    assert np.array_equal(side_of("channel 6", chunk), chunk[5])
    assert np.array_equal(side_of("channel 6", chunk[:2]), chunk[1])  # a link of two channels


def test_a_sound_in_other_channels_is_observed_where_the_front_cancels() -> None:
    front, rear = noise()[0], noise()[0]
    chunk = np.stack((front, -front, 0.5 * rear, -0.4 * rear))
    mixdown = Mixdown()
    assert np.array_equal(mixdown.feed(chunk), front)
    assert (mixdown.cancelled_share, mixdown.difference) == (1, 0)
    assert mixdown.sides(60.0) == ("channel 1", "channel 3")


def test_front_channels_that_differ_are_observed_with_their_difference() -> None:
    middle, side, rear = noise()[0], noise()[0], noise()[0]
    chunk = np.stack((middle + side, middle - side, 0.5 * rear))
    mixdown = Mixdown()
    mixdown.feed(chunk)
    sides = mixdown.sides(60.0)
    assert sides == ("channel 1", "channel 2", "channel 3", "difference")
    assert np.allclose(side_of("difference", chunk), side, atol=1e-6)


def test_ordinary_surround_music_does_not_count_as_different() -> None:
    """The rear has a part of the front and a room of its own, the centre what is in both."""
    middle, left, right, room, other = (noise()[0] for _ in range(5))
    front = np.stack((1.1 * middle + 0.3 * left, middle + 0.3 * right))
    rear = 0.1 * front + 0.3 * np.stack((room, other))
    mixdown = Mixdown()
    mixdown.feed(np.concatenate((front, 0.6 * middle[None], rear)))
    assert mixdown.difference < 0.3
    assert mixdown.sides(60.0) == ("channel 1", "channel 4", "channel 5")


@pytest.mark.parametrize(
    ("hours", "observed"), [(0.2, 8), (0.33, 6), (0.9, 2), (1.1, 0), (100.0, 0)]
)
def test_of_long_recordings_fewer_channels_are_observed(hours: float, observed: int) -> None:
    mixdown = Mixdown()
    mixdown.feed(noise(12) * np.linspace(1.0, 0.5, 12, dtype=np.float32)[:, None])
    names = mixdown.sides(hours * 3_600)[: observed or None]
    expected = tuple(f"channel {number + 1}" for number in range(observed))
    assert names == (expected or ("difference",))


def test_two_channels_have_three_sides_or_none() -> None:
    apart, alike = Mixdown(), Mixdown()
    apart.feed(noise(2))
    alike.feed(np.repeat(noise(), 2, axis=0))
    assert apart.sides(14_400.0) == ("left", "right", "difference")
    assert alike.sides(60.0) == ()

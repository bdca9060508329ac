"""Of three and more channels it is known which are unlike the others, and which are opposed."""

import numpy as np
import pytest

from detector.audio.channels import Channels
from detector.types import FloatArray

RNG = np.random.default_rng(11)
FRONT, REAR, OTHER = RNG.normal(0, 0.1, (3, 65_536)).astype(np.float32)


def fed(*channels: FloatArray, level: float = 1.0) -> Channels:
    decoded = Channels()
    chunk = np.float32(level) * np.stack(channels).astype(np.float32)
    for piece in np.array_split(chunk, 3, axis=1):
        decoded.feed(piece)
    return decoded


@pytest.mark.parametrize("level", [1e-3, 1.0, 5.0])
def test_of_each_group_the_loudest_is_taken(level: float) -> None:
    decoded = fed(FRONT, 0.9 * FRONT, OTHER, 0 * FRONT, -0.5 * REAR, 0.6 * REAR, level=level)
    assert decoded.distinct(8) == (0, 2, 5)
    assert decoded.distinct(2) == (0, 2)
    assert decoded.distinct(0) == ()


def test_a_channel_is_like_another_from_half_of_its_power_on() -> None:
    assert fed(FRONT, FRONT + 0.8 * REAR, 0 * FRONT).distinct(8) == (1,)
    assert fed(FRONT, FRONT + 1.2 * REAR, 0 * FRONT).distinct(8) == (0, 1)


@pytest.mark.parametrize(("level", "opposed"), [(1.0, 1.0), (0.02, 1.0), (0.005, 0.0), (0.0, 0.0)])
def test_any_two_channels_may_be_opposed_unless_one_is_as_good_as_silent(
    level: float, opposed: float
) -> None:
    decoded = fed(FRONT, FRONT, 0.5 * REAR, -0.5 * level * REAR)
    assert decoded.opposed == pytest.approx(opposed, abs=0.02)


def test_nothing_and_silence_have_no_channels() -> None:
    assert (Channels().distinct(8), Channels().opposed) == ((), 0.0)
    silent = fed(*np.zeros((4, 100), np.float32))
    assert (silent.distinct(8), silent.opposed) == ((), 0.0)


def test_what_cancels_is_distinct_but_not_opposed() -> None:
    decoded = Channels()
    decoded.feed(np.stack((FRONT, -FRONT, REAR)), cancels=True)
    decoded.feed(np.stack((FRONT, FRONT, REAR)))
    assert decoded.distinct(8) == (0, 1, 2)
    assert decoded.opposed == pytest.approx(0, abs=0.02)


def test_channels_may_come_and_go() -> None:
    decoded = fed(FRONT, FRONT, OTHER)
    decoded.feed(np.stack((FRONT, FRONT, OTHER, REAR)))
    decoded.feed(np.stack((FRONT, FRONT, OTHER)))
    assert decoded.distinct(8) == (0, 2, 3)

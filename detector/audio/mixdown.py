"""Channels to the one that is analysed, and how far they cancel or differ.

The mean of all channels is analysed. Where it is far below them, since one is another's negative, a
listener still hears them: there the loudest channel is taken.

What the mean may hide is observed beside it: the sides.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from detector.audio.channels import Channels
from detector.audio.samples import to_mono
from detector.types import APART, SIDES, FloatArray, channel_side

CANCELS: Final = 0.2
"""Power of the mean over that of as many unrelated channels; ordinary stereo is above 0.6."""
ONE_SIDED: Final = 1e-4  # 40 dB: less is as good as silent
MOST_CHANNELS: Final = 8
MOST_CHANNELS_S: Final = 2 * 3_600.0
"""Of all channels together that are observed: a decode has limits of time and memory."""


@dataclass
class Mixdown:
    """Takes chunks [channels, n]; what it has measured is complete after the last one."""

    channel_power: float = 0.0
    mix_power: float = 0.0
    _samples: int = 0
    _cancelled: int = 0
    _loudest: int | None = None
    _left: float = 0.0
    _right: float = 0.0
    _common: float = 0.0
    _channels: Channels = field(default_factory=Channels)
    _many: bool = False

    def feed(self, chunk: FloatArray) -> FloatArray:
        """Return what is analysed of a chunk [n]."""
        mono = to_mono(chunk)
        channels, power, mix = len(chunk), _power(chunk), _power(mono)
        self._samples += len(mono)
        cancels = channels**2 * mix < CANCELS * power
        if channels > 2:
            self._many = True
            self._channels.feed(chunk, cancels=cancels)
        if not cancels:
            self._loudest = None
            if channels > 1:
                self._compare(chunk, power, mix)
        else:
            self._cancelled += len(mono)
            if self._loudest is None or self._loudest >= channels:
                self._loudest = int(np.argmax([_power(channel) for channel in chunk]))
            mono = np.ascontiguousarray(chunk[self._loudest])
            mix = _power(mono)
        self.channel_power += power
        self.mix_power += mix
        return mono

    def _compare(self, chunk: FloatArray, power: float, mix: float) -> None:
        """Add up what the first two channels have in common, where they are mixed."""
        left = _power(chunk[0])
        self._left += left
        if len(chunk) == 2:
            self._right += power - left
            self._common += 2 * mix - power / 2
        else:
            self._right += _power(chunk[1])
            self._common += float(np.vdot(chunk[0], chunk[1]))

    @property
    def cancelled_share(self) -> float:
        """Share of the recording in which the channels cancel."""
        return self._cancelled / self._samples if self._samples else 0.0

    @property
    def difference(self) -> float:
        """0 where the first two channels are alike up to level, 1 where unrelated or opposed.

        Where they are opposed, the mix has little of what a listener hears. Of more channels it is
        also 1 where any two are opposed. Where channels cancel, the loudest one is analysed:
        that does not count.
        """
        return max(self._difference, self._channels.opposed) if self._many else self._difference

    def sides(self, duration_s: float) -> tuple[str, ...]:
        """Return what is to be observed beside the mix of a recording of this duration.

        Of two channels that differ: ``SIDES``. Of more channels, whatever they are: the loudest
        one of each group that is alike, where there are two groups or more.
        """
        apart = self._difference >= APART
        if not self._many:
            return tuple(SIDES) if apart else ()
        most = min(MOST_CHANNELS, int(MOST_CHANNELS_S / max(duration_s, 1.0)))
        channels = self._channels.distinct(most)
        names = [channel_side(one + 1) for one in channels] if len(channels) > 1 else []
        return (*names, "difference") if apart else tuple(names)

    @property
    def _difference(self) -> float:
        """Of the first two channels."""
        if min(self._left, self._right) <= ONE_SIDED * max(self._left, self._right):
            return 0.0
        related = self._common / float(np.sqrt(self._left * self._right))
        return min(1.0, max(0.0, 1.0 - related))


def side_of(name: str, chunk: FloatArray) -> FloatArray:
    """Return the samples [n] of a side; a chunk that lacks the channel gives its last one."""
    left, right = chunk[0], chunk[min(1, len(chunk) - 1)]
    if name == "difference":
        difference: FloatArray = (left - right) * np.float32(0.5)
        return difference
    if name in SIDES:
        return np.ascontiguousarray(left if name == "left" else right)
    number = int(name.rpartition(" ")[2])
    return np.ascontiguousarray(chunk[min(number, len(chunk)) - 1])


def _power(samples: FloatArray) -> float:
    return float(np.vdot(samples, samples))

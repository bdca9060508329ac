"""Which of three and more channels are like which, whatever their places: files often name none."""

from typing import Final

import numpy as np

from detector.types import FloatArray, FloatVector

ALIKE: Final = 0.5
"""Share of a channel's power that is another's, in either sign: from here on one does for both."""
QUIET: Final = 1e-4  # 40 dB below the loudest: less is as good as silent


class Channels:
    """Takes chunks [channels, n]; the number of channels may change between them."""

    def __init__(self) -> None:
        self._common: FloatVector = np.zeros((0, 0))
        self._mixed: FloatVector = np.zeros((0, 0))  # of that, what did not cancel

    def feed(self, chunk: FloatArray, *, cancels: bool = False) -> None:
        """Add up what each two channels have in common."""
        if (more := len(chunk) - len(self._common)) > 0:
            self._common, self._mixed = (
                np.pad(self._common, (0, more)),
                np.pad(self._mixed, (0, more)),
            )
        common = chunk @ chunk.T
        self._common[: len(chunk), : len(chunk)] += common
        if not cancels:
            self._mixed[: len(chunk), : len(chunk)] += common

    @property
    def opposed(self) -> float:
        """1 where one channel is another's negative, up to level; 0 where no two are opposed.

        Chunks that cancel do not count.
        """
        return float(max(0.0, -_related(self._mixed)[1].min(initial=0.0)))

    def distinct(self, most: int) -> tuple[int, ...]:
        """Return the channels, from 0, of which none is like another: the loudest of each group.

        There are at most so many, the loudest ones.
        """
        channels, related = _related(self._common)
        chosen: list[int] = []
        for place in range(len(channels)):
            if all(related[place, other] ** 2 < ALIKE for other in chosen):
                chosen.append(place)
        return tuple(sorted(channels[place] for place in chosen[:most]))


def _related(common: FloatVector) -> tuple[list[int], FloatVector]:
    """Return the channels that sound, the loudest first, and their correlations."""
    power = common.diagonal()
    loudest_first = np.argsort(-power, kind="stable")
    channels = loudest_first[power[loudest_first] > QUIET * power.max(initial=0.0)]
    scale = np.sqrt(power[channels])
    related: FloatVector = common[np.ix_(channels, channels)] / np.outer(scale, scale)
    return channels.tolist(), related

"""What the kernels compute, by numpy and scipy: the meaning of ``detector/kernels/kernels.c``.

All numbers are finite: samples are cleaned where they are decoded (``detector.audio.samples``).
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detector.types import FloatArray


class Kernels:
    """The passes by numpy; ``detector.kernels.compiled`` has the same in C."""

    name: ClassVar[str] = "numpy"

    def power_spectra(
        self, samples: FloatArray, window: FloatArray, hop: int, bins: int
    ) -> FloatArray:
        """Return the first power bins [n, bins] of all frames, ``hop`` apart, times ``window``."""
        import scipy.fft  # here: most processes read observations and take none

        frames = overlapping(samples, len(window), hop) * window
        return power_of(scipy.fft.rfft(frames)[:, :bins])

    def segment_power(
        self,
        halves: tuple[FloatArray, FloatArray],
        means: FloatArray,
        window: FloatArray,
        bins: int,
    ) -> FloatArray:
        """Return the first power bins [rows, bins] of rows less their means, times ``window``.

        A row is one of the first half [rows, n / 2], then that of the second.
        """
        import scipy.fft

        rows = np.concatenate(halves, axis=1)
        rows -= means[:, None]
        rows *= window
        return power_of(scipy.fft.rfft(rows)[:, :bins])

    def filter_power(self, parts: FloatArray, count: int, floor: float) -> FloatArray:
        """Return cosine² + sine² + floor [filters, count] of ``parts`` [phases, n, 2 * filters].

        Sample ``i`` is row ``i // phases`` of phase ``i % phases``; cosines come before sines.
        """
        phases, filters = len(parts), parts.shape[2] // 2
        out = np.empty((filters, count), np.float32)
        for phase in range(min(phases, count)):
            squares = np.square(parts[phase, : len(range(phase, count, phases))])
            np.add(squares[:, :filters].T, squares[:, filters:].T, out=out[:, phase::phases])
        out += np.float32(floor)
        return out

    def count_maxima(self, row: FloatArray, width: int, counts: NDArray[np.int32]) -> None:
        """Add 1 to ``counts`` [n] wherever a number is the largest of ``width`` neighbours.

        ``row`` [n + width - 1] has ``width // 2`` more numbers on each side; 0 does not count.
        """
        near = row[width // 2 : width // 2 + len(counts)]
        highest = (near == running_maximum(row[None], width)[0]) & (near > 0)
        np.add(counts, highest, out=counts)

    def range_maxima(self, values: FloatArray, starts: NDArray[np.intp]) -> FloatArray:
        """Return the largest number [n, ranges] from each start to before the next.

        ``values`` [n, m] has columns up to the last start, which begins no range. Of an empty range
        it is the number at its start.
        """
        return np.maximum.reduceat(values[:, : starts[-1]], starts[:-1], axis=1)

    def ranked(self, row: FloatArray, largest: int, width: int) -> FloatArray:
        """Return the ``largest``-th largest [n] of ``width`` (odd) neighbours, ends repeated."""
        from scipy.ndimage import rank_filter

        ranked: FloatArray = rank_filter(row, rank=width - largest, size=width, mode="nearest")
        return ranked


def overlapping(samples: FloatArray, size: int, hop: int) -> FloatArray:
    """Return all frames [n, size] of the samples, ``hop`` apart, as a view without a copy."""
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]


def power_of(spectrum: NDArray[np.complex64]) -> FloatArray:
    """Return the squared magnitude, with the same bits on every processor (unlike np.abs)."""
    power: FloatArray = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


def running_maximum(values: FloatArray, width: int) -> FloatArray:
    """Return the largest of each ``width`` neighbours: [n, m] gives [n, m - width + 1]."""
    most, span = values, 1
    while 2 * span <= width:
        most = np.maximum(most[:, :-span], most[:, span:])
        span *= 2
    if span == width:
        return most
    return np.maximum(most[:, : span - width], most[:, width - span :])

"""What the kernels compute, by numpy and scipy: the meaning of ``detector/kernels/kernels.c``.

All numbers are finite: samples are cleaned where they are decoded (``detector.audio.samples``).
"""

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.types import FloatArray


class Comb(NamedTuple):
    """Places [lines, n] to be summed up, line by line; ``most`` is the largest of them."""

    places: NDArray[np.int32]
    most: int


class Fractions(NamedTuple):
    """Fractions p / q of a rate: ``orders`` [n] are all q, ``counts`` [n] how many p each has.

    ``multiples`` are all p, one order after the other.
    """

    orders: NDArray[np.int64]
    counts: NDArray[np.int64]
    multiples: NDArray[np.int64]


class Spectra(NamedTuple):
    """Real and imaginary parts, each [n, blocks, bins]."""

    real: FloatArray
    imaginary: FloatArray


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

    def comb_sums(self, heights: FloatArray, comb: Comb) -> FloatArray:
        """Return the sums [rows, n] of ``heights`` [rows, bins] at the places of a comb."""
        total = np.zeros((len(heights), comb.places.shape[1]), np.float32)
        for line in comb.places:
            total += heights[:, line]
        return total

    def fraction_sums(
        self,
        heights: FloatArray,
        hz: float,
        bin_hz: float,
        low_hz: float,
        high_hz: float,
        fractions: Fractions,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return sums [orders] of ``heights`` [bins] at fractions of a rate, and how many they are.

        A fraction p / q of ``hz`` counts in the band [low_hz, high_hz), where its bin is no NaN.
        """
        steps = hz / fractions.orders
        at = fractions.multiples * np.repeat(steps, fractions.counts)
        which = np.repeat(np.arange(len(steps)), fractions.counts)
        inside = (at >= low_hz) & (at < high_hz)
        position, which = np.rint(at[inside] / bin_hz).astype(np.int64), which[inside]
        within = position < len(heights)
        values, which = heights[position[within]], which[within]
        heard = ~np.isnan(values)
        values, which = values[heard], which[heard]
        sums = np.bincount(which, values, len(steps)).astype(np.float64)
        return sums, np.bincount(which, minlength=len(steps)).astype(np.int64)

    def correlated(self, ours: Spectra, templates: Spectra) -> NDArray[np.complex64]:
        """Return the products [rows, n, bins] of spectra, conjugate templates, over all blocks."""
        rows, (count, blocks, bins) = len(ours.real), templates.real.shape
        total = np.zeros((rows, count, bins), np.complex64)
        for row in range(rows):
            for block in range(blocks):
                a, b = ours.real[row, block], ours.imaginary[row, block]
                c, d = templates.real[:, block], templates.imaginary[:, block]
                total.real[row] = (total.real[row] + a * c) + b * d
                total.imag[row] = (total.imag[row] + b * c) - a * d
        return total


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

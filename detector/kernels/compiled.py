"""The kernels in C, through ctypes: a library beside this file, which setup compiles.

It is no extension module, so one build serves every version of Python. A library of other sources
than those beside it is not used.
"""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.kernels import library
from detector.kernels.library import LANES, LONGEST_NEIGHBOURHOOD, MOST_RANKED, SIDE, TILE
from detector.kernels.reference import Comb, Fractions, Kernels, Spectra
from detector.types import FloatArray

ALIGNMENT: Final = 64  # bytes of a cache line

_SIZE: Final = ctypes.c_ssize_t
_AT: Final = ctypes.c_void_p
_REAL: Final = ctypes.c_double
_ARGUMENTS: Final = {
    "power_spectra": (_AT, _SIZE, _SIZE, _SIZE, _AT, _AT, _SIZE, _AT, _AT, _SIZE, _AT),
    "segment_power": (_AT, _AT, _SIZE, _SIZE, _AT, _AT, _AT, _SIZE, _AT, _AT, _SIZE, _AT),
    "filter_power": (_AT, _SIZE, _SIZE, _SIZE, _SIZE, ctypes.c_float, _AT, _AT),
    "count_maxima": (_AT, _SIZE, _SIZE, _AT),
    "range_maxima": (_AT, _SIZE, _SIZE, _AT, _SIZE, _AT),
    "comb_sums": (_AT, _AT, _SIZE, _SIZE, _SIZE, _AT),
    "fraction_sums": (_AT, _SIZE, *(_REAL,) * 4, _AT, _AT, _SIZE, _AT, _AT, _AT),
    "correlated": (_AT, _AT, _SIZE, _AT, _AT, _SIZE, _SIZE, _SIZE, _AT),
    "rank": (_AT, _SIZE, _SIZE, ctypes.c_int, _AT, _AT),
}


def load(file: Path = library.FOLDER / library.LIBRARY) -> "CompiledKernels | None":
    """Return the compiled kernels; None where they are not there, or of other sources."""
    if not file.exists():
        return None
    try:
        loaded = ctypes.CDLL(str(file))
        made_of = ctypes.c_char_p.in_dll(loaded, "earmark_sources").value
    except (OSError, ValueError):  # of another processor; no such symbol
        return None
    return CompiledKernels(loaded) if made_of == library.sources_digest().encode() else None


class CompiledKernels(Kernels):
    """The passes in C; what C has no pass for goes to numpy and scipy."""

    name: ClassVar[str] = "C"

    def __init__(self, loaded: ctypes.CDLL) -> None:
        self._functions = {name: getattr(loaded, f"earmark_{name}") for name in _ARGUMENTS}
        for name, arguments in _ARGUMENTS.items():
            self._functions[name].argtypes = arguments
            self._functions[name].restype = None

    def power_spectra(
        self, samples: FloatArray, window: FloatArray, hop: int, bins: int
    ) -> FloatArray:
        """See ``Kernels``."""
        size = len(window)
        plan = _plan(size)
        if plan is None or len(samples) < size or not 0 < bins <= size // 2 + 1:
            return super().power_spectra(samples, window, hop, bins)
        samples, window = _ready(samples), _ready(window)
        out = np.empty(((len(samples) - size) // hop + 1, bins), np.float32)
        scratch = _aligned(2 * size * LANES)
        self._functions["power_spectra"](
            _at(samples), len(out), hop, size, _at(window), *plan.arguments, _at(scratch), bins,
            _at(out),
        )  # fmt: skip
        return out

    def segment_power(
        self,
        halves: tuple[FloatArray, FloatArray],
        means: FloatArray,
        window: FloatArray,
        bins: int,
    ) -> FloatArray:
        """See ``Kernels``."""
        first, second, means, window = map(_ready, (*halves, means, window))
        rows, size = len(first), len(window)
        plan = _plan(size)
        # a half is whole tiles of every part
        fits = first.shape == second.shape == (rows, size // 2) and means.shape == (rows,)
        if plan is None or not fits or size % (2 * plan.parts * TILE) or not 0 < bins <= size // 2:
            return super().segment_power(halves, means, window, bins)
        out = np.empty((rows, bins), np.float32)
        scratch = _aligned(2 * size * LANES)
        self._functions["segment_power"](
            _at(first), _at(second), rows, size, _at(means), _at(window), *plan.arguments,
            _at(scratch), bins, _at(out),
        )  # fmt: skip
        return out

    def filter_power(self, parts: FloatArray, count: int, floor: float) -> FloatArray:
        """See ``Kernels``."""
        parts = _ready(parts)
        phases, rows, columns = parts.shape
        filters = columns // 2
        if columns % 2 or not 0 <= count <= phases * rows:
            return super().filter_power(parts, count, floor)
        out = np.empty((filters, count), np.float32)
        levels = np.empty((TILE, filters), np.float32)
        self._functions["filter_power"](
            _at(parts), phases, rows, filters, count, floor, _at(levels), _at(out)
        )
        return out

    def count_maxima(self, row: FloatArray, width: int, counts: NDArray[np.int32]) -> None:
        """See ``Kernels``."""
        fits = len(row) == len(counts) + width - 1 and 0 < width <= LONGEST_NEIGHBOURHOOD
        if not fits or counts.dtype != np.int32 or not counts.flags.c_contiguous:
            super().count_maxima(row, width, counts)
            return
        row = _ready(row)
        self._functions["count_maxima"](_at(row), len(counts), width, _at(counts))

    def range_maxima(self, values: FloatArray, starts: NDArray[np.intp]) -> FloatArray:
        """See ``Kernels``."""
        values, starts = _ready(values), np.ascontiguousarray(starts, np.intp)
        rows, columns = values.shape
        if not (starts[0] >= 0 and (np.diff(starts) >= 0).all() and starts[-2] < starts[-1]) or (
            starts[-1] > columns
        ):
            return super().range_maxima(values, starts)
        out = np.empty((rows, len(starts) - 1), np.float32)
        self._functions["range_maxima"](
            _at(values), rows, columns, _at(starts), len(starts) - 1, _at(out)
        )
        return out

    def ranked(self, row: FloatArray, largest: int, width: int) -> FloatArray:
        """See ``Kernels``."""
        if not 0 < largest <= min(width, MOST_RANKED) or width % 2 == 0 or len(row) == 0:
            return super().ranked(row, largest, width)
        whole = -(-len(row) // (SIDE * width)) * SIDE * width  # sixteen stretches at once
        side = width // 2
        padded = np.empty(whole + width, np.float32)
        padded[:side], padded[side : side + len(row)] = row[0], row
        padded[side + len(row) :] = row[-1]
        ends, out = np.empty((width, largest + 1, SIDE), np.float32), np.empty(whole, np.float32)
        self._functions["rank"](_at(padded), len(row), width, largest, _at(ends), _at(out))
        return out[: len(row)]

    def comb_sums(self, heights: FloatArray, comb: Comb) -> FloatArray:
        """See ``Kernels``."""
        rows, bins = heights.shape
        columns = comb.places.shape[1]
        if comb.most >= bins or not comb.places.flags.c_contiguous:
            return super().comb_sums(heights, comb)
        if rows == 1:
            return self._comb_sums(_ready(heights[0]), comb, 1).T
        sums = []
        for first in range(0, rows, LANES):
            laid = np.zeros((bins, LANES), np.float32)
            some = heights[first : first + LANES]
            laid[:, : len(some)] = some.T
            sums.append(self._comb_sums(laid, comb, LANES)[:, : len(some)].T)
        return np.concatenate(sums) if sums else np.empty((0, columns), np.float32)

    def _comb_sums(self, laid: FloatArray, comb: Comb, lanes: int) -> FloatArray:
        lines, columns = comb.places.shape
        out = np.empty((columns, lanes), np.float32)
        self._functions["comb_sums"](_at(laid), _at(comb.places), lines, columns, lanes, _at(out))
        return out

    def fraction_sums(
        self,
        heights: FloatArray,
        hz: float,
        bin_hz: float,
        low_hz: float,
        high_hz: float,
        fractions: Fractions,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """See ``Kernels``."""
        heights = _ready(heights)
        orders, counts, multiples = (np.ascontiguousarray(part, np.int64) for part in fractions)
        n = len(orders)
        if not (hz > 0 and bin_hz > 0 and low_hz >= 0 and len(counts) == n):
            return super().fraction_sums(heights, hz, bin_hz, low_hz, high_hz, fractions)
        sums, lines = np.empty(n), np.empty(n, np.int64)
        self._functions["fraction_sums"](
            _at(heights), len(heights), hz, bin_hz, low_hz, high_hz, _at(orders), _at(counts), n,
            _at(multiples), _at(sums), _at(lines),
        )  # fmt: skip
        return sums, lines

    def correlated(self, ours: Spectra, templates: Spectra) -> NDArray[np.complex64]:
        """See ``Kernels``."""
        real, imaginary, c, d = map(_ready, (*ours, *templates))
        (rows, blocks, bins), count = real.shape, len(c)
        fits = imaginary.shape == real.shape and c.shape == d.shape == (count, blocks, bins)
        if not fits or bins < SIDE:
            return super().correlated(ours, templates)
        out = np.empty((rows, count, bins), np.complex64)
        self._functions["correlated"](
            _at(real), _at(imaginary), rows, _at(c), _at(d), count, blocks, bins, _at(out)
        )
        return out


class _Plan(NamedTuple):
    """How a transform is made: the radix of each pass, and the turns [cos, sin] of all passes."""

    radixes: NDArray[np.intp]
    turns: FloatArray

    @property
    def parts(self) -> int:
        """How many transforms the last pass joins."""
        return int(self.radixes[-1])

    @property
    def arguments(self) -> tuple[int, int, int]:
        """What the library takes."""
        return _at(self.radixes), len(self.radixes), _at(self.turns)


@lru_cache(maxsize=16)
def _plan(size: int) -> _Plan | None:
    """Return the passes that pocketfft makes; None where it makes one of a larger radix than 5."""
    radixes, rest = [], size
    while rest % 4 == 0:
        radixes.append(4)
        rest //= 4
    if rest % 2 == 0:
        radixes.append(2)
        radixes[0], radixes[-1] = radixes[-1], radixes[0]
        rest //= 2
    for radix in (3, 5):
        while rest % radix == 0:
            radixes.append(radix)
            rest //= radix
    if rest > 1 or not radixes:
        return None
    circle = np.exp(2j * np.pi * np.arange(size) / size)
    turns, before = [], 1  # ``before``: the parts that later passes join
    for radix in radixes:
        ido = size // (before * radix)
        bins = np.arange(1, (ido - 1) // 2 + 1)
        own = np.zeros((radix - 1, ido - 1), np.float32)
        for sample in range(1, radix):
            own[sample - 1, 0 : 2 * len(bins) : 2] = circle[sample * before * bins].real
            own[sample - 1, 1 : 2 * len(bins) : 2] = circle[sample * before * bins].imag
        turns.append(own.ravel())
        before *= radix
    return _Plan(
        np.array(radixes[::-1], np.intp), np.concatenate((*turns[::-1], np.zeros(1, "f4")))
    )


def _ready(array: FloatArray) -> FloatArray:
    """Return an array as C reads it, without a copy where it is so already."""
    return np.ascontiguousarray(array, np.float32)


def _at(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _aligned(count: int) -> FloatArray:
    """Return numbers that begin at a cache line, else each vector lies in two."""
    whole = np.empty(count + ALIGNMENT // 4, np.float32)
    start = -_at(whole) % ALIGNMENT // 4
    return whole[start : start + count]

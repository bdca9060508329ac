"""The clock's score under other constants than the released ones.

``detector.evidence.clock`` is the released form. Here the mean heights at every fraction of every
rate are kept apart, so that a whole grid of constants scores in a second. With the released
constants both give the same scores (a test).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np
import scipy.sparse
import torch

from detector.evidence.clock import (
    GUARD_CAP,
    MIN_LINES,
    Lattice,
    allowed_bins,
    lattice_bins,
    line_heights,
    mains_mask,
)
from detector.observation.geometry import Geometry
from detector.types import BoolVector, FloatArray, FloatVector
from models.training.scoring import Scored

ORDERS: Final = 24  # fractions p/q that are looked at
NEAR: Final = slice(1, 8)  # q = 2..8: those of the contrast
LOW_EDGES_HZ: Final = (150.0, 250.0)


@dataclass(frozen=True)
class Constants:
    """What the clock was tuned by; see ``detector.evidence.clock``."""

    contrast: float = 0.7
    guard: float = 0.8
    low_hz: float = 150.0
    penalty: float = 0.5


GRID: Final = tuple(
    Constants(*values)
    for values in product((0.7, 0.5, 1.0), (0.8, 0.6, 1.0), LOW_EDGES_HZ, (0.5, 1.0, 2.0))
)
"""The released constants first: of equals, the first is taken."""


@dataclass(frozen=True)
class ClockLines:
    """Mean heights that every choice of constants is made of.

    ``heights`` [low edges, tracks, bands, rates, orders]; ``quiet`` the same without mains
    multiples; ``audible`` [tracks, bands]; ``root`` [low edges, tracks, rates], the root of
    each rate's number of lines, 0 where these are too few. The two mains rates come last.
    """

    rates: FloatVector
    audible: BoolVector
    heights: FloatArray
    quiet: FloatArray
    root: FloatArray

    def scores(self, constants: Constants, plausible: BoolVector) -> FloatVector:
        """Return S [tracks, rates], less the penalty at rates that are not ``plausible``."""
        scores = self._scores(self.heights, constants)
        humming = scores.argmax(axis=1) >= len(self.rates)
        if humming.any():
            scores[humming] = self.only(humming)._scores(self.quiet[:, humming], constants)
        penalised: FloatVector = scores[:, : len(self.rates)] - constants.penalty * ~plausible
        return penalised

    def only(self, used: BoolVector) -> "ClockLines":
        """Return the lines of the tracks ``used``."""
        return ClockLines(
            self.rates, self.audible[used], self.heights[:, used], self.quiet[:, used],
            self.root[:, used],
        )  # fmt: skip

    def _scores(self, heights: FloatArray, constants: Constants) -> FloatVector:
        edge = LOW_EDGES_HZ.index(constants.low_hz)
        bands = heights[edge]
        used = self.audible.sum(axis=1).clip(min=1)[:, None]
        off = bands[..., NEAR].max(axis=-1).clip(min=0)
        score = (bands[..., 0] - constants.contrast * off).sum(axis=1) * self.root[edge] / used
        together = bands.sum(axis=1) / used[..., None]
        looped = together[..., 1:].max(axis=-1) > constants.guard * together[..., 0]
        guarded: FloatVector = np.where(looped, score.clip(max=GUARD_CAP), score).astype(float)
        return guarded


def measured(tracks: Sequence[Scored], lattice: Lattice) -> ClockLines:
    """Measure the lines of all tracks at all rates of a lattice."""
    rates = tuple(rate.hz for rate in lattice.rates)
    shape = (len(LOW_EDGES_HZ), len(tracks), 3, len(lattice.probed), ORDERS)
    heights, quiet = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    root = np.zeros((shape[0], shape[1], shape[3]), np.float32)
    audible = np.array([track.observed.observation.groups for track in tracks], bool)
    by_geometry: dict[Geometry, list[int]] = defaultdict(list)
    for index, track in enumerate(tracks):
        by_geometry[track.observed.observation.geometry].append(index)
    for geometry, indexes in by_geometry.items():
        mask = mains_mask(geometry).numpy()
        for edge, low_hz in enumerate(LOW_EDGES_HZ):
            averages, roots = _averages(geometry, lattice.probed, low_hz)
            for index in indexes:
                lines = torch.from_numpy(tracks[index].observed.observation.clock)
                z = line_heights(lines, geometry).numpy() * audible[index][:, None]
                for spectrum, into in ((z, heights), (z * mask, quiet)):
                    into[edge, index] = (averages @ spectrum.T).T.reshape(shape[2:])
                root[edge, index] = roots
    return ClockLines(np.array(rates), audible, heights, quiet, root)


@lru_cache(maxsize=16)
def _averages(
    geometry: Geometry, probed: tuple[float, ...], low_hz: float
) -> tuple[Any, FloatArray]:
    """Return a sparse matrix [rates * orders, bins] that averages lines, and roots [rates]."""
    allowed = allowed_bins(geometry)
    allowed = allowed & ((np.arange(geometry.bins) + 0.5) * geometry.bin_hz >= low_hz)
    rows, roots = [], []
    for hz in probed:
        on = lattice_bins(geometry, allowed, hz, 1)
        enough = len(on) >= MIN_LINES
        roots.append(len(on) ** 0.5 if enough else 0.0)
        for order in range(1, ORDERS + 1):
            bins = lattice_bins(geometry, allowed, hz, order)
            rows.append(bins if enough else bins[:0])
    sizes = [len(row) for row in rows]
    matrix = scipy.sparse.csr_matrix(
        (
            np.repeat([1 / max(size, 1) for size in sizes], sizes).astype(np.float32),
            np.concatenate(rows),
            np.cumsum([0, *sizes]),
        ),
        shape=(len(rows), geometry.bins),
    )
    return matrix, np.array(roots, np.float32)

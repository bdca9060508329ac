"""Detection when nothing was chosen on the judged tracks, or when their decoder is unknown.

A rule chooses on one half of the makers: plausible rates, constants from a small grid, templates,
the scales of fusion and the threshold. The other half is judged.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np
import scipy.sparse

from detector.calibration.calibration import HumanScores
from detector.errors import BadInput
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
from models.evaluation.measures import FPRS, roots_of, separation, surprises, template_scores
from models.learning.data import AI
from models.training.known_rates import KNOWN_P, KNOWN_SHARE, KNOWN_TRACKS
from models.training.metrics import conformal_p, rounded, tpr_at
from models.training.scoring import Population, Scored
from models.training.template_fitting import Lines, fit, out_of_fold

SHUFFLE: Final = 0.5
ALIKE: Final = 0.3  # cosine of two templates; of unrelated decoders it is under 0.15
OWN_SHARE: Final = 0.2  # of a generator's tracks that win at a rate: it runs on it
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
    """Mean heights at every fraction of every rate, from which any constants give scores.

    ``heights`` [2, low edges, tracks, bands, rates, orders], the second half without mains
    multiples; ``audible`` [tracks, bands]; ``root`` [low edges, tracks, rates], the root of
    each rate's number of lines, 0 where these are too few. The two mains rates come last.
    """

    rates: FloatVector
    audible: BoolVector
    heights: FloatArray
    root: FloatArray

    def scores(self, constants: Constants, plausible: BoolVector) -> FloatVector:
        """Return S [tracks, rates], less the penalty at rates that are not ``plausible``."""
        scores = self._scores(constants)
        humming = scores.argmax(axis=1) >= len(self.rates)
        if humming.any():
            scores[humming] = self.only(humming)._scores(constants, without_mains=True)
        penalised: FloatVector = scores[:, : len(self.rates)] - constants.penalty * ~plausible
        return penalised

    def only(self, used: BoolVector) -> "ClockLines":
        """Return the lines of the tracks ``used``."""
        audible, heights, root = self.audible[used], self.heights[:, :, used], self.root[:, used]
        return ClockLines(self.rates, audible, heights, root)

    def _scores(self, constants: Constants, *, without_mains: bool = False) -> FloatVector:
        edge = LOW_EDGES_HZ.index(constants.low_hz)
        bands = self.heights[int(without_mains), edge]
        used = self.audible.sum(axis=1).clip(min=1)[:, None]
        off = bands[..., NEAR].max(axis=-1).clip(min=0)
        score = (bands[..., 0] - constants.contrast * off).sum(axis=1) * self.root[edge] / used
        together = bands.sum(axis=1) / used[..., None]
        looped = together[..., 1:].max(axis=-1) > constants.guard * together[..., 0]
        guarded: FloatVector = np.where(looped, score.clip(max=GUARD_CAP), score).astype(float)
        return guarded


def measured(tracks: Sequence[Scored], lattice: Lattice) -> ClockLines:
    """Measure the lines of all tracks at all rates of a lattice."""
    shape = (len(LOW_EDGES_HZ), len(tracks), 3, len(lattice.probed), ORDERS)
    heights = np.zeros((2, *shape), np.float32)
    root = np.zeros((shape[0], shape[1], shape[3]), np.float32)
    audible = np.array([track.observed.observation.groups for track in tracks], bool)
    for index, track in enumerate(tracks):
        lines, geometry = track.observed.observation.clock, track.observed.observation.geometry
        z = line_heights(lines, geometry) * audible[index][:, None]
        for edge, low_hz in enumerate(LOW_EDGES_HZ):
            averages, root[edge, index] = _averages(geometry, lattice.probed, low_hz)
            for half, spectrum in zip(heights, (z, z * mains_mask(geometry)), strict=True):
                half[edge, index] = (averages @ spectrum.T).T.reshape(shape[2:])
    return ClockLines(np.array([rate.hz for rate in lattice.rates]), audible, heights, root)


@lru_cache(maxsize=64)
def _averages(geometry: Geometry, probed: tuple[float, ...], low_hz: float) -> tuple[Any, Any]:
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
    shares = np.repeat([1 / max(size, 1) for size in sizes], sizes).astype(np.float32)
    csr = shares, np.concatenate(rows), np.cumsum([0, *sizes])
    matrix = scipy.sparse.csr_matrix(csr, shape=(len(rows), geometry.bins))
    return matrix, np.array(roots, np.float32)


def nested(population: Population, lattice: Lattice, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each half of each halving that has makers to leave out, and its figures."""
    clock_lines = measured(population.tracks, lattice)
    lines = Lines.of([one.observed for one in population.tracks])
    rows = []
    for seed in seeds:
        first = halves(population.tracks, seed)
        for side in (first, ~first):
            names = [*_names(population, side).values(), *_names(population, ~side).values()]
            if all(len(makers) > 1 for makers in names):
                with suppress(BadInput):  # no template can be made
                    rows.append({"seed": seed} | _row(population, clock_lines, lines, side))
    return rows


def halves(tracks: Sequence[Scored], seed: int) -> BoolVector:
    """Return which tracks are in the first half; generators, repositories, lineages stay whole."""
    links: list[tuple[str, str]] = []
    for track in (one.observed.track for one in tracks):
        links.append((track.repository, track.repository))
        if track.label == AI:
            links.append((f"generator {track.maker}", track.repository))
        if track.lineage:
            links.append((f"lineage {track.lineage}", track.repository))
    roots = roots_of(links)
    names = [roots[one.observed.track.repository] for one in tracks]
    rng = np.random.default_rng(seed)
    counts = {name: np.zeros(2, int) for name in sorted(set(names))}
    for name, scored in zip(names, tracks, strict=True):
        counts[name][int(scored.is_ai)] += 1
    weights = {name: own.max() * rng.lognormal(0, SHUFFLE) for name, own in counts.items()}
    filled, first = np.zeros((2, 2)), {}
    for name in sorted(weights, key=lambda one: -weights[one]):  # roughly the largest first
        kind = int(counts[name].argmax())
        side = int(filled[1, kind] < filled[0, kind])
        filled[side] += counts[name]
        first[name] = side == 0
    return np.array([first[name] for name in names])


def _names(population: Population, used: BoolVector) -> dict[str, list[str]]:
    groups, ai = np.array(population.groups), population.labels
    return {
        label: sorted(set(groups[used & side].tolist()))
        for label, side in (("ai", ai), ("human", ~ai))
    }


def _row(
    population: Population, clock_lines: ClockLines, lines: Lines, chosen_on: BoolVector
) -> dict[str, Any]:
    templates = np.zeros(len(chosen_on))
    templates[chosen_on] = out_of_fold(lines.only(chosen_on))
    templates[~chosen_on] = template_scores(fit(lines, chosen_on), lines.only(~chosen_on))
    constants, plausible = _choose(population, clock_lines, chosen_on)
    clock = clock_lines.scores(constants, plausible).max(axis=1)
    ai, human = population.labels, ~population.labels
    nulls = [HumanScores.of(scores[chosen_on & human]) for scores in (clock, templates)]
    fused = surprises(nulls[0], clock) + surprises(nulls[1], templates)
    judged = ~chosen_on
    figures: dict[str, Any] = {
        "chosen_on": _names(population, chosen_on),
        "judged": _names(population, judged),
        "constants": asdict(constants),
        "plausible_hz": [rounded(hz) for hz in clock_lines.rates[plausible]],
        "fused": separation(fused[judged & ai], fused[judged & human]),
    }
    for fpr in FPRS:
        threshold = np.quantile(fused[chosen_on & human], 1 - fpr)
        for side, own in (("tpr", ai), ("fpr", human)):
            share = (fused[judged & own] > threshold).mean()
            figures["fused"][f"frozen_{fpr:g}_{side}"] = rounded(share)
    return figures


def _choose(
    population: Population, lines: ClockLines, used: BoolVector
) -> tuple[Constants, BoolVector]:
    """Return the constants that do best on the tracks ``used``, and which rates are plausible."""
    lines, ai = lines.only(used), population.labels[used]
    makers = np.array([one.maker for one in population.tracks])[used]
    plausible = np.zeros(len(lines.rates), bool)
    everything = lines.scores(Constants(penalty=0.0), ~plausible)
    best, top = everything.argmax(axis=1), everything.max(axis=1)
    confident = ai & (conformal_p(top, top[~ai]) <= KNOWN_P)
    for maker in np.unique(makers[confident]):
        counts = np.bincount(best[confident & (makers == maker)], minlength=len(plausible))
        plausible |= counts >= max(KNOWN_TRACKS, KNOWN_SHARE * counts.sum())

    def worth(constants: Constants) -> float:
        scores = lines.scores(constants, plausible).max(axis=1)
        worths = [
            tpr_at(scores[ai & (makers == maker)], scores[~ai], fpr)
            for maker in np.unique(makers[ai])
            for fpr in FPRS
        ]
        return round(float(np.mean(worths)), 6)

    return max(GRID, key=worth), plausible


def decoders_unseen(population: Population, lines: Lines, lattice: Lattice) -> dict[str, Any]:
    """Return figures of each generator with its decoder unknown, and of all together.

    Every template that resembles the generator's own is taken away. Its rates carry the penalty of
    any possible rate (*listed*) or are not scored (*unlisted*). ``lines`` are those of the
    population, in order, then others. Human tracks are matched with every template, which only
    raises their scores.
    """
    clock_lines = measured(population.tracks, lattice)
    plausible = np.array([rate.penalty == 0 for rate in lattice.rates], bool)
    known = clock_lines.scores(Constants(), plausible)
    people = ~population.labels
    clock = known.max(axis=1)[people]
    template = np.array([one.template for one in population.tracks])[people]
    clock_null, template_null = HumanScores.of(clock), HumanScores.of(template)
    human = surprises(clock_null, clock) + surprises(template_null, template)
    makers = np.array([one.maker for one in population.tracks])
    rows: dict[str, dict[str, Any]] = {}
    for maker in sorted(set(makers[population.labels].tolist())):
        own = population.labels & (makers == maker)
        wins = np.bincount(known[own].argmax(axis=1), minlength=known.shape[1])
        rates = wins >= OWN_SHARE * own.sum()
        penalised = clock_lines.only(own).scores(Constants(), plausible & ~rates)
        left, taken = _templates_without(lines, maker)
        own_lines = lines.only(np.pad(own, (0, len(lines.human) - len(own))))
        matched = surprises(template_null, template_scores(fit(lines, left), own_lines))
        rows[maker] = {
            "tracks": int(own.sum()),
            "templates_taken": taken,
            "rates_hz": [rounded(hz) for hz in clock_lines.rates[rates]],
            **{
                kind: separation(surprises(clock_null, scores.max(axis=1)) + matched, human)
                for kind, scores in (("listed", penalised), ("unlisted", penalised[:, ~rates]))
            },
        }
    tracks = [row["tracks"] for row in rows.values()]
    return {
        "generators": rows,
        "all": {
            kind: {
                name: rounded(
                    np.average([row[kind][name] for row in rows.values()], weights=tracks)
                )
                for name in ("auroc", "tpr_at_0.01", "tpr_at_0.05")
            }
            for kind in ("listed", "unlisted")
        },
    }


def _templates_without(lines: Lines, maker: str) -> tuple[BoolVector, list[str]]:
    """Return which recordings are left, and whose templates are gone."""
    everything = fit(lines, np.ones(len(lines.human), bool))
    own = ~lines.human & (lines.makers == maker)
    units = everything.unit(lines.vectors[own]).mean(axis=0)
    cosines = everything.vectors @ (units / max(float(np.linalg.norm(units)), 1e-9))
    alike = [
        name
        for name, cosine in zip(everything.names, cosines.tolist(), strict=True)
        if name != maker and cosine >= ALIKE
    ]
    same_repository = np.isin(lines.repositories, lines.repositories[own])
    gone = ~lines.human & (np.isin(lines.makers, [maker, *alike]) | same_repository)
    return ~gone, alike

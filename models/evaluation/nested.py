"""Detection when nothing was chosen on the judged tracks.

The constants of the clock and its list of rates were chosen by people who knew the reported
tracks. Here a rule chooses on one half of the makers, and the other half is judged. It chooses the
plausible rates (those of the half's own generators), constants from a small grid, templates, the
scales of fusion and the threshold. Everything that shares generators, repositories or lineages goes
to one half.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from detector.calibration.calibration import HumanScores
from detector.evidence.clock import Lattice
from detector.types import BoolVector, FloatVector
from models.evaluation.clock_constants import GRID, ClockLines, Constants, measured
from models.evaluation.measures import FPRS, roots_of, separation, surprises
from models.training.metrics import conformal_p, rounded, tpr_at
from models.training.scoring import Population, Scored
from models.training.template_fitting import MIN_TRACKS, Lines, fit, out_of_fold
from models.training.train import KNOWN_MIN_SHARE, KNOWN_MIN_TRACKS, KNOWN_P

SHUFFLE: Final = 0.5


def nested(population: Population, lattice: Lattice, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each half of each halving: what was chosen, and the other half's figures.

    Halves without two generators and two human repositories are left out. So are those in which
    one maker, left out, leaves no generator with enough tracks for a template.
    """
    clock_lines = measured(population.tracks, lattice)
    lines = Lines.of([one.observed for one in population.tracks])
    sides = [
        (seed, side)
        for seed in seeds
        for first in (halves(population.tracks, seed),)
        for side in (first, ~first)
    ]
    return [
        {"seed": seed} | _row(population, clock_lines, lines, side)
        for seed, side in sides
        if all(len(names) > 1 for half in (side, ~side) for names in _names(population, half))
        and _learnable(population, side)
    ]


def halves(tracks: Sequence[Scored], seed: int) -> BoolVector:
    """Return which tracks belong to the first half; makers that share anything stay together."""
    roots = roots_of(_links(tracks))
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


def _links(tracks: Sequence[Scored]) -> Iterator[tuple[str, str]]:
    for scored in tracks:
        track = scored.observed.track
        yield track.repository, track.repository
        if scored.is_ai:
            yield f"generator {track.maker}", track.repository
        if track.lineage:
            yield f"lineage {track.lineage}", track.repository


def _names(population: Population, used: BoolVector) -> tuple[list[str], list[str]]:
    """Return the generators and the human repositories of the tracks ``used``."""
    groups = np.array(population.groups)
    ai, human = (
        sorted(set(groups[used & side].tolist()))
        for side in (population.labels, ~population.labels)
    )
    return ai, human


def _learnable(population: Population, side: BoolVector) -> bool:
    """Whether this side still has a template when any one of its makers is left out."""
    members = [track for track, own in zip(population.tracks, side, strict=True) if own]
    places: dict[tuple[bool, str], set[str]] = defaultdict(set)
    for track in members:
        places[track.is_ai, track.group].add(track.observed.track.repository)
    counts = Counter((True, track.group) for track in members if track.is_ai)
    enough = [places[name] for name, count in counts.items() if count >= MIN_TRACKS]
    return all(any(own.isdisjoint(other) for other in enough) for own in places.values())


def _row(
    population: Population, clock_lines: ClockLines, lines: Lines, chosen_on: BoolVector
) -> dict[str, Any]:
    """Choose on the tracks ``chosen_on``, judge the others."""
    constants, plausible = _choose(population, clock_lines, chosen_on)
    clock = clock_lines.scores(constants, plausible).max(axis=1)
    ai, human = population.labels, ~population.labels
    fused = np.zeros(len(ai))
    for scores in (clock, across(lines, chosen_on)):
        fused = fused + surprises(HumanScores.of(scores[chosen_on & human]), scores)
    judged = ~chosen_on
    figures: dict[str, Any] = {
        **{
            name: dict(zip(("ai", "human"), _names(population, used), strict=True))
            for name, used in (("chosen_on", chosen_on), ("judged", judged))
        },
        "constants": asdict(constants),
        "plausible_hz": [rounded(hz) for hz in clock_lines.rates[plausible]],
    }
    for name, scores in (("clock", clock), ("fused", fused)):
        figures[name] = separation(scores[judged & ai], scores[judged & human])
        for fpr in FPRS:
            threshold = np.quantile(scores[chosen_on & human], 1 - fpr)
            for side, own in (("tpr", ai), ("fpr", human)):
                share = (scores[judged & own] > threshold).mean()
                figures[name][f"frozen_{fpr:g}_{side}"] = rounded(share)
    return figures


def across(lines: Lines, chosen_on: BoolVector) -> FloatVector:
    """Return template scores [tracks] by templates of the tracks ``chosen_on`` alone.

    Each of these is scored without its maker.
    """
    scores = np.zeros(len(chosen_on))
    scores[chosen_on] = out_of_fold(lines.only(chosen_on))
    template_set = fit(lines, chosen_on)
    for index in np.flatnonzero(~chosen_on):
        units = template_set.unit(lines.vectors[index])
        scores[index] = template_set.scores(units, str(lines.populations[index])).max()
    return scores


def _choose(
    population: Population, lines: ClockLines, used: BoolVector
) -> tuple[Constants, BoolVector]:
    """Return the constants that do best on the tracks ``used``, and which rates are plausible.

    The first of equals is taken, and the released constants come first.
    """
    lines, ai = lines.only(used), population.labels[used]
    makers = np.array([one.maker for one in population.tracks])[used]
    plausible = np.zeros(len(lines.rates), bool)
    everything = lines.scores(Constants(penalty=0.0), ~plausible)
    best, top = everything.argmax(axis=1), everything.max(axis=1)
    confident = ai & (conformal_p(top, top[~ai]) <= KNOWN_P)
    for maker in np.unique(makers[confident]):
        rates = Counter(best[confident & (makers == maker)].tolist())
        for index, count in rates.items():
            plausible[index] |= count >= max(KNOWN_MIN_TRACKS, KNOWN_MIN_SHARE * rates.total())

    def worth(constants: Constants) -> float:
        scores = lines.scores(constants, plausible).max(axis=1)
        worths = [
            tpr_at(scores[ai & (makers == maker)], scores[~ai], fpr)
            for maker in np.unique(makers[ai])
            for fpr in FPRS
        ]
        return round(float(np.mean(worths)), 6)

    return max(GRID, key=worth), plausible

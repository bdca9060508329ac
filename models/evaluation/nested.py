"""What is left when nothing was chosen on the tracks that are judged.

The constants of the clock and its list of rates were chosen by people who knew the tracks
that report on them. Here both are chosen by rule on one half of the makers and reported on
the other: which rates are plausible (those that the half's own generators run on; all
others of a wide list with a penalty), contrast, guard, low edge and penalty (a small grid),
the templates, the scales of fusion and the threshold. Halves are whole: a generator, all
repositories that it stands in, all that share these and all of one lineage go to one side.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.calibration.calibration import TYPICAL_S, HumanScores
from detector.evidence.clock import Lattice
from detector.types import FloatVector
from models.evaluation.clock_constants import GRID, Constants, Lines, measured
from models.evaluation.leave_one_out import across, lines_of
from models.training import template_fitting
from models.training.metrics import (
    auroc,
    conformal_p,
    rounded,
    tpr_at,
)
from models.training.scoring import Population, Scored

KNOWN_P: Final = 0.02
KNOWN_MIN_TRACKS: Final = 3
KNOWN_MIN_SHARE: Final = 0.3
FPRS: Final = (0.01, 0.05)
SHUFFLE: Final = 0.5


def nested(population: Population, lattice: Lattice, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each half of each halving: what was chosen, what the other half gets.

    Halves without two generators and two human repositories are passed over, and those in
    which somebody, left out, leaves no generator of which a template can be made.
    """
    lines = measured(population.tracks, lattice)
    spectra = lines_of(population.tracks)
    sides = ((seed, side) for seed in seeds for side in _both(halves(population.tracks, seed)))
    return [
        {"seed": seed} | _row(population, lines, spectra, side)
        for seed, side in sides
        if all(_makers(population, part) >= 2 for part in _parts(population, side))
        and _learnable(population, side)
    ]


def _both(first: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return first, ~first


def halves(tracks: Sequence[Scored], seed: int) -> NDArray[np.bool_]:
    """Return which tracks belong to the first half; makers that share anything stay together."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for scored in tracks:
        track = scored.observed.track
        if scored.is_ai:
            parent[root(f"generator {track.maker}")] = root(track.repository)
        if track.lineage:
            parent[root(f"lineage {track.lineage}")] = root(track.repository)
    roots = [root(one.observed.track.repository) for one in tracks]
    rng = np.random.default_rng(seed)
    counts: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(2, int))
    for name, scored in zip(roots, tracks, strict=True):
        counts[name][int(scored.is_ai)] += 1
    weights = {name: counts[name].max() * rng.lognormal(0, SHUFFLE) for name in sorted(counts)}
    filled, first = np.zeros((2, 2)), {}
    for name in sorted(weights, key=lambda one: -weights[one]):  # roughly the largest first
        kind = int(counts[name].argmax())
        side = int(filled[1, kind] < filled[0, kind])
        filled[side] += counts[name]
        first[name] = side == 0
    return np.array([first[name] for name in roots])


def _parts(population: Population, side: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    for inside, ai in product((side, ~side), (True, False)):
        yield inside & (population.labels == ai)


def _makers(population: Population, part: NDArray[np.bool_]) -> int:
    return len({group for group, inside in zip(population.groups, part, strict=True) if inside})


def _learnable(population: Population, side: NDArray[np.bool_]) -> bool:
    """Whether templates are left on this side whoever of it is left out."""
    members = [track for track, own in zip(population.tracks, side, strict=True) if own]
    places: dict[str, set[str]] = defaultdict(set)
    for track in members:
        places[f"{track.is_ai}/{track.group}"].add(track.observed.track.repository)
    counts = Counter(f"True/{track.group}" for track in members if track.is_ai)
    enough = [
        places[name] for name, count in counts.items() if count >= template_fitting.MIN_TRACKS
    ]
    return all(any(own.isdisjoint(other) for other in enough) for own in places.values())


def _row(
    population: Population,
    lines: Lines,
    spectra: template_fitting.Lines,
    chosen_on: NDArray[np.bool_],
) -> dict[str, Any]:
    """Choose on the tracks ``chosen_on``, judge the others."""
    constants, plausible = _choose(population, lines, chosen_on)
    clock = lines.scores(constants, plausible).max(axis=1)
    ai, human = population.labels, ~population.labels
    templates = across(spectra, chosen_on)
    fused = sum(_surprise(scores, scores[chosen_on & human]) for scores in (clock, templates))
    judged = ~chosen_on
    figures: dict[str, Any] = {
        "chosen_on": _names(population, chosen_on),
        "judged": _names(population, judged),
        "constants": asdict(constants),
        "plausible_hz": [rounded(hz) for hz in lines.rates[plausible]],
    }
    for name, scores in (("clock", clock), ("fused", np.asarray(fused))):
        row = {"auroc": rounded(auroc(scores[judged & ai], scores[judged & human]))}
        for fpr in FPRS:
            threshold = np.quantile(scores[chosen_on & human], 1 - fpr)
            row |= {
                f"tpr_at_{fpr:g}": rounded(
                    tpr_at(scores[judged & ai], scores[judged & human], fpr)
                ),
                f"frozen_{fpr:g}_tpr": rounded((scores[judged & ai] > threshold).mean()),
                f"frozen_{fpr:g}_fpr": rounded((scores[judged & human] > threshold).mean()),
            }
        figures[name] = row
    return figures


def _choose(
    population: Population, lines: Lines, used: NDArray[np.bool_]
) -> tuple[Constants, NDArray[np.bool_]]:
    """Return the constants that do best on the tracks ``used``, and which rates are plausible.

    The first of equals is taken, and the released constants come first.
    """
    lines, ai = lines.only(used), population.labels[used]
    makers = np.array([one.maker for one in population.tracks])[used]
    everything = lines.scores(Constants(penalty=0.0), np.ones(len(lines.rates), bool))
    plausible = _plausible(everything, ai, makers)

    def worth(constants: Constants) -> float:
        scores = lines.scores(constants, plausible).max(axis=1)
        worths = [
            tpr_at(scores[ai & (makers == maker)], scores[~ai], fpr)
            for maker in sorted(set(makers[ai]))
            for fpr in FPRS
        ]
        return round(float(np.mean(worths)), 6)

    return max(GRID, key=worth), plausible


def _plausible(
    scores: FloatVector, ai: NDArray[np.bool_], makers: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return the rates that the generators run on, found with all rates alike."""
    best, top = scores.argmax(axis=1), scores.max(axis=1)
    confident = ai & (conformal_p(top, top[~ai]) <= KNOWN_P)
    plausible = np.zeros(scores.shape[1], bool)
    for maker in sorted(set(makers[confident])):
        rates = Counter(best[confident & (makers == maker)].tolist())
        for index, count in rates.items():
            if count >= KNOWN_MIN_TRACKS and count >= KNOWN_MIN_SHARE * rates.total():
                plausible[index] = True
    return plausible


def _surprise(scores: FloatVector, humans: FloatVector) -> FloatVector:
    """Return scores in nats among some humans, as the released fusion counts them."""
    null = HumanScores.of(humans)
    return np.array([null.surprise(score, TYPICAL_S) for score in scores.tolist()])


def _names(population: Population, used: NDArray[np.bool_]) -> dict[str, list[str]]:
    return {
        name: sorted(
            {one.group for one, own in zip(population.tracks, used & side, strict=True) if own}
        )
        for name, side in (("ai", population.labels), ("human", ~population.labels))
    }

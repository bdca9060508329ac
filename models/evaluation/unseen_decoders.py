"""Detection when not only the generator but everything like its decoder is unknown.

A generator that is left out by name may share its decoder with another. Its frame rate may be on
the list of plausible rates. Here, for each generator, every template that resembles its
own is taken away: of other generators, codecs and voices. The rates that it runs on change, too:

- *listed*: they carry the penalty of any possible rate.
- *unlisted*: they are not scored. Fractions and multiples of them stay on the list.
"""

from collections import Counter
from typing import Any, Final

import numpy as np

from detector.calibration.calibration import HumanScores
from detector.evidence.clock import Lattice
from detector.types import BoolVector, FloatVector
from models.evaluation.clock_constants import Constants, measured
from models.evaluation.measures import separation, surprises
from models.training.metrics import rounded
from models.training.scoring import Population
from models.training.template_fitting import Lines, fit

ALIKE: Final = 0.3  # cosine of two templates; of unrelated decoders it is under 0.15
OWN_SHARE: Final = 0.2  # of a generator's tracks that win at a rate: it runs on it


def measure(population: Population, lines: Lines, lattice: Lattice) -> dict[str, Any]:
    """Return figures of each generator with its decoder unknown, and of all together.

    Args:
        population: tracks with out-of-fold template scores. Human ones were matched with every
            template, which can only make these scores higher.
        lines: of these tracks, in order, then of what else templates are learned from.
        lattice: the model's rates.
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
        rates = _rates_of(known[own])
        penalised = clock_lines.only(own).scores(Constants(), plausible & ~rates)
        left, taken = _templates_without(lines, maker)
        matched = surprises(template_null, _matches(lines, left, own))
        rows[maker] = {
            "tracks": int(own.sum()),
            "templates_taken": taken,
            "rates_hz": [rounded(hz) for hz in clock_lines.rates[rates]],
            **{
                kind: separation(surprises(clock_null, scores.max(axis=1)) + matched, human)
                for kind, scores in (("listed", penalised), ("unlisted", penalised[:, ~rates]))
            },
        }
    return {
        "generators": rows,
        "all": {kind: _mean(rows, kind) for kind in ("listed", "unlisted")},
    }


def _mean(rows: dict[str, dict[str, Any]], kind: str) -> dict[str, float]:
    """Return the figures of all generators, weighted by tracks."""
    tracks = [float(row["tracks"]) for row in rows.values()]
    return {
        name: rounded(np.average([row[kind][name] for row in rows.values()], weights=tracks))
        for name in next(iter(rows.values()))[kind]
    }


def _rates_of(scores: FloatVector) -> BoolVector:
    """Return the rates at which a share of a generator's tracks wins."""
    plausible = np.zeros(scores.shape[1], bool)
    for index, count in Counter(scores.argmax(axis=1).tolist()).items():
        plausible[index] = count >= OWN_SHARE * len(scores)
    return plausible


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


def _matches(lines: Lines, left: BoolVector, own: BoolVector) -> FloatVector:
    """Return the best template score of a generator's tracks, by what is left."""
    template_set = fit(lines, left)
    indices = np.flatnonzero(own)
    pairs = zip(
        template_set.unit(lines.vectors[indices]), lines.populations[indices].tolist(), strict=True
    )
    return np.array([float(template_set.scores(*pair).max()) for pair in pairs])

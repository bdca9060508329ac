"""Detection when not only the generator but everything like its decoder is unknown.

For each generator, every template that resembles its own is taken away: of other generators,
codecs and voices. The rates that it runs on carry the penalty of any possible rate (*listed*) or
are not scored (*unlisted*; their fractions and multiples are).
"""

from typing import Any, Final

import numpy as np

from detector.calibration.calibration import HumanScores
from detector.evidence.clock import Lattice
from detector.types import BoolVector
from models.evaluation.measures import separation, surprises, template_scores
from models.evaluation.nested import Constants, measured
from models.training.metrics import rounded
from models.training.scoring import Population
from models.training.template_fitting import Lines, fit

ALIKE: Final = 0.3  # cosine of two templates; of unrelated decoders it is under 0.15
OWN_SHARE: Final = 0.2  # of a generator's tracks that win at a rate: it runs on it


def measure(population: Population, lines: Lines, lattice: Lattice) -> dict[str, Any]:
    """Return figures of each generator with its decoder unknown, and of all together.

    ``lines`` are those of the population, in order, then of what else templates are learned
    from. Human tracks were matched with every template, which can only make them score higher.
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

"""What is found when not only the generator but everything like its decoder is unknown.

A generator that is left out by name may still share its decoder with another, and its frame
rate stands on the list of plausible rates because people knew it. Here, for each generator,
every template that resembles its own is taken away (other generators, codecs and voices
alike), and the rates that it runs on lose their place. *Listed*: they carry the penalty of
any possible rate. *Unlisted*: they are not looked at, as if the decoder ran at a rate that
nobody thought of (fractions and multiples of it are still on the list). What is left is what
a wholly new decoder may expect.
"""

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.calibration.calibration import TYPICAL_S, HumanScores
from detector.evidence.clock import Lattice
from detector.types import FloatVector
from models.evaluation.clock_constants import Constants, measured
from models.training.metrics import auroc, rounded, tpr_at
from models.training.scoring import Population
from models.training.template_fitting import Lines, fit

ALIKE: Final = 0.3  # cosine of two templates; of unrelated decoders it is under 0.15
OWN_SHARE: Final = 0.2  # of a generator's tracks that win at a rate: it runs on it
FPRS: Final = (0.01, 0.05)
FIGURES: Final = ("auroc", "tpr_at_0.01", "tpr_at_0.05")


def measure(population: Population, lines: Lines, lattice: Lattice) -> dict[str, Any]:
    """Return figures of each generator with its decoder unknown, and of all together.

    Args:
        heard: tracks that can be assessed, their templates' scores out of fold. Human ones
            were matched with every template, which can only make them higher.
        lines: of these, in order, and after them of what else templates are learned from.
        lattice: the model's rates.
    """
    clock_lines = measured(population.tracks, lattice)
    plausible = np.array([rate.penalty == 0 for rate in lattice.rates], bool)
    known = clock_lines.scores(Constants(), plausible)
    human_clock = _null(known.max(axis=1)[~population.labels])
    makers = np.array([one.maker for one in population.tracks])
    human_template = np.array([one.template for one in population.tracks])[~population.labels]
    null = _null(human_template)
    human = _nats(human_clock, known.max(axis=1)[~population.labels]) + _nats(null, human_template)
    rows: dict[str, dict[str, Any]] = {}
    for maker in sorted(set(makers[population.labels])):
        own = population.labels & (makers == maker)
        rates = _rates_of(known[own])
        penalised = clock_lines.only(own).scores(Constants(), plausible & ~rates)
        left, taken = _templates_without(lines, str(maker))
        template = _matches(lines, left, own)
        matched = _nats(null, template)
        rows[str(maker)] = {
            "tracks": int(own.sum()),
            "templates_taken": taken,
            "rates_hz": [rounded(hz) for hz in clock_lines.rates[rates]],
            "listed": _figures(_nats(human_clock, penalised.max(axis=1)) + matched, human),
            "unlisted": _figures(
                _nats(human_clock, penalised[:, ~rates].max(axis=1)) + matched, human
            ),
        }
    tracks = [float(row["tracks"]) for row in rows.values()]
    return {
        "generators": rows,
        "all": {
            kind: {
                name: rounded(
                    np.average([row[kind][name] for row in rows.values()], weights=tracks)
                )
                for name in FIGURES
            }
            for kind in ("listed", "unlisted")
        },
    }


def _figures(ai: FloatVector, human: FloatVector) -> dict[str, float]:
    values = (auroc(ai, human), *(tpr_at(ai, human, at) for at in FPRS))
    return {name: rounded(value) for name, value in zip(FIGURES, values, strict=True)}


def _rates_of(scores: FloatVector) -> NDArray[np.bool_]:
    """Return the rates at which a share of a generator's tracks wins."""
    best = Counter(scores.argmax(axis=1).tolist())
    plausible = np.zeros(scores.shape[1], bool)
    for index, count in best.items():
        plausible[index] |= count >= OWN_SHARE * len(scores)
    return plausible


def _templates_without(lines: Lines, maker: str) -> tuple[NDArray[np.bool_], list[str]]:
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


def _matches(lines: Lines, left: NDArray[np.bool_], own: NDArray[np.bool_]) -> FloatVector:
    """Return the best template score of a generator's tracks, by what is left."""
    template_set = fit(lines, left)
    units = template_set.unit(lines.vectors[np.flatnonzero(own)])
    population_name = lines.populations[np.flatnonzero(own)].tolist()
    return np.array(
        [
            float(template_set.scores(*pair).max())
            for pair in zip(units, population_name, strict=True)
        ]
    )


def _null(scores: FloatVector) -> HumanScores:
    return HumanScores.of(scores)


def _nats(null: HumanScores, scores: FloatVector) -> FloatVector:
    return np.array([null.surprise(score, TYPICAL_S) for score in scores.tolist()])

"""Whether probabilities mean what they state, out of fold: no track's maker shaped its own.

Every generator and every human source counts alike within its class, as in the fit. So a
probability is about a track of any maker at even prior odds.
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np

from detector.assessment.answer import HUMAN_LIKELY_BELOW
from detector.assessment.model import Model
from detector.evidence.branch import HUMAN_LIKELY_P
from detector.types import BoolVector, FloatVector
from models.evaluation.measures import by_fold
from models.training.metrics import (
    balanced_weights,
    brier,
    expected_calibration_error,
    fit_platt,
    rounded,
)
from models.training.scoring import Population

BINS: Final = (0.0, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)


def left_out_probabilities(population: Population) -> FloatVector:
    """Return each track's probability by a fit without its maker's fold."""
    scores, labels, names = population.scores, population.labels, np.array(population.groups)
    return by_fold(
        population,
        lambda used: fit_platt(
            scores[used], labels[used], names[used].tolist()
        ).probability(scores[~used]),
    )  # fmt: skip


def figures_of(population: Population) -> dict[str, Any]:
    """Return Brier score, log loss, ECE and the reliability diagram's points."""
    p, labels = left_out_probabilities(population), population.labels
    weights = balanced_weights(labels, population.groups)
    sure = p.clip(1e-4, 1 - 1e-4)
    loss = -np.where(labels, np.log(sure), np.log(1 - sure))
    return {
        "brier": rounded(brier(p, labels, weights)),
        "log_loss": rounded(np.average(loss, weights=weights)),
        "ece": rounded(expected_calibration_error(p, labels, weights)),
        "bins": [
            {
                "from": low,
                "to": high,
                "tracks": int(own.sum()),
                "weight": rounded(weights[own].sum() / weights.sum()),
                "probability": rounded(np.average(p[own], weights=weights[own])),
                "ai_share": rounded(np.average(labels[own], weights=weights[own])),
            }
            for low, high in pairwise(BINS)
            if (own := (p >= low) & (p < high if high < 1 else p <= high)).any()
        ],
    }


def human_likely_supported(population: Population, model: Model) -> BoolVector:
    """Return for which tracks a model may answer *human likely* if it finds nothing."""
    supported = []
    for track in population.tracks:
        observed, known = track.observed.observation, model.calibrations.get(track.population)
        finds = known is not None and known.finds(observed.duration_s, sum(observed.groups))
        supported.append(finds and not track.looped)
    return np.array(supported, bool)


def outcomes(
    population: Population, p_values: FloatVector, alpha: float, may_be_human: BoolVector
) -> dict[str, dict[str, float]]:
    """Return the shares of outcomes that the detector gives AI and human tracks.

    ``p_values`` [tracks] with the maker left out; ``may_be_human`` by
    ``human_likely_supported``; the rules are those of ``detector.assessment.answer``.
    """
    flagged = p_values <= alpha
    human = ~flagged & (p_values >= HUMAN_LIKELY_P) & may_be_human
    human &= left_out_probabilities(population) <= HUMAN_LIKELY_BELOW
    masks = {"ai_likely": flagged, "uncertain": ~flagged & ~human, "human_likely": human}
    return {
        label: {name: rounded(mask[side].mean()) for name, mask in masks.items()}
        for label, side in (("ai", population.labels), ("human", ~population.labels))
    }

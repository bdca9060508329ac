"""What a data set gives away besides sound, and what a detector is worth without it.

A *probe* is a logistic regression on one or all of the facts of publication, with the makers left
out; the strongest counts. Overlap weights (Li, Morgan and Zaslavsky, 2018) give both classes equal
means of all facts and their squares. A release fails where the probe reaches ``LIMIT`` and the
weights do not cure it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.audio.spectra import LTAS_BAND_HZ
from detector.errors import BadInput
from detector.types import FloatVector
from models.learning.data import folds
from models.training.metrics import (
    balanced_weights,
    logistic,
    rounded,
    weighted_auroc,
    weighted_tpr_at,
)
from models.training.scoring import Population, Scored

LIMIT: Final = 0.60
MIN_EFFECTIVE: Final = 20.0  # tracks of a class that the weights must leave (Kish's count)
FOLDS: Final = 5
FACTS: Final = ("bit rate", "duration", "loudness", "sample rate", "cut-off")
CUT_OFF_DB: Final = 70.0  # below the loudest band: nothing but dither and noise
UNKNOWN_LUFS: Final = -70.0


@dataclass(frozen=True)
class Confounds:
    """What the facts tell: AUROC of each probe as delivered, and weighed.

    ``weights`` [tracks] balance the facts; ``effective`` is how many tracks of each class
    (AI, human) they leave.
    """

    delivered: dict[str, float]
    weighed: dict[str, float]
    weights: FloatVector
    effective: tuple[float, float]

    @property
    def strongest(self) -> str:
        """The probe with the highest AUROC as delivered."""
        return max(self.delivered, key=lambda name: self.delivered[name])

    @property
    def auroc(self) -> float:
        """What the strongest probe reaches as delivered."""
        return self.delivered[self.strongest]

    @property
    def weighed_auroc(self) -> float:
        """What the strongest probe reaches under the weights."""
        return max(self.weighed.values())

    @property
    def confounded(self) -> bool:
        """Whether figures as delivered prove little."""
        return self.auroc >= LIMIT

    @property
    def cured(self) -> bool:
        """Whether the weighed figures can be believed."""
        return self.weighed_auroc < LIMIT and min(self.effective) >= MIN_EFFECTIVE

    def check(self, name: str) -> None:
        """Refuse a data set on which no figure can be believed.

        Raises:
            BadInput: reason ``confounds``.
        """
        if self.confounded and not self.cured:
            raise BadInput(
                "confounds",
                f"{name}: {self.strongest} alone tells AI from human tracks (AUROC "
                f"{self.auroc:.2f}, {LIMIT:.2f} is the limit), and among tracks published alike "
                f"{self.weighed_auroc:.2f} is left, of {self.effective[0]:.0f} AI and "
                f"{self.effective[1]:.0f} human tracks ({MIN_EFFECTIVE:.0f} are needed): "
                "add recordings of both classes that were published in the same way",
            )


def measure(population: Population) -> Confounds:
    """Return what the facts of a population tell; both classes need two groups at least."""
    facts = np.array([facts_of(one) for one in population.tracks])
    ones = balanced_weights(population.labels, population.groups)
    weights = _overlap(facts, population.labels)
    return Confounds(
        _probes(facts, population, ones),
        _probes(facts, population, weights),
        weights,
        (_effective(weights[population.labels]), _effective(weights[~population.labels])),
    )


def figures_of(population: Population, confounds: Confounds) -> dict[str, Any]:
    """Return the probes and the detector's own figures under the weights."""
    ai, human = population.labels, ~population.labels
    sides = (
        population.scores[ai],
        confounds.weights[ai],
        population.scores[human],
        confounds.weights[human],
    )
    return {
        "limit": LIMIT,
        "probes": {name: rounded(value) for name, value in confounds.delivered.items()},
        "auroc": rounded(confounds.auroc),
        "strongest": confounds.strongest,
        "confounded": confounds.confounded,
        "weighed": {
            "probe_auroc": rounded(confounds.weighed_auroc),
            "effective_ai": rounded(confounds.effective[0]),
            "effective_human": rounded(confounds.effective[1]),
            "auroc": rounded(weighted_auroc(*sides)),
            "tpr_at_fpr": {str(fpr): rounded(weighted_tpr_at(*sides, fpr)) for fpr in (0.01, 0.05)},
        },
    }


def facts_of(track: Scored) -> list[float]:
    """Return the five facts of one track, in the order of ``FACTS``.

    Where a container states no bit rate it is the file's size over its duration.
    """
    facts, observation = track.observed.facts, track.observed.observation
    bit_rate = facts.bit_rate or 8 * track.observed.track.size / max(facts.duration_s, 0.1)
    return [
        float(np.log(bit_rate)),
        float(np.log(max(facts.duration_s, 0.1))),
        facts.loudness_lufs if facts.loudness_lufs is not None else UNKNOWN_LUFS,
        float(np.log(facts.sample_rate_hz)),
        _cut_off_hz(observation.ltas),
    ]


def fold_of(population: Population, count: int) -> list[int]:
    """Return a fold for each track: generators spread over all folds, so are repositories."""
    result = np.zeros(len(population.tracks), int)
    for label in (False, True):
        own = np.flatnonzero(population.labels == label)
        names = [population.groups[index] for index in own]
        result[own] = folds(names, min(count, len(set(names))))
    return [int(number) for number in result]


def _probes(
    facts: NDArray[np.float64], population: Population, weights: FloatVector
) -> dict[str, float]:
    """Return the AUROC of each probe, makers left out, all counted by ``weights``."""
    fold = np.array(fold_of(population, FOLDS))
    columns = {"all five": list(range(len(FACTS)))} | {
        name: [index] for index, name in enumerate(FACTS)
    }
    return {
        name: _probe(facts[:, used], population.labels, weights, fold)
        for name, used in columns.items()
    }


def _probe(
    facts: NDArray[np.float64], labels: NDArray[np.bool_], weights: FloatVector, fold: NDArray[Any]
) -> float:
    scores = np.zeros(len(facts))
    for number in sorted(set(fold.tolist())):
        rest = fold != number
        scaled = _standard(facts, facts[rest])
        beta = logistic(scaled[rest], labels[rest], weights[rest], ridge=1.0)
        scores[~rest] = np.column_stack((scaled, np.ones(len(scaled))))[~rest] @ beta
    return weighted_auroc(scores[labels], weights[labels], scores[~labels], weights[~labels])


def _overlap(facts: NDArray[np.float64], labels: NDArray[np.bool_]) -> FloatVector:
    """Return overlap weights [tracks]: of an AI track the chance of being human, and back."""
    scaled = _standard(facts, facts)
    scaled = np.column_stack((scaled, scaled**2))
    beta = logistic(scaled, labels, np.ones(len(labels)), ridge=1e-3)
    chance = 1 / (1 + np.exp(-(np.column_stack((scaled, np.ones(len(scaled)))) @ beta)))
    weights = np.where(labels, 1 - chance, chance).clip(min=1e-6)
    for side in (labels, ~labels):
        weights[side] *= len(labels) / 2 / weights[side].sum()
    balanced: FloatVector = weights
    return balanced


def _standard(facts: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = (facts - among.mean(axis=0)) / among.std(axis=0).clip(min=1e-9)
    return scaled


def _effective(weights: FloatVector) -> float:
    """Return Kish's effective number of tracks."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def _cut_off_hz(ltas: NDArray[np.float32]) -> float:
    level: FloatVector = ltas.max(axis=0).astype(float)
    return float(np.flatnonzero(level > level.max() - CUT_OFF_DB).max() + 1) * LTAS_BAND_HZ

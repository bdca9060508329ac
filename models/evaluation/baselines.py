"""Simple rules and a published method on the same tracks and folds, to be compared with.

Each baseline that learns is fitted without the fold of a track's maker. ``bit rate`` knows
nothing but the file's bit rate. ``mean spectrum`` is a logistic regression on the average level
of 250 Hz bands, which a naive classifier learns of encoders and mastering. ``fakeprint`` is
``models.evaluation.fakeprint``. The branches of the model alone show what each adds.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.types import BoolVector, FloatVector
from models.evaluation.fakeprint import fakeprints
from models.evaluation.measures import by_fold, separation_with_intervals
from models.training.confounds import facts_of
from models.training.metrics import balanced_weights, logistic
from models.training.scoring import Population

LEVEL_BANDS: Final = slice(1, 16)  # 0.25 to 4 kHz: loudness is taken off


def compare(population: Population, cache: Path, seed: int) -> dict[str, dict[str, Any]]:
    """Return AUROC and TPR at 1 % and 5 % FPR, with intervals, of the model and of all others."""
    tracks = population.tracks
    scores: dict[str, FloatVector] = {"this model": population.scores}
    if any(one.template for one in tracks):
        scores["clock alone"] = np.array([one.clock for one in tracks])
        scores["templates alone"] = np.array([one.template for one in tracks])
    facts = np.array([facts_of(one) for one in tracks])
    scores["bit rate"] = left_out(facts[:, :1], population)
    scores["mean spectrum"] = left_out(_mean_spectra(population), population)
    if population.name in ("full_rate", "low_rate"):
        prints = fakeprints([one.observed.track for one in tracks], population.name, cache)
        scores["fakeprint"] = left_out(prints.astype(float), population, scale=False, grouped=False)
    return {name: separation_with_intervals(population, own, seed) for name, own in scores.items()}


def left_out(
    features: NDArray[np.float64],
    population: Population,
    *,
    scale: bool = True,
    grouped: bool = True,
) -> FloatVector:
    """Return the logit of each track from a regression that has not met its maker's fold.

    Args:
        features: [tracks, n].
        population: the tracks.
        scale: standardise features first, by those of the other folds.
        grouped: let every maker count alike within its class; else only the classes do.
    """
    labels = population.labels
    names = np.array(population.groups if grouped else labels.astype(str))

    def judge(used: BoolVector) -> FloatVector:
        fitted, judged = features[used], features[~used]
        if scale:
            middle, spread = fitted.mean(axis=0), fitted.std(axis=0).clip(min=1e-9)
            fitted, judged = (fitted - middle) / spread, (judged - middle) / spread
        weights = balanced_weights(labels[used], names[used].tolist())
        # With a ridge the solution lies in the span of the tracks: thousands of features
        # are turned into as many as there are tracks, and nothing changes.
        _, _, directions = np.linalg.svd(fitted, full_matrices=False)
        beta = logistic(fitted @ directions.T, labels[used], weights, ridge=1.0)
        logits: FloatVector = judged @ directions.T @ beta[:-1] + beta[-1]
        return logits

    return by_fold(population, judge)


def _mean_spectra(population: Population) -> NDArray[np.float64]:
    """Return the mean level of 250 Hz bands in dB [tracks, 96], without the track's loudness."""
    spectra = np.stack(
        [one.observed.observation.ltas.astype(np.float64).mean(axis=0) for one in population.tracks]
    )
    levelled: NDArray[np.float64] = spectra - spectra[:, LEVEL_BANDS].mean(axis=1, keepdims=True)
    return levelled

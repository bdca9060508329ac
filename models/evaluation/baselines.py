"""Simple rules and a published method on the same tracks and folds, to be compared with.

Whoever prints a figure should print what less would reach. Each baseline that learns is
fitted without the fold of a track's maker, as everything here. ``bit rate`` knows nothing
but the file's bit rate; ``mean spectrum`` is a logistic regression on the average level of
250 Hz bands, which is what a naive classifier picks up of encoders and mastering;
``fakeprint`` is ``models.evaluation.fakeprint``. The branches of the model alone say what each
adds.
"""

from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.types import FloatVector
from models.evaluation.fakeprint import fakeprints
from models.training.confounds import facts_of, fold_of
from models.training.metrics import (
    auroc,
    balanced_weights,
    cluster_bootstrap,
    logistic,
    rounded,
    tpr_at,
)
from models.training.scoring import Population

FOLDS: Final = 5
LEVEL_BANDS: Final = slice(1, 16)  # 0.25 to 4 kHz: loudness is taken off


def compare(population: Population, cache: Path, seed: int) -> dict[str, dict[str, Any]]:
    """Return AUROC and TPR at 1 % and 5 % FPR, with intervals, of the model and of all others."""
    return {
        name: _row(population, scores, seed) for name, scores in _scores(population, cache).items()
    }


def _scores(population: Population, cache: Path) -> dict[str, FloatVector]:
    rows: dict[str, FloatVector] = {"this model": population.scores}
    if any(one.template for one in population.tracks):
        rows["clock alone"] = np.array([one.clock for one in population.tracks])
        rows["templates alone"] = np.array([one.template for one in population.tracks])
    facts = np.array([facts_of(one) for one in population.tracks])
    rows["bit rate"] = left_out(facts[:, :1], population)
    rows["mean spectrum"] = left_out(_mean_spectra(population), population)
    if population.name in ("full_rate", "low_rate"):
        tracks = [one.observed.track for one in population.tracks]
        features = fakeprints(tracks, population.name, cache).astype(float)
        rows["fakeprint"] = left_out(features, population,
                                     scale=False, grouped=False)  # fmt: skip
    return rows


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
        heard: the tracks.
        scale: standardise features first, by those of the other folds.
        grouped: let every maker count alike within its class; else only the classes do.
    """
    fold = np.array(fold_of(population, FOLDS))
    names = population.groups if grouped else [str(label) for label in population.labels]
    scores = np.zeros(len(features))
    for number in sorted(set(fold.tolist())):
        rest = fold != number
        fitted, judged = features[rest], features[~rest]
        if scale:
            middle, spread = fitted.mean(axis=0), fitted.std(axis=0).clip(min=1e-9)
            fitted, judged = (fitted - middle) / spread, (judged - middle) / spread
        used_names = [name for name, inside in zip(names, rest, strict=True) if inside]
        weights = balanced_weights(population.labels[rest], used_names)
        # With a ridge the solution lies in the span of the tracks: thousands of features
        # are turned into as many as there are tracks, and nothing changes.
        _, _, directions = np.linalg.svd(fitted, full_matrices=False)
        beta = logistic(fitted @ directions.T, population.labels[rest], weights, ridge=1.0)
        scores[~rest] = judged @ directions.T @ beta[:-1] + beta[-1]
    return scores


def _mean_spectra(population: Population) -> NDArray[np.float64]:
    """Return the mean level of 250 Hz bands in dB [tracks, 96], without the track's loudness."""
    spectra = np.stack(
        [one.observed.observation.ltas.astype(np.float64).mean(axis=0) for one in population.tracks]
    )
    level = spectra[:, LEVEL_BANDS].mean(axis=1, keepdims=True)
    levelled: NDArray[np.float64] = spectra - level
    return levelled


def _row(population: Population, scores: FloatVector, seed: int) -> dict[str, Any]:
    groups = np.array(population.groups)
    sides = (
        scores[population.labels], groups[population.labels].tolist(),
        scores[~population.labels], groups[~population.labels].tolist(),
    )  # fmt: skip

    row: dict[str, Any] = {"auroc": rounded(auroc(sides[0], sides[2]))}
    for fpr in (0.01, 0.05):
        low, high = cluster_bootstrap(*sides, partial(tpr_at, fpr=fpr), seed=seed)
        row[f"tpr_at_{fpr:g}"] = rounded(tpr_at(sides[0], sides[2], fpr))
        row[f"tpr_at_{fpr:g}_interval"] = [rounded(low), rounded(high)]
    return row

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


def compare(heard: Population, cache: Path, seed: int) -> dict[str, dict[str, Any]]:
    """Return AUROC and TPR at 1 % and 5 % FPR, with intervals, of the model and of all others."""
    return {name: _row(heard, scores, seed) for name, scores in _scores(heard, cache).items()}


def _scores(heard: Population, cache: Path) -> dict[str, FloatVector]:
    rows: dict[str, FloatVector] = {"this model": heard.scores}
    if any(one.template for one in heard.tracks):
        rows["clock alone"] = np.array([one.clock for one in heard.tracks])
        rows["templates alone"] = np.array([one.template for one in heard.tracks])
    facts = np.array([facts_of(one) for one in heard.tracks])
    rows["bit rate"] = left_out(facts[:, :1], heard)
    rows["mean spectrum"] = left_out(_mean_spectra(heard), heard)
    if heard.name in ("full_rate", "low_rate"):
        tracks = [one.observed.track for one in heard.tracks]
        rows["fakeprint"] = left_out(fakeprints(tracks, heard.name, cache).astype(float), heard,
                                     scale=False, grouped=False)  # fmt: skip
    return rows


def left_out(
    features: NDArray[np.float64], heard: Population, *, scale: bool = True, grouped: bool = True
) -> FloatVector:
    """Return the logit of each track from a regression that has not met its maker's fold.

    Args:
        features: [tracks, n].
        heard: the tracks.
        scale: standardise features first, by those of the other folds.
        grouped: let every maker count alike within its class; else only the classes do.
    """
    fold = np.array(fold_of(heard, FOLDS))
    names = heard.groups if grouped else [str(label) for label in heard.labels]
    scores = np.zeros(len(features))
    for number in sorted(set(fold.tolist())):
        rest = fold != number
        fitted, asked = features[rest], features[~rest]
        if scale:
            middle, spread = fitted.mean(axis=0), fitted.std(axis=0).clip(min=1e-9)
            fitted, asked = (fitted - middle) / spread, (asked - middle) / spread
        kept = [name for name, inside in zip(names, rest, strict=True) if inside]
        weights = balanced_weights(heard.labels[rest], kept)
        # With a ridge the solution lies in the span of the tracks: thousands of features
        # are turned into as many as there are tracks, and nothing changes.
        _, _, directions = np.linalg.svd(fitted, full_matrices=False)
        beta = logistic(fitted @ directions.T, heard.labels[rest], weights, ridge=1.0)
        scores[~rest] = asked @ directions.T @ beta[:-1] + beta[-1]
    return scores


def _mean_spectra(heard: Population) -> NDArray[np.float64]:
    """Return the mean level of 250 Hz bands in dB [tracks, 96], without the track's loudness."""
    spectra = np.stack(
        [one.observed.observation.ltas.astype(np.float64).mean(axis=0) for one in heard.tracks]
    )
    level = spectra[:, LEVEL_BANDS].mean(axis=1, keepdims=True)
    levelled: NDArray[np.float64] = spectra - level
    return levelled


def _row(heard: Population, scores: FloatVector, seed: int) -> dict[str, Any]:
    groups = np.array(heard.groups)
    sides = (
        scores[heard.labels], groups[heard.labels].tolist(),
        scores[~heard.labels], groups[~heard.labels].tolist(),
    )  # fmt: skip

    row: dict[str, Any] = {"auroc": rounded(auroc(sides[0], sides[2]))}
    for fpr in (0.01, 0.05):
        low, high = cluster_bootstrap(*sides, partial(tpr_at, fpr=fpr), seed=seed)
        row[f"tpr_at_{fpr:g}"] = rounded(tpr_at(sides[0], sides[2], fpr))
        row[f"tpr_at_{fpr:g}_interval"] = [rounded(low), rounded(high)]
    return row

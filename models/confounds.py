"""What a data set gives away besides sound: bit rate, duration, loudness, rate, cut-off.

A classifier that sees nothing else is fitted and tested with makers left out. Where it
does well, a detector could do well for the wrong reason, and its figures prove less.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.spectra import LTAS_BAND_HZ
from models.data import folds
from models.figures import FloatVector, auroc, balanced_weights, logistic
from models.scoring import Population, Scored

CUT_OFF_DB: Final = 70.0  # below the loudest band: nothing but dither and noise


def probe(heard: Population, count: int) -> float:
    """Return the AUROC of the confounds alone, each track scored without its maker's fold."""
    features = np.array([_features(one) for one in heard.tracks])
    features = (features - features.mean(axis=0)) / features.std(axis=0).clip(min=1e-9)
    features = np.column_stack((features, features**2))
    fold = np.array(fold_of(heard, count))
    scores = np.zeros(len(features))
    for number in sorted(set(fold.tolist())):
        rest = fold != number
        weights = balanced_weights(
            heard.labels[rest],
            [group for group, kept in zip(heard.groups, rest, strict=True) if kept],
        )
        beta = logistic(features[rest], heard.labels[rest], weights, ridge=1.0)
        scores[~rest] = np.column_stack((features, np.ones(len(features))))[~rest] @ beta
    return auroc(scores[heard.labels], scores[~heard.labels])


def fold_of(heard: Population, count: int) -> list[int]:
    """Return a fold for each track: generators spread over all folds, so are repositories."""
    result = np.zeros(len(heard.tracks), int)
    for label in (False, True):
        own = np.flatnonzero(heard.labels == label)
        names = [heard.groups[index] for index in own]
        result[own] = folds(names, min(count, len(set(names))))
    return [int(number) for number in result]


def _features(one: Scored) -> list[float]:
    facts, observation = one.observed.facts, one.observed.observation
    return [
        float(np.log(facts.bit_rate or 1)),
        float(np.log(facts.duration_s)),
        facts.loudness_lufs if facts.loudness_lufs is not None else -70.0,
        float(np.log(facts.sample_rate_hz)),
        _cut_off_hz(observation.ltas),
    ]


def _cut_off_hz(ltas: NDArray[np.float32]) -> float:
    """Return the top of the highest band that is heard at all."""
    level: FloatVector = ltas.max(axis=0).astype(float)
    return float(np.flatnonzero(level > level.max() - CUT_OFF_DB).max() + 1) * LTAS_BAND_HZ

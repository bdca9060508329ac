"""Drift of scores, uniformity of p-values, and AI share by deliverer.

Each distance comes with its 95 % quantile under chance. The newest scores of a model are compared
with earlier ones by PSI over tenths and by KS. The p-values of recordings with a human verdict are
uniform if the calibration holds.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import sqrt
from typing import Final

import numpy as np

from detector.types import FloatArray
from streams.runtime import metrics
from streams.store import monitoring
from streams.store.database import Ledger

NEWEST: Final = 2_000
OLDER: Final = 10_000
SHARE_NEW: Final = NEWEST / (NEWEST + OLDER)  # of fewer, the same share counts as new
LEAST_NEW: Final = 2
LEAST_OLDER: Final = 5  # the chance quantile is wide for so few
BINS: Final = 10
CHI2_95: Final = 16.92  # 95 % quantile of chi-square with BINS - 1 degrees of freedom
KS_95: Final = 1.358  # of the Kolmogorov distribution
DELIVERERS: Final = 20
GAUGES: Final = (metrics.DRIFT, metrics.P_UNIFORM, metrics.DELIVERER_SHARE, metrics.DELIVERED)


def measure(ledger: Ledger) -> None:
    """Set the gauges."""
    for gauge in GAUGES:
        gauge.clear()
    with ledger.reading() as connection:
        scores_of = monitoring.newest_scores(connection, NEWEST + OLDER)
        p_values = monitoring.human_p_values(connection, NEWEST)
        deliverers = monitoring.deliverers(connection, datetime.now(UTC), DELIVERERS)
    for model, scores in scores_of.items():
        _drift(model, scores)
    for model, values in p_values.items():
        metrics.P_UNIFORM.labels(model, "ks").set(ks_uniform(np.asarray(values)))
        metrics.P_UNIFORM.labels(model, "ks_by_chance").set(KS_95 / sqrt(len(values)))
    for item in deliverers:
        for window, count, ai in (("1d", item.day, item.day_ai), ("1h", item.hour, item.hour_ai)):
            metrics.DELIVERED.labels(item.name, window).set(count)
            if count:
                metrics.DELIVERER_SHARE.labels(item.name, window).set(ai / count)


def psi(older: FloatArray, newer: FloatArray) -> float:
    """Return the population stability index over tenths of ``older``.

    Half a case is added to each tenth, so that an empty one is rare and not impossible.
    """
    edges = np.quantile(older, np.linspace(0, 1, BINS + 1)[1:-1])
    shares = [
        (np.bincount(np.searchsorted(edges, x), minlength=BINS) + 0.5) / (len(x) + BINS / 2)
        for x in (older, newer)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def ks(first: FloatArray, second: FloatArray) -> float:
    """Return the largest distance of two empirical distributions."""
    points = np.concatenate([first, second])
    ranks = [np.searchsorted(np.sort(x), points, side="right") / len(x) for x in (first, second)]
    return float(np.max(np.abs(ranks[0] - ranks[1])))


def ks_uniform(values: FloatArray) -> float:
    """Return the largest distance of an empirical distribution from the uniform one."""
    ordered = np.sort(values)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))


def _drift(model: str, scores: Sequence[float]) -> None:
    count = max(LEAST_NEW, int(len(scores) * SHARE_NEW))
    newer, older = np.asarray(scores[:count]), np.asarray(scores[count:])
    if len(older) < LEAST_OLDER:
        return
    pooled = 1 / len(newer) + 1 / len(older)
    figures = {
        "psi": psi(older, newer),
        "psi_by_chance": CHI2_95 * pooled,
        "ks": ks(older, newer),
        "ks_by_chance": KS_95 * sqrt(pooled),
    }
    for measure, value in figures.items():
        metrics.DRIFT.labels(model, measure).set(value)

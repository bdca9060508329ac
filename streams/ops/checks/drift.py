"""Whether what is heard, and what is answered, is still what it was.

Three figures, each beside what chance alone would give, since a window of a hundred tracks
always differs from the one before:

* **Drift** of a model's scores: the newest against those before them, by count and not by
  the clock, so that a quiet night is no drift. PSI over tenths of the older ones, and KS.
* **p-values of recordings that a person found human** are uniform if the calibration holds;
  KS against the uniform distribution.
* **AI share by deliverer**, of an hour and of a day, for the twenty that deliver most.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Final

import numpy as np
from sqlalchemy import Connection, case, func, select

from detector.types import FloatArray
from streams.runtime import metrics
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, DECISIONS, UPLOADS, VERDICTS

NEWEST: Final = 2_000
OLDER: Final = 10_000
SHARE_NEW: Final = NEWEST / (NEWEST + OLDER)  # of fewer, the same share counts as new
LEAST_NEW: Final = 2
LEAST_OLDER: Final = 5  # "by chance" says how little so few say
BINS: Final = 10
CHI2_95: Final = 16.92  # 95 % quantile of chi-square with BINS - 1 degrees of freedom
KS_95: Final = 1.358  # of the Kolmogorov distribution
DELIVERERS: Final = 20
GAUGES: Final = (metrics.DRIFT, metrics.P_UNIFORM, metrics.DELIVERER_SHARE, metrics.DELIVERED)


def measure(ledger: Ledger) -> None:
    """Set the gauges.

    Raises:
        LedgerAway: the database does not answer.
    """
    for gauge in GAUGES:
        gauge.clear()
    with ledger.reading() as connection:
        for model, scores in _scores(connection).items():
            _drift(model, scores)
        _uniform(connection)
        _deliverers(connection, datetime.now(UTC))


def psi(older: FloatArray, newer: FloatArray) -> float:
    """Return the population stability index over tenths of ``older``.

    Half a case is added to each tenth, so that an empty one is rare and not impossible.
    """
    edges = np.quantile(older, np.linspace(0, 1, BINS + 1)[1:-1])
    shares = [
        (np.bincount(np.searchsorted(edges, one), minlength=BINS) + 0.5) / (len(one) + BINS / 2)
        for one in (older, newer)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def ks(one: FloatArray, other: FloatArray) -> float:
    """Return the largest distance of two empirical distributions."""
    points = np.concatenate([one, other])
    ranks = [np.searchsorted(np.sort(x), points, side="right") / len(x) for x in (one, other)]
    return float(np.max(np.abs(ranks[0] - ranks[1])))


def ks_uniform(values: FloatArray) -> float:
    """Return the largest distance of an empirical distribution from the uniform one."""
    ordered = np.sort(values)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))


def _scores(connection: Connection) -> dict[str, list[float]]:
    """Return the latest scores of each model, newest first."""
    question = (
        select(ANALYSES.c.model, ANALYSES.c.score)
        .where(ANALYSES.c.score.is_not(None))
        .order_by(ANALYSES.c.recorded_at.desc())
        .limit(NEWEST + OLDER)
    )
    found: dict[str, list[float]] = {}
    for model, score in connection.execute(question):
        found.setdefault(model, []).append(score)
    return found


def _drift(model: str, scores: Sequence[float]) -> None:
    count = max(LEAST_NEW, int(len(scores) * SHARE_NEW))
    newer, older = np.asarray(scores[:count]), np.asarray(scores[count:])
    if len(older) < LEAST_OLDER:
        return
    pooled = 1 / len(newer) + 1 / len(older)
    for measure, value in (
        ("psi", psi(older, newer)),
        ("psi_by_chance", CHI2_95 * pooled),
        ("ks", ks(older, newer)),
        ("ks_by_chance", KS_95 * sqrt(pooled)),
    ):
        metrics.DRIFT.labels(model, measure).set(value)


def _uniform(connection: Connection) -> None:
    question = (
        select(ANALYSES.c.model, ANALYSES.c.p_value)
        .join(DECISIONS, DECISIONS.c.analysis_id == ANALYSES.c.analysis_id)
        .join(VERDICTS, VERDICTS.c.decision_id == DECISIONS.c.decision_id)
        .where(VERDICTS.c.extent == "None", ANALYSES.c.p_value.is_not(None))
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(NEWEST)
    )
    found: dict[str, list[float]] = {}
    for model, p_value in connection.execute(question):
        found.setdefault(model, []).append(p_value)
    for model, values in found.items():
        metrics.P_UNIFORM.labels(model, "ks").set(ks_uniform(np.asarray(values)))
        metrics.P_UNIFORM.labels(model, "ks_by_chance").set(KS_95 / sqrt(len(values)))


def _deliverers(connection: Connection, now: datetime) -> None:
    hour = DECISIONS.c.recorded_at > now - timedelta(hours=1)
    is_ai = DECISIONS.c.outcome == "ai_likely"
    question = (
        select(
            func.coalesce(UPLOADS.c.distributor, "not named"),
            func.count(),
            func.sum(case((is_ai, 1), else_=0)),
            func.sum(case((hour, 1), else_=0)),
            func.sum(case((hour & is_ai, 1), else_=0)),
        )
        .join(UPLOADS, UPLOADS.c.upload_id == DECISIONS.c.upload_id)
        .where(DECISIONS.c.recorded_at > now - timedelta(days=1))
        .group_by(UPLOADS.c.distributor)
        .order_by(func.count().desc())
        .limit(DELIVERERS)
    )
    for name, day_count, day_ai, hour_count, hour_ai in connection.execute(question):
        for window, count, ai in (("1d", day_count, day_ai), ("1h", hour_count, hour_ai)):
            metrics.DELIVERED.labels(name, window).set(count)
            if count:
                metrics.DELIVERER_SHARE.labels(name, window).set(ai / count)

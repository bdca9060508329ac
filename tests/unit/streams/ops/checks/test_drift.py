"""Drift, calibration and shares by deliverer, on scores that are known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from detector.types import FloatArray
from streams.ops.checks import drift
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, DECISIONS, UPLOADS, VERDICTS
from tests.support.ledger_filling import row

RANDOM = np.random.default_rng(3)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path}/ledger.db")


def scores(mean: float, count: int) -> FloatArray:
    return RANDOM.normal(mean, 1, count).astype(np.float32)


def test_the_same_distribution_stays_below_chance() -> None:
    """At most about one window in twenty exceeds its bound; twice the bound, none."""
    over, far = 0, 0
    for _ in range(200):
        older, newer = scores(0, 1_000), scores(0, 200)
        bound = drift.CHI2_95 * (1 / 1_000 + 1 / 200)
        over += drift.psi(older, newer) > bound
        far += drift.psi(older, newer) > 2 * bound
    assert over <= 24
    assert far == 0


def test_a_shift_is_far_above_chance() -> None:
    older, newer = scores(0, 1_000), scores(1, 200)
    assert drift.psi(older, newer) > 10 * drift.CHI2_95 * (1 / 1_000 + 1 / 200)
    assert drift.ks(older, newer) == pytest.approx(0.38, abs=0.08)


def test_distances_of_known_samples() -> None:
    assert drift.ks(np.asarray([1.0, 2, 3]), np.asarray([1.0, 2, 3])) == 0
    assert drift.ks(np.asarray([1.0, 2]), np.asarray([3.0, 4])) == 1
    assert drift.ks_uniform(np.asarray([0.25, 0.5, 0.75])) == pytest.approx(0.25)
    assert drift.ks_uniform(np.asarray([0.01])) == pytest.approx(0.99)


def test_the_newest_scores_are_held_against_those_before(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    scores = [*RANDOM.normal(0, 1, 500), *RANDOM.normal(3, 1, 100)]  # oldest first
    ledger.write(
        row(
            ANALYSES,
            analysis_id=str(number),
            upload_id=str(number),
            model="m-drifted",
            score=float(score),
            recorded_at=now - timedelta(minutes=600 - number),
        )
        for number, score in enumerate(scores)
    )
    drift.measure(ledger)
    gauges = {
        measure: value("earmark_drift", model="m-drifted", measure=measure) or 0.0
        for measure in ("psi", "psi_by_chance", "ks", "ks_by_chance")
    }
    assert gauges["psi"] > 1 > gauges["psi_by_chance"]
    assert gauges["ks"] > 0.7 > gauges["ks_by_chance"]


def test_p_values_of_what_people_found_human(ledger: Ledger) -> None:
    rows = []
    for number in range(40):
        item = str(number)
        again = str(100 + number)  # the same content, delivered twice
        rows += [
            row(ANALYSES, analysis_id=item, model="m-bad", p_value=number / 400, upload_id=item),
            row(ANALYSES, analysis_id=item, model="m-bad", p_value=number / 400, upload_id=again),
            row(DECISIONS, decision_id=item, analysis_id=item, upload_id=item),
            row(VERDICTS, verdict_id=item, decision_id=item, extent="None"),
        ]
    ledger.write(rows)
    drift.measure(ledger)
    assert value("earmark_p_value_distance", model="m-bad", measure="ks") == pytest.approx(
        0.9, abs=0.01
    )
    assert value("earmark_p_value_distance", model="m-bad", measure="ks_by_chance") == (
        pytest.approx(0.215, abs=0.001)
    )


def test_shares_by_deliverer(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    rows = []
    for number in range(20):
        item, recent = str(number), number < 5
        rows += [
            row(UPLOADS, upload_id=item, distributor="D-1"),
            row(
                DECISIONS,
                decision_id=item,
                upload_id=item,
                outcome="identified" if recent else "no_trace",
                recorded_at=now - timedelta(minutes=5 if recent else 300),
            ),
        ]
    rows += [  # the catalogue, scored again
        row(
            DECISIONS,
            decision_id=f"{number}-2",
            upload_id=str(number),
            outcome="suspected",
            previous_decision_id=str(number),
            recorded_at=now,
        )
        for number in range(5, 20)
    ]
    ledger.write(rows)
    drift.measure(ledger)
    share = {
        item: value("earmark_deliverer_ai_share", deliverer="D-1", window=item) for item in WINDOWS
    }
    assert share == {"1h": 1.0, "1d": 0.25}
    assert value("earmark_deliverer_decisions", deliverer="D-1", window="1h") == 5


WINDOWS = ("1h", "1d")

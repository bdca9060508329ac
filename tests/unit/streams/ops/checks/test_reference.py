"""Drift from the release: the share of AI is none, a shift is; on scores that are known."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import REGISTRY

from detector.assessment.model import FULL_RATE_HZ, population
from streams.ops.checks import reference
from streams.ops.checks.reference import Histograms, compared, release
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, FINGERPRINTS, UPLOADS
from tests.support.ledger_filling import row

RANDOM = np.random.default_rng(5)
RELEASED = release(Settings().model)
FULL = RELEASED[2]["full_rate"]


def scores(count: int, ai_share: float, of: Histograms = FULL) -> NDArray[np.float64]:
    """Draw scores as the release has them."""
    upper = (*of.edges[1:], of.edges[-1] * 2)
    drawn = []
    for share, counts in ((ai_share, of.ai), (1 - ai_share, of.human)):
        weights = np.asarray(counts) / sum(counts)
        bins = RANDOM.choice(len(counts), size=round(count * share), p=weights)
        drawn.append(RANDOM.uniform(np.asarray(of.edges)[bins], np.asarray(upper)[bins]))
    return np.concatenate(drawn)


def test_the_manifest_says_how_the_scores_lie() -> None:
    name, digest, histograms = RELEASED
    assert name == Settings().model.name
    assert len(digest) == 64
    assert histograms.keys() == {"full_rate", "low_rate"}
    assert reference.FULL_RATE_HZ == FULL_RATE_HZ
    assert (population(44_100), population(44_099)) == ("full_rate", "low_rate")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_more_or_less_ai_is_no_drift_and_is_estimated(share: float) -> None:
    ai_share, comparison = compared(FULL, scores(2_000, share))
    assert ai_share == pytest.approx(share, abs=0.05)
    assert comparison["psi"] < 2 * comparison["psi_by_chance"]
    assert comparison["psi"] < 0.1
    assert comparison["psi_low"] <= comparison["psi_high"]


def test_a_window_that_the_release_explains_rarely_exceeds_what_chance_gives() -> None:
    """The release is the truth here, so the bound, which knows that it is a sample, is safe."""
    over = 0
    for _ in range(30):
        _, comparison = compared(FULL, scores(300, 0.3))
        over += comparison["psi"] > comparison["psi_by_chance"]
    assert over <= 4


def test_scores_that_no_share_of_ai_explains_are_drift() -> None:
    shifted = scores(1_000, 0.1) + 2.5  # a new format that lifts everybody's scores
    _, comparison = compared(FULL, shifted)
    assert comparison["psi_low"] > 0.25
    assert comparison["psi"] > 2 * comparison["psi_by_chance"]
    assert comparison["ks"] > comparison["ks_by_chance"]


def test_few_cases_say_little() -> None:
    few, many = (compared(FULL, scores(count, 0.3))[1] for count in (40, 2_000))
    assert few["psi_by_chance"] > many["psi_by_chance"]
    assert few["psi_high"] - few["psi_low"] > many["psi_high"] - many["psi_low"]


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_the_newest_are_compared_by_population_and_deliverer(tmp_path: Path) -> None:
    name, digest, _ = RELEASED
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    now, rows = datetime.now(UTC), []
    for deliverer, rate_hz, drawn in (
        ("steady", 44_100, scores(200, 0.2)),
        ("shifted", 48_000, scores(200, 0.2) + 3),
        ("few", 22_050, scores(5, 0.2)),
    ):
        for number, score in enumerate(drawn):
            item = f"{deliverer}-{number}"
            rows += [
                row(
                    ANALYSES,
                    analysis_id=item,
                    upload_id=item,
                    content_sha256=item,
                    score=float(score),
                    model_digest=digest if number % 20 else "another",
                    recorded_at=now - timedelta(seconds=number),
                ),
                row(
                    FINGERPRINTS,
                    upload_id=item,
                    content_sha256=item,
                    observation_version=1,
                    duration_s=60.0,
                    sample_rate_hz=rate_hz,
                ),
                row(UPLOADS, upload_id=item, distributor=deliverer),
            ]
    ledger.write(rows)
    reference.measure(ledger, Settings())
    ledger.close()
    labels = {"model": name, "population": "full_rate"}

    def of(deliverer: str, measure: str) -> float:
        comparison = value(
            "earmark_reference_drift", **labels, deliverer=deliverer, measure=measure
        )
        assert comparison is not None
        return comparison

    assert of("shifted", "psi") > 0.25 > of("steady", "psi_by_chance")
    assert of("steady", "psi") < of("all", "psi") < of("shifted", "psi")
    assert value("earmark_reference_drift_cases", **labels, deliverer="steady") == 190
    low = {"model": name, "population": "low_rate", "deliverer": "few"}
    assert value("earmark_reference_drift_cases", **low) is None, "too few to say anything"


def test_a_release_without_words_about_its_scores_has_no_figures(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "m"}))
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    reference.measure(ledger, Settings(model=tmp_path))
    ledger.close()
    assert not [
        sample
        for metric in reference.GAUGES
        for family in metric.collect()
        for sample in family.samples
    ]

"""All estimates of a service, from the ledger, and as people read them; on both databases."""

from typing import Any

from detector.types import Rates
from streams.services.accuracy import measure, table
from streams.store.database import Ledger
from tests.support.ruled import DIGEST, KIND, fill, track_rows

SUNO: dict[str, Any] = {"generator": "Suno", "kind": "comment", "strength": "strong"}


def test_a_kind_whose_rate_is_not_kept_is_named(ledger: Ledger) -> None:
    suspected: dict[str, Any] = {"outcome": "suspected", "queue": "suspected", "extent": "None"}
    fill(ledger, (track_rows(number, **suspected) for number in range(40)))
    fill(ledger, (track_rows(number) for number in range(40, 300)))
    fill(
        ledger, (track_rows(number, outcome="identified", mark=SUNO) for number in range(300, 330))
    )
    measured = measure(ledger, DIGEST, Rates(0.01, 0.001))
    (estimate,) = (one for one in measured.false_positives if one.share is not None)
    assert (estimate.of, estimate.tier, estimate.cases) == (KIND, "suspected", 40)
    assert estimate.low < 40 / 330 < estimate.high
    (recall,) = measured.recall
    assert (recall.of, recall.share) == ("Suno", 1.0)
    text = "\n".join(table(measured, Rates(0.01, 0.001)))
    assert "NOT KEPT: 1.00% is accepted" in text
    assert "Suno" in text
    assert measure(ledger, "e" * 64, Rates(0.01, 0.001)).false_positives == []


def test_few_cases_are_said_to_be_few(ledger: Ledger) -> None:
    suspected: dict[str, Any] = {"outcome": "suspected", "queue": "suspected", "extent": "None"}
    fill(ledger, (track_rows(number, **suspected) for number in range(3)))
    (line,) = (
        line
        for line in table(measure(ledger, DIGEST, Rates(0.01)), Rates(0.01))
        if line.startswith(KIND)
    )
    assert line.split() == [KIND, "suspected", "reviews", "3", "too", "few"]

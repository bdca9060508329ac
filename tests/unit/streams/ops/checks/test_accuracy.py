"""The gauges of false positives and recall."""

from pathlib import Path
from typing import Any

from streams.ops.checks import accuracy
from streams.ops.checks.reference import release
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from tests.support.gauges import value
from tests.support.ruled import KIND, fill, track_rows

SUNO: dict[str, Any] = {"generator": "Suno", "kind": "comment", "strength": "strong"}


def test_estimates_with_cases_enough_are_gauges_and_others_have_their_cases(
    tmp_path: Path,
) -> None:
    settings, ledger = Settings(alpha=0.02), Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    name, digest, _ = release(settings.model)
    service: dict[str, Any] = {"digest": digest, "alpha": 0.02}
    ruled: dict[str, Any] = {"outcome": "suspected", "queue": "suspected", "extent": "None"}
    fill(ledger, (track_rows(n, **service, **ruled) for n in range(30)))
    fill(ledger, (track_rows(n, **service) for n in range(30, 200)))
    fill(ledger, [track_rows(200, mark=SUNO, **service)])
    accuracy.measure(ledger, settings)
    of = {"model": name, "by": "kind", "of": KIND, "tier": "suspected", "evidence": "reviews"}
    low, share, high = (
        value("earmark_false_positive_share", **of, bound=bound) or 0.0
        for bound in ("low", "share", "high")
    )
    assert 0.02 < low < share < high
    assert share == 30 / 201
    assert value("earmark_false_positive_cases", **of) == 30
    assert value("earmark_accepted_false_positive_share", tier="suspected") == 0.02
    marked = {"model": name, "by": "generator", "of": "Suno", "evidence": "marks"}
    assert value("earmark_recall_cases", **marked) == 1
    assert value("earmark_recall_share", **marked, bound="share") is None

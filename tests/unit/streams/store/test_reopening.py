"""Tracks that a change affects, on both databases."""

from datetime import UTC, date, datetime, timedelta

from streams.contract import topics
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.stages.ledger import project
from streams.store import reopening
from streams.store.database import Ledger, Row
from streams.store.tables import SUBJECTS
from tests.support.events import agreement, classified, message
from tests.support.redeciding import SONGMAKER, T0, Pipeline
from tests.support.stories import tell


def test_an_entry_about_very_many_recordings_reopens_each_track_once(pipeline: Pipeline) -> None:
    """More names than one statement takes, on both databases."""
    names = [f"QZABC26{number:05}" for number in range(40_000)]
    rows = [
        {"upload_id": f"upl_{n}", "track_id": f"T-{n % 3}", "kind": "isrc", "name": names[at]}
        for n, at in enumerate((0, 9_999, 20_000, 39_999))
    ]
    pipeline.ledger.write(Row(SUBJECTS, row) for row in rows)
    keys = [("isrc", name) for name in names]
    assert sorted(reopening.tracks_about(pipeline.ledger, keys)) == ["T-0", "T-1", "T-2"]


def test_what_ends_by_date_is_called_when_it_is_due(pipeline: Pipeline) -> None:
    ends = date(2026, 12, 31)
    pipeline.read(topics.RIGHTS_CHANGED, agreement(valid_until=ends))
    decided = pipeline.deliver(classified(declared=SONGMAKER))
    midnight = datetime(2027, 1, 1, tzinfo=UTC)
    assert decided.reconsider_at == midnight
    assert reopening.due(pipeline.ledger, midnight - timedelta(seconds=1)) == []
    assert reopening.due(pipeline.ledger, midnight) == [(decided.decision_id, "T-1")]


def test_tracks_decided_since_a_moment_come_each_once(ledger: Ledger) -> None:
    for number, hours in ((2, 0), (1, 2), (0, 4)):
        tell(ledger, f"T-{number}", at_ms=T0 + hours * 3_600_000)
    assert list(reopening.tracks_since(ledger, None)) == ["T-0", "T-1", "T-2"]
    assert list(reopening.tracks_since(ledger, None, 2)) == ["T-0", "T-1"]
    since = datetime.fromtimestamp(T0 / 1_000, UTC) + timedelta(hours=1)
    assert list(reopening.tracks_since(ledger, since)) == ["T-0", "T-1"]


def test_a_track_without_its_analysis_has_no_current_decision(ledger: Ledger) -> None:
    decided = decide(classified(), load(Settings().policy)).decided
    project(ledger, [message(topics.DECIDED, decided)])
    assert reopening.current_decisions(ledger, ["T-1"]) == {}
    published = decided, datetime.fromtimestamp(T0 / 1_000, UTC)
    assert reopening.missing(ledger, [published]) == {decided.decision_id}
    project(ledger, [message(topics.CLASSIFIED, classified())])
    assert reopening.current_decisions(ledger, ["T-1", "T-9"]).keys() == {"T-1"}
    assert reopening.missing(ledger, [published]) == set()
    again = decided, published[1] + timedelta(milliseconds=1)
    assert reopening.missing(ledger, [again]) == {decided.decision_id}

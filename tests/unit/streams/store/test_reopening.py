"""Tracks that a change affects, on both databases."""

from datetime import UTC, date, datetime, timedelta

from streams.contract import topics
from streams.store import reopening
from streams.store.database import Row
from streams.store.tables import SUBJECTS
from tests.support.events import agreement, classified
from tests.support.redeciding import SONGMAKER, Pipeline


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

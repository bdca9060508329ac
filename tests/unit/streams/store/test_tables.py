"""Types of columns, on both databases: times are UTC, and any text is stored."""

from datetime import UTC, datetime

import sqlalchemy

from streams.contract import topics
from streams.contract.records import (
    UploadReceived,
)
from streams.runtime.kafka.handler import Handled
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.tables import UPLOADS
from tests.support.events import (
    message,
    received,
)


def test_times_are_utc_and_records_are_kept_to_the_letter(ledger: Ledger) -> None:
    event = message(topics.UPLOADED, received(), timestamp_ms=1_795_000_000_123)
    project(ledger, [event])
    with ledger.reading() as connection:
        row = connection.execute(sqlalchemy.select(UPLOADS)).one()
    assert row.record.encode() == event.value
    assert row.recorded_at == datetime.fromtimestamp(1_795_000_000.123, UTC)
    assert row.recorded_at.tzinfo is not None


def test_any_text_can_be_stored(ledger: Ledger) -> None:
    odd = "NUL \x00, 🎵, 'quote', \u202e and %s"
    event = message(topics.UPLOADED, received(title=odd))
    assert project(ledger, [event]) == Handled([])
    with ledger.reading() as connection:
        title, record = connection.execute(
            sqlalchemy.select(UPLOADS.c.title, UPLOADS.c.record)
        ).one()
    assert title == odd.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    assert UploadReceived.model_validate_json(record).upload.title == odd

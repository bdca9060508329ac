"""Queries about tracks and uploads."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from streams.contract.records import parse
from streams.contract.records.policy import StatementWritten
from streams.store.database import Ledger
from streams.store.tables import FINGERPRINTS, STATEMENTS


def latest_content(ledger: Ledger, track_id: str) -> str | None:
    """Return the content of the latest decoded upload of a track."""
    contents = select(FINGERPRINTS.c.content_sha256).where(FINGERPRINTS.c.track_id == track_id)
    with ledger.reading() as connection:
        content: str | None = connection.scalar(
            contents.order_by(FINGERPRINTS.c.recorded_at.desc()).limit(1)
        )
    return content


def statements(
    ledger: Ledger, since: datetime | None = None, track_id: str = ""
) -> Iterator[StatementWritten]:
    """Yield statements of reasons as written, the oldest first."""
    query = select(STATEMENTS.c.record).order_by(
        STATEMENTS.c.recorded_at, STATEMENTS.c.statement_id
    )
    if since is not None:
        query = query.where(STATEMENTS.c.recorded_at >= since)
    if track_id:
        query = query.where(STATEMENTS.c.track_id == track_id)
    with ledger.reading() as connection:
        for record in connection.scalars(query.execution_options(yield_per=500)):
            yield parse(StatementWritten, record.encode())

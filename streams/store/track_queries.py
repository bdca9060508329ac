"""Queries about tracks and uploads."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import select

from streams.contract.records import TrackDecided, parse
from streams.contract.records.policy import StatementWritten
from streams.store.cursors import Sorted
from streams.store.database import Ledger
from streams.store.tables import DECISIONS, FINGERPRINTS, METADATA, STATEMENTS, UPLOADS


def latest_content(ledger: Ledger, track_id: str) -> str | None:
    """Return the content of the latest decoded upload of a track."""
    contents = select(FINGERPRINTS.c.content_sha256).where(FINGERPRINTS.c.track_id == track_id)
    with ledger.reading() as connection:
        content: str | None = connection.scalar(
            contents.order_by(FINGERPRINTS.c.recorded_at.desc()).limit(1)
        )
    return content


def latest_uploads(ledger: Ledger, track_id: str, limit: int) -> list[str]:
    """Return the ids of the latest uploads of a track, latest first."""
    question = select(UPLOADS.c.upload_id).where(UPLOADS.c.track_id == track_id)
    with ledger.reading() as connection:
        return list(
            connection.scalars(question.order_by(UPLOADS.c.uploaded_at.desc()).limit(limit))
        )


def latest_decision(ledger: Ledger, track_id: str) -> TrackDecided | None:
    """Return the latest decision about the latest upload of a track."""
    records = select(DECISIONS.c.record).where(DECISIONS.c.track_id == track_id)
    latest = records.order_by(DECISIONS.c.uploaded_at.desc(), DECISIONS.c.recorded_at.desc())
    with ledger.reading() as connection:
        record = connection.scalar(latest.limit(1))
    return None if record is None else parse(TrackDecided, record.encode())


def audio_of(ledger: Ledger, upload_id: str) -> tuple[str | None, str | None]:
    """Return the URI of an upload and the SHA-256 of its decoded content; None: not known."""
    content = select(FINGERPRINTS.c.content_sha256).where(FINGERPRINTS.c.upload_id == upload_id)
    with ledger.reading() as connection:
        uri = connection.scalar(select(UPLOADS.c.uri).where(UPLOADS.c.upload_id == upload_id))
        return uri, connection.scalar(content.limit(1))


def is_uploaded(ledger: Ledger, uri: str) -> bool:
    """Return whether an upload names this URI."""
    with ledger.reading() as connection:
        upload = select(UPLOADS.c.upload_id).where(UPLOADS.c.uri == uri)
        return connection.scalar(upload.limit(1)) is not None


def records(
    ledger: Ledger,
    table: Literal["uploads", "labels", "decisions"],
    cursor: str | None,
    limit: int,
    *,
    track_id: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return records of a table (of one track), latest first, and the cursor of the next page.

    Raises:
        BadCursor: the cursor belongs to another list.
    """
    rows_of = METADATA.tables[table]
    key = next(iter(rows_of.primary_key.columns))
    latest = Sorted.by((rows_of.c.recorded_at, True), (key, True))
    question = select(rows_of.c.recorded_at, key, rows_of.c.record)
    if track_id is not None:
        question = question.where(rows_of.c.track_id == track_id)
    with ledger.reading() as connection:
        rows = connection.execute(latest.part(question, cursor, limit)).mappings().all()
    part = latest.as_part(rows, cursor, limit)
    return [orjson.loads(row["record"]) for row in part.rows], part.next


def statement(ledger: Ledger, statement_id: str) -> StatementWritten | None:
    """Return a statement of reasons by its id."""
    question = select(STATEMENTS.c.record).where(STATEMENTS.c.statement_id == statement_id)
    with ledger.reading() as connection:
        record = connection.scalar(question)
    return None if record is None else parse(StatementWritten, record.encode())


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

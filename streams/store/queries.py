"""Reads of the ledger: decisions, observations, the story of a track."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from streams.contract.records import ObservationRef, TrackDecided, TrackFingerprinted, parse
from streams.store.database import Ledger
from streams.store.tables import (
    DEAD_LETTER_ACTIONS,
    DEAD_LETTERS,
    DECISIONS,
    FINGERPRINTS,
    METADATA,
    UPLOADS,
)

# Every table of records about tracks; their order in ``tables`` settles ties of a story.
STORY: Final = tuple(
    table
    for table in METADATA.tables.values()
    if "track_id" in table.c and "record" in table.c and not table.info.get("people")
)
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One row about a track: its table, its time, its record."""

    table: str
    recorded_at: datetime | None
    record: Mapping[str, Any]


def counts(ledger: Ledger) -> dict[str, int]:
    """Return how many rows each projection of a topic has."""
    with ledger.reading() as connection:
        return {
            table.name: connection.scalars(select(func.count()).select_from(table)).one()
            for table in METADATA.sorted_tables
            if not table.info.get("people")
        }


def decision_of(ledger: Ledger, upload_id: str) -> TrackDecided | None:
    """Return the latest decision about an upload."""
    return next(iter(_decisions(ledger, DECISIONS.c.upload_id == upload_id, limit=1)), None)


def decision(ledger: Ledger, decision_id: str) -> TrackDecided | None:
    """Return a decision by its id."""
    return next(iter(_decisions(ledger, DECISIONS.c.decision_id == decision_id, limit=1)), None)


def content_of(connection: Connection, decision_id: str) -> str | None:
    """Return the content that a decision is about."""
    question = select(DECISIONS.c.content_sha256).where(DECISIONS.c.decision_id == decision_id)
    return connection.scalar(question)


def observation_of(ledger: Ledger, upload_id: str, content_sha256: str) -> ObservationRef | None:
    """Return the latest observation of an upload's content."""
    question = (
        select(FINGERPRINTS.c.record)
        .where(FINGERPRINTS.c.upload_id == upload_id)
        .where(FINGERPRINTS.c.content_sha256 == content_sha256)
        .order_by(FINGERPRINTS.c.observation_version.desc())
        .limit(1)
    )
    with ledger.reading() as connection:
        text = connection.scalar(question)
    return None if text is None else parse(TrackFingerprinted, text.encode()).observation


def track_of(ledger: Ledger, upload_id: str) -> str | None:
    """Return the track that an upload is of, or None where the upload is unknown."""
    question = select(UPLOADS.c.track_id).where(UPLOADS.c.upload_id == upload_id)
    with ledger.reading() as connection:
        return connection.scalar(question)


def latest_decisions(ledger: Ledger, limit: int) -> list[TrackDecided]:
    """Return the latest decisions, latest first."""
    return _decisions(ledger, None, limit)


def _decisions(
    ledger: Ledger, condition: ColumnElement[bool] | None, limit: int
) -> list[TrackDecided]:
    question = select(DECISIONS.c.record)
    if condition is not None:
        question = question.where(condition)
    with ledger.reading() as connection:
        texts = connection.scalars(_latest_first(question, DECISIONS).limit(limit)).all()
    return [parse(TrackDecided, text.encode()) for text in texts]


def story(ledger: Ledger, track_id: str) -> list[Entry]:
    """Return everything about a track, oldest first."""
    entries: list[Entry] = []
    with ledger.reading() as connection:
        for table in STORY:
            question = select(table.c.recorded_at, table.c.record)
            for at, text in connection.execute(question.where(table.c.track_id == track_id)):
                entries.append(Entry(table.name, at, orjson.loads(text)))
        question = select(DEAD_LETTERS).where(DEAD_LETTERS.c.track_id == track_id)
        for row in connection.execute(question).mappings():
            fields = {name: row[name] for name in ("source", "processor", "reason", "detail")}
            entries.append(Entry(DEAD_LETTERS.name, row["recorded_at"], fields))
        question = select(DEAD_LETTER_ACTIONS).where(DEAD_LETTER_ACTIONS.c.track_id == track_id)
        entries.extend(
            Entry(DEAD_LETTER_ACTIONS.name, row["recorded_at"], dict(row))
            for row in connection.execute(question).mappings()
        )
    return sorted(entries, key=lambda entry: entry.recorded_at or LONG_AGO)


def _latest_first(question: Select[Any], table: Table) -> Select[Any]:
    key = next(iter(table.primary_key.columns))
    return question.order_by(table.c.recorded_at.desc(), key)

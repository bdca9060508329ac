"""Queries about uploads, tracks and decisions, the story of a track, the progress of an upload."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Column, ColumnElement, Connection, func, literal, select, true, union_all

from streams.contract.records import ObservationRef, TrackDecided, TrackFingerprinted
from streams.contract.records.policy import StatementWritten
from streams.store import stored_records
from streams.store.account_tables import AUDIT
from streams.store.cursors import PART_BYTES, part
from streams.store.database import Ledger, count, first_parsed, parsed
from streams.store.decision_order import LATEST_FIRST
from streams.store.stored_records import fields_of
from streams.store.tables import (
    ANALYSES,
    DEAD_LETTERS,
    DECISIONS,
    FINGERPRINTS,
    LONG_AGO,
    METADATA,
    RESCORES,
    STATEMENTS,
    UPLOADS,
)
from streams.store.tables import DEAD_LETTER_ACTIONS as ACTIONS

# Every table of records about tracks; their order in ``tables`` settles ties of a story. What a
# candidate would answer is no part of it.
STORY: Final = tuple(
    table
    for table in METADATA.tables.values()
    if "track_id" in table.c
    and "record" in table.c
    and not table.info.get("people")
    and table is not RESCORES
)
VERSIONS: Final = 50
STORY_ROWS: Final = 1_000  # of a table about one track
Stage = Literal["received", "fingerprinted", "classified", "decided", "dead_letter"]
ROWS: Final = {
    "received": UPLOADS,
    "fingerprinted": FINGERPRINTS,
    "classified": ANALYSES,
    "decided": DECISIONS,
    "dead_letter": DEAD_LETTERS,
}


@dataclass(frozen=True)
class Entry:
    """One row about a track: its table, its time, its record."""

    table: str
    recorded_at: datetime | None
    record: Mapping[str, Any]


def _of(column: Column[Any], distributors: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that an upload is of these distributors; none: of any."""
    if not distributors:
        return true()
    own = UPLOADS.c.distributor.in_(distributors)
    return own if column.table is UPLOADS else column.in_(select(UPLOADS.c.upload_id).where(own))


def is_of(ledger: Ledger, upload_id: str, distributors: Collection[str]) -> bool:
    """Return whether an upload is of one of these distributors; none: always."""
    own = select(UPLOADS.c.upload_id).filter_by(upload_id=upload_id)
    with ledger.reading() as connection:
        question = own.where(UPLOADS.c.distributor.in_(distributors))
        return not distributors or connection.scalar(question) is not None


def counts(ledger: Ledger) -> dict[str, int]:
    """Return how many rows each projection of a topic has."""
    with ledger.reading() as connection:
        return {
            table.name: count(connection, table)
            for table in METADATA.sorted_tables
            if not table.info.get("people")
        }


def versions(ledger: Ledger, name: Literal["model", "policy"]) -> list[dict[str, Any]]:
    """Return the models or policies of all decisions, with counts, the latest first."""
    labels = {"name": name, "version": f"{name}_version", "digest": f"{name}_digest"}
    last = func.max(DECISIONS.c.recorded_at)
    question = (
        select(
            *(DECISIONS.c[column].label(label) for label, column in labels.items()),
            *(func.count().label("decisions"), last.label("last")),
        )
        .group_by(*(DECISIONS.c[column] for column in labels.values()))
        .order_by(last.desc())
        .limit(VERSIONS)
    )
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(question).mappings()]


def decisions(
    connection: Connection, *, limit: int | None = None, **key: str
) -> list[TrackDecided]:
    """Return the decisions of a ``decision_id`` or about an ``upload_id``, latest first."""
    question = select(DECISIONS.c.record).filter_by(**key)
    latest = question.order_by(*LATEST_FIRST).limit(limit)
    return parsed(connection, TrackDecided, latest)


def decision(ledger: Ledger, **key: str) -> TrackDecided | None:
    """Return the decision of a ``decision_id``, or the latest about an ``upload_id``."""
    with ledger.reading() as connection:
        return next(iter(decisions(connection, limit=1, **key)), None)


def decision_row(connection: Connection, decision_id: str) -> Any:
    """Return the row of a decision, or None."""
    return connection.execute(select(DECISIONS).filter_by(decision_id=decision_id)).one_or_none()


def observation_of(ledger: Ledger, upload_id: str, content_sha256: str) -> ObservationRef | None:
    """Return the latest observation of an upload's content."""
    key = {"upload_id": upload_id, "content_sha256": content_sha256}
    question = select(FINGERPRINTS.c.record).filter_by(**key)
    latest = question.order_by(FINGERPRINTS.c.observation_version.desc())
    with ledger.reading() as connection:
        event = first_parsed(connection, TrackFingerprinted, latest)
    return None if event is None else event.observation


def track_of(ledger: Ledger, upload_id: str) -> str | None:
    """Return the track that an upload is of, or None where the upload is unknown."""
    question = select(UPLOADS.c.track_id).where(UPLOADS.c.upload_id == upload_id)
    with ledger.reading() as connection:
        return connection.scalar(question)


def latest_content(ledger: Ledger, track_id: str) -> str | None:
    """Return the content of the latest decoded upload of a track."""
    contents = select(FINGERPRINTS.c.content_sha256).where(FINGERPRINTS.c.track_id == track_id)
    with ledger.reading() as connection:
        return connection.scalar(contents.order_by(FINGERPRINTS.c.recorded_at.desc()).limit(1))


def latest_uploads(
    ledger: Ledger, track_id: str, limit: int, distributors: Collection[str] = ()
) -> list[str]:
    """Return the ids of the latest uploads of a track, latest first."""
    own = _of(UPLOADS.c.upload_id, distributors)
    question = select(UPLOADS.c.upload_id).where(UPLOADS.c.track_id == track_id, own)
    latest = question.order_by(UPLOADS.c.uploaded_at.desc()).limit(limit)
    with ledger.reading() as connection:
        return list(connection.scalars(latest))


def latest_decision(
    ledger: Ledger, track_id: str, distributors: Collection[str] = ()
) -> TrackDecided | None:
    """Return the latest decision about a track."""
    own = _of(DECISIONS.c.upload_id, distributors)
    question = select(DECISIONS.c.record).where(DECISIONS.c.track_id == track_id, own)
    with ledger.reading() as connection:
        return first_parsed(connection, TrackDecided, question.order_by(*LATEST_FIRST))


def audio_of(ledger: Ledger, upload_id: str) -> tuple[str | None, str | None]:
    """Return the URI of an upload and the SHA-256 of its decoded content; None: not known."""
    content = select(FINGERPRINTS.c.content_sha256).where(FINGERPRINTS.c.upload_id == upload_id)
    with ledger.reading() as connection:
        uri = connection.scalar(select(UPLOADS.c.uri).where(UPLOADS.c.upload_id == upload_id))
        return uri, connection.scalar(content.limit(1))


def is_uploaded(connection: Connection, uri: str) -> bool:
    """Return whether an upload names this URI."""
    upload = select(UPLOADS.c.upload_id).where(UPLOADS.c.uri == uri)
    return connection.scalar(upload.limit(1)) is not None


def records(
    ledger: Ledger,
    name: Literal["uploads", "labels", "decisions"],
    cursor: str | None,
    limit: int,
    *,
    track_id: str | None = None,
    distributors: Collection[str] = (),
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the latest records (of a track) and the cursor after them; may raise ``BadCursor``."""
    table = METADATA.tables[name]
    key = next(iter(table.primary_key.columns))
    own = _of(table.c.upload_id, distributors)
    question = select(table.c.recorded_at, key, table.c.record).where(own)
    if track_id is not None:
        question = question.where(table.c.track_id == track_id)
    with ledger.reading() as connection:
        order = (table.c.recorded_at.desc(), key.desc())
        page = part(connection, question, order, cursor, limit, large=table.c.record)
    return [fields_of(row["record"]) for row in page.rows], page.next


def statement(connection: Connection, statement_id: str | None) -> StatementWritten | None:
    """Return a statement of reasons by its id."""
    question = select(STATEMENTS.c.record).filter_by(statement_id=statement_id)
    return first_parsed(connection, StatementWritten, question)


def statements(
    ledger: Ledger, since: datetime | None = None, track_id: str = ""
) -> Iterator[StatementWritten]:
    """Yield statements of reasons as written, the oldest first."""
    key = (STATEMENTS.c.recorded_at, STATEMENTS.c.statement_id)
    query = select(STATEMENTS.c.record, *key)
    if since is not None:
        query = query.where(STATEMENTS.c.recorded_at >= since)
    if track_id:
        query = query.where(STATEMENTS.c.track_id == track_id)
    for row in ledger.pages(query, *key):
        if (statement := stored_records.read(StatementWritten, row["record"])) is not None:
            yield statement


def story(ledger: Ledger, track_id: str, distributors: Collection[str] = ()) -> list[Entry]:
    """Return what is stored about a track, oldest first; of each table the latest that fit.

    Where older rows are left out, the first entry is of the table ``left_out``.
    """
    letters, actions = DEAD_LETTERS.c, ACTIONS.c
    others = {
        DEAD_LETTERS: [letters.source, letters.processor, letters.reason, letters.detail],
        ACTIONS: list(actions),
    }
    large = {DEAD_LETTERS: letters.detail, ACTIONS: actions.why}
    entries: list[Entry] = []
    with ledger.reading() as connection:
        for table in (*STORY, *others):
            columns = others.get(table) or [table.c.record]
            about = table.c.track_id == track_id, _of(table.c.upload_id, distributors)
            # Anybody may deliver a track a thousand times, each time with much about it.
            order = table.c.recorded_at.desc(), *table.primary_key
            size = func.length(large.get(table, columns[0]))
            rows = select(
                *(table.c.recorded_at.label("at"), *columns),
                *(
                    func.row_number().over(order_by=order).label("place"),
                    func.count().over().label("stored"),
                ),
                func.sum(size).over(order_by=order, rows=(None, 0)).label("bytes_so_far"),
            )
            latest = rows.where(*about).subquery()
            fits = (latest.c.place <= STORY_ROWS) & (latest.c.bytes_so_far <= PART_BYTES)
            shown = connection.execute(select(latest).where(fits | (latest.c.place == 1))).all()
            if shown and len(shown) < shown[0].stored:
                entries.append(Entry("left_out", None, {"table": table.name}))
            for row in shown:
                fields = {column.name: row._mapping[column.name] for column in columns}
                record = fields if table in others else fields_of(fields["record"])
                entries.append(Entry(table.name, row.at, record))
    return sorted(entries, key=lambda entry: entry.recorded_at or LONG_AGO)


@dataclass(frozen=True)
class Progress:
    """The stage of an upload, its decision if there is one, its failure if it is a dead letter."""

    upload_id: str
    track_id: str
    status: Stage
    decision: TrackDecided | None = None
    failure: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Return whether no further event will come without an action."""
        return self.status in ("decided", "dead_letter")


def progress_of(ledger: Ledger, upload_id: str) -> Progress | None:
    """Return the progress of an upload; None where the ledger has no row of it."""
    rows = [
        select(literal(name).label("stage"), table.c.track_id).where(table.c.upload_id == upload_id)
        for name, table in ROWS.items()
    ]
    with ledger.reading() as connection:
        tracks = {row.stage: row.track_id for row in connection.execute(union_all(*rows))}
        if not tracks:
            return None
        track_id = next(iter(tracks.values())) or ""
        if "decided" in tracks:
            latest = next(iter(decisions(connection, limit=1, upload_id=upload_id)), None)
            return Progress(upload_id, track_id, "decided", latest)
        if "dead_letter" in tracks and (failure := _failure(connection, upload_id)) is not None:
            return Progress(upload_id, track_id, "dead_letter", failure=failure)
    later: tuple[Stage, ...] = ("classified", "fingerprinted")
    return Progress(upload_id, track_id, next((s for s in later if s in tracks), "received"))


def _failure(connection: Connection, upload_id: str) -> dict[str, Any] | None:
    """Return the reason of the latest dead letter; None where the upload was sent again since."""
    replays = select(ACTIONS.c.action_id).where(
        ACTIONS.c.dead_letter_id == DEAD_LETTERS.c.dead_letter_id, ACTIONS.c.action == "replayed"
    )
    sent = select(func.max(AUDIT.c.at)).filter_by(subject=upload_id, action="uploaded")
    names = ("dead_letter_id", "reason", "detail")
    columns = *(DEAD_LETTERS.c[name] for name in names), DEAD_LETTERS.c.recorded_at
    question = (
        select(*columns, replays.exists().label("replayed"), sent.scalar_subquery().label("sent"))
        .where(DEAD_LETTERS.c.upload_id == upload_id)
        .order_by(DEAD_LETTERS.c.recorded_at.desc())
        .limit(1)
    )
    row = connection.execute(question).first()
    if row is None or row.replayed or (row.sent and row.recorded_at and row.recorded_at < row.sent):
        return None
    return {name: row._mapping[name] for name in names}

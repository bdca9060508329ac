"""Queries for scoring stored observations again, and for comparing what models answer."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter

from sqlalchemy import Connection, Table, func, select

from streams.contract.records import Analysis, ModelRef, TrackClassified, TrackFingerprinted
from streams.contract.records.rescoring import TrackRescored
from streams.store import audit, stored_records
from streams.store.account_tables import AUDIT
from streams.store.database import Ledger, Row, chunks, parsed
from streams.store.erasure import FORGOTTEN
from streams.store.tables import ANALYSES, DECISIONS, FINGERPRINTS, LONG_AGO, RESCORES

Content = tuple[str, str]  # an upload's id and the SHA-256 of its content


def count_tracks(ledger: Ledger, since: datetime | None) -> int:
    """Return how many tracks were decided since a moment (``reopening.tracks_since``)."""
    recent = [] if since is None else [DECISIONS.c.recorded_at >= since]
    query = select(func.count(DECISIONS.c.track_id.distinct())).where(*recent)
    with ledger.reading() as connection:
        return connection.scalar(query) or 0


def fingerprints(
    ledger: Ledger, upload_ids: Collection[str]
) -> Mapping[Content, TrackFingerprinted]:
    """Return the decoded events of uploads, each with its newest observation."""
    newest: dict[Content, TrackFingerprinted] = {}
    with ledger.reading() as connection:
        for ids in chunks(set(upload_ids)):
            query = select(FINGERPRINTS.c.record).where(FINGERPRINTS.c.upload_id.in_(ids))
            in_order = query.order_by(FINGERPRINTS.c.observation_version)
            for event in parsed(connection, TrackFingerprinted, in_order):
                newest[event.upload_id, event.content_sha256] = event
    return newest


def is_decoded(ledger: Ledger, content: Content) -> bool:
    """Return whether an upload's decoded event is stored; after an erasure it is not."""
    upload_id, content_sha256 = content
    query = select(FINGERPRINTS.c.upload_id).where(
        FINGERPRINTS.c.upload_id == upload_id, FINGERPRINTS.c.content_sha256 == content_sha256
    )
    with ledger.reading() as connection:
        return connection.execute(query.limit(1)).first() is not None


def rescored_upload(row: Row) -> str | None:
    """Return the upload whose stored observation was scored again; None: the row is no such."""
    if row.table is RESCORES or (row.table is ANALYSES and row.values["replaces"] is not None):
        return str(row.values["upload_id"])
    return None


def erased(connection: Connection, rows: Iterable[Row]) -> set[str]:
    """Return the rescored uploads of these rows whose tracks were erased since the request.

    No track is erased from here until the caller's transaction ends. An upload of which the
    ledger has no decoded event is not enough: in a ledger that reads its topics anew, it follows.
    """
    tracks = {upload_id: row.values["track_id"] for row in rows
              if (upload_id := rescored_upload(row)) is not None}  # fmt: skip
    if not tracks:
        return set()
    audit.lock(connection)
    held: set[str] = set()
    for ids in chunks(tracks):
        query = select(FINGERPRINTS.c.upload_id).where(FINGERPRINTS.c.upload_id.in_(ids))
        held.update(connection.scalars(query))
    forgotten: set[str] = set()
    for subjects in chunks({track_id for upload, track_id in tracks.items() if upload not in held}):
        query = select(AUDIT.c.subject).where(
            AUDIT.c.action == FORGOTTEN, AUDIT.c.subject.in_(subjects)
        )
        forgotten.update(connection.scalars(query))
    return {upload for upload, track in tracks.items() if upload not in held and track in forgotten}


def answers(
    ledger: Ledger, upload_ids: Collection[str], *digests: str
) -> Mapping[str, Mapping[str, Analysis]]:
    """Return the latest analysis of each upload by each of these models, candidates included."""
    by_upload: dict[str, dict[str, Analysis]] = defaultdict(dict)
    with ledger.reading() as connection:
        for ids in chunks(set(upload_ids)):
            of_both = [
                *_answers(connection, TrackRescored, RESCORES, ids, digests),
                *_answers(connection, TrackClassified, ANALYSES, ids, digests),
            ]
            for _, upload_id, analysis in sorted(of_both, key=itemgetter(0)):
                by_upload[upload_id][analysis.model.digest] = analysis
    return by_upload


def models(ledger: Ledger) -> list[ModelRef]:
    """Return the models of the decisions and the candidates that answered here."""
    names = ("model", "model_version", "model_digest")
    known: set[tuple[str, str, str]] = set()
    with ledger.reading() as connection:
        for table in (DECISIONS, RESCORES):
            query = select(*(table.c[name] for name in names)).distinct()
            known.update((row[0], row[1], row[2]) for row in connection.execute(query))
    return [
        ModelRef(name=name, version=version, digest=digest)
        for name, version, digest in sorted(known)
    ]


def _answers(
    connection: Connection,
    kind: type[TrackRescored | TrackClassified],
    table: Table,
    upload_ids: Collection[str],
    digests: Collection[str],
) -> Iterator[tuple[datetime, str, Analysis]]:
    question = select(table.c.recorded_at, table.c.record).where(
        table.c.upload_id.in_(upload_ids), table.c.model_digest.in_(digests)
    )
    for row in connection.execute(question).all():
        event = stored_records.read(kind, row.record)
        if event is not None:
            yield row.recorded_at or LONG_AGO, event.upload_id, event.analysis

"""Queries for scoring stored observations again, and for comparing what models answer."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from operator import itemgetter

from sqlalchemy import Connection, Table, func, select

from streams.contract.records import Analysis, ModelRef, TrackClassified, TrackFingerprinted
from streams.contract.records.rescoring import TrackRescored
from streams.store import stored_records
from streams.store.database import Ledger, chunks, parsed
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

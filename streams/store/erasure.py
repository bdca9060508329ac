"""Erasure: the rows and contents of tracks in every table."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from sqlalchemy import Column, Connection, MetaData, Table, delete, inspect, select

from streams.store import statement_deliveries
from streams.store.account_tables import DELIVERIES, GOLDEN, OUTBOX, REQUESTS
from streams.store.database import count
from streams.store.tables import FINGERPRINTS, METADATA, UPLOADS

FORGOTTEN: Final = "track_forgotten"  # the audit log's action

# Tables of the reference catalogue, where its consumer uses this database.
CATALOGUE: Final = ("catalogue_tracks", "catalogue_territories")


def known_tracks(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return the tracks of which the ledger has an upload."""
    return set(connection.scalars(select(UPLOADS.c.track_id).where(UPLOADS.c.track_id.in_(ids))))


def contents(connection: Connection, ids: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the contents of these tracks alone, and those that other tracks share."""
    content, track = FINGERPRINTS.c.content_sha256, FINGERPRINTS.c.track_id
    fingerprinted = set(connection.scalars(select(content).where(track.in_(ids)).distinct()))
    elsewhere = select(content).where(content.in_(fingerprinted), track.not_in(ids))
    shared = set(connection.scalars(elsewhere))
    uploads = connection.scalars(select(UPLOADS.c.uri).where(UPLOADS.c.track_id.in_(ids)))
    # an HTTP upload that was never decoded is stored under its own hash
    stored = {uri.rpartition("/")[2] for uri in uploads if "/uploads/" in uri}
    others = UPLOADS.c.track_id.not_in(ids)
    shared |= {
        sha256
        for sha256 in stored - fingerprinted
        if count(connection, UPLOADS, others, UPLOADS.c.uri.endswith(f"/{sha256}"))
    }
    return sorted((fingerprinted | stored) - shared), sorted(shared)


def rows(
    connection: Connection, ids: Collection[str], *, really: bool
) -> Iterator[tuple[str, int]]:
    """Yield how many rows each table has about these tracks; with ``really`` delete them."""
    if really:
        statement_deliveries.hand_over_tasks(connection, ids)
    for table, condition in _conditions(connection, ids):
        if really:
            yield table.name, connection.execute(delete(table).where(condition)).rowcount
        else:
            yield table.name, count(connection, table, condition)


def _conditions(connection: Connection, ids: Collection[str]) -> Iterator[tuple[Table, Any]]:
    question = select(UPLOADS.c.upload_id).where(UPLOADS.c.track_id.in_(ids))
    uploads = connection.scalars(question).all()
    yield OUTBOX, OUTBOX.c.key.in_(ids)
    yield GOLDEN, GOLDEN.c.upload_id.in_(uploads)
    yield REQUESTS, REQUESTS.c.answer.in_(uploads)
    for track_id in ids:  # the event as it was posted, by its JSON
        field = f'"track_id":"{track_id}"'
        yield DELIVERIES, DELIVERIES.c.body.contains(field, autoescape=True)
    for table in METADATA.sorted_tables:
        if "track_id" in table.c:
            yield table, table.c.track_id.in_(ids)
    existing = inspect(connection).get_table_names()
    for name in CATALOGUE:
        if name in existing:
            table = Table(name, MetaData(), Column("track_id"))
            yield table, table.c.track_id.in_(ids)

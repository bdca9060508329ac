"""Forgetting tracks: everything that the ledger and the store hold about them.

What a person may ask for (GDPR, Article 17) goes by track: the rows of every table, and the
artefacts of contents that no other track has. Two things stay and are told: the audit log,
which the database refuses to change and which holds ids alone, and the topics, which Kafka
forgets by age (docs/runbooks.md, "Deleting a person's data").
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, MetaData, Table, delete, func, inspect, select

from detector.errors import Transient
from streams.media.artefacts import ArtefactStore
from streams.store import audit
from streams.store.account_tables import AUDIT, DELIVERIES, GOLDEN, OUTBOX, REQUESTS
from streams.store.database import Ledger
from streams.store.tables import FINGERPRINTS, METADATA, UPLOADS

KEPT: Final = (AUDIT,)
# Answers (answers/) are named by a hash, hold scores alone, and are of no use without these.
PLACES: Final = (
    *("heard/*/??/{}.*", "provenance/*/??/{}.json"),
    *("pictures/*/??/{}.*", "uploads/??/{}"),
)
# Of a consumer's own database, where it is this one: the reference catalogue's.
CATALOGUE: Final = ("catalogue_tracks", "catalogue_territories")


@dataclass(frozen=True)
class Forgotten:
    """What there was: rows by table, files of the store, contents that other tracks also have.

    ``unknown``: the tracks of which the ledger has no upload (mistyped, or forgotten already).
    """

    rows: Counter[str]
    files: tuple[str, ...]
    shared: tuple[str, ...]
    unknown: tuple[str, ...]


def forget(
    ledger: Ledger, store: ArtefactStore, track_ids: Collection[str], *, who: str, really: bool
) -> Forgotten:
    """Delete what is held about these tracks; without ``really`` only say what that is.

    The files go first: should it fail in between, doing it again finishes it.

    Raises:
        LedgerAway, Transient: not all is gone; do it again.
    """
    ids = sorted(set(track_ids))
    with ledger.reading() as connection:
        mine, shared = _contents(connection, ids)
        mine_too = UPLOADS.c.track_id.in_(ids)
        known = set(connection.scalars(select(UPLOADS.c.track_id).where(mine_too)))
    files = tuple(path for content in mine for path in _files(store, content))
    if really:
        _remove(store, files)
    with ledger.transaction() as connection:
        rows = Counter({name: count for name, count in _rows(connection, ids, really) if count})
        if really:
            detail = {"rows": sum(rows.values()), "files": len(files)}
            audit.append(
                connection, [audit.Entry(who, "track_forgotten", one, detail) for one in ids]
            )
    unknown = tuple(one for one in ids if one not in known)
    return Forgotten(rows, files, tuple(shared), unknown)


def _contents(connection: Connection, ids: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the contents that these tracks alone have, and those that others also have."""
    content, track = FINGERPRINTS.c.content_sha256, FINGERPRINTS.c.track_id
    all_of_them = list(connection.scalars(select(content).where(track.in_(ids)).distinct()))
    others = set(
        connection.scalars(select(content).where(content.in_(all_of_them), track.not_in(ids)))
    )
    uploads = connection.scalars(select(UPLOADS.c.uri).where(UPLOADS.c.track_id.in_(ids)))
    # a file that came over HTTP and was never heard lies under its own sum
    kept = {uri.rpartition("/")[2] for uri in uploads if "/uploads/" in uri}
    elsewhere = {
        one
        for one in kept - set(all_of_them)
        if connection.scalar(
            select(func.count()).where(
                UPLOADS.c.uri.endswith(f"/{one}"), UPLOADS.c.track_id.not_in(ids)
            )
        )
    }
    gone = (set(all_of_them) | kept) - others - elsewhere
    return sorted(gone), sorted(others | elsewhere)


def _files(store: ArtefactStore, content: str) -> Iterator[str]:
    """Yield what the store holds under a content: heard, said of itself, kept, drawn."""
    if len(content) != 64 or not content.isalnum():
        return
    try:
        for pattern in PLACES:
            yield from sorted(store.filesystem.glob(f"{store.root}/{pattern.format(content)}"))
    except Exception as error:
        raise Transient(f"artefact store: {error!r}") from error


def _remove(store: ArtefactStore, files: Collection[str]) -> None:
    for path in files:
        try:
            store.filesystem.rm_file(path)
        except FileNotFoundError:
            continue
        except Exception as error:
            raise Transient(f"artefact store: {error!r}") from error


def _rows(connection: Connection, ids: Collection[str], really: bool) -> Iterator[tuple[str, int]]:
    uploads = list(
        connection.scalars(select(UPLOADS.c.upload_id).where(UPLOADS.c.track_id.in_(ids)))
    )
    by_other: dict[str, Any] = {
        OUTBOX.name: OUTBOX.c.key.in_(ids),
        GOLDEN.name: GOLDEN.c.upload_id.in_(uploads),
        REQUESTS.name: REQUESTS.c.answer.in_(uploads),
    }
    for name, condition in by_other.items():
        yield name, _delete(connection, METADATA.tables[name], condition, really)
    for track_id in ids:  # the event as it was posted, by its JSON
        body = DELIVERIES.c.body.contains(f'"track_id":"{track_id}"', autoescape=True)
        yield DELIVERIES.name, _delete(connection, DELIVERIES, body, really)
    for table in METADATA.sorted_tables:
        if "track_id" in table.c and table not in KEPT:
            mine = table.c.track_id.in_(ids)
            yield table.name, _delete(connection, table, mine, really)
    there = inspect(connection).get_table_names()
    for name in CATALOGUE:
        if name in there:
            table = Table(name, MetaData(), Column("track_id"))
            yield name, _delete(connection, table, table.c.track_id.in_(ids), really)


def _delete(connection: Connection, table: Table, condition: Any, really: bool) -> int:
    if really:
        return connection.execute(delete(table).where(condition)).rowcount
    return connection.scalar(select(func.count()).select_from(table).where(condition)) or 0

"""Erasing tracks (GDPR, Article 17): their rows, and the artefacts of contents of their own.

The audit log remains, which contains ids only. Kafka deletes the topics by age
(docs/how-to/erasure.md).
"""

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from streams.media.artefacts import ArtefactStore, store_errors
from streams.services.appeal_files import paths_of
from streams.store import appeal_files, audit, erasure
from streams.store.database import Ledger

# Answers (answers/) are named by a hash, hold only scores, and are useless without these.
PLACES: Final = (
    *("heard/*/??/{}.*", "provenance/*/??/{}.json"),
    *("pictures/*/??/{}.*", "uploads/??/{}"),
)


@dataclass(frozen=True)
class Erased:
    """What was erased: rows by table and files; and the contents that other tracks share.

    ``unknown``: the tracks of which the ledger has no upload (mistyped, or erased already).
    """

    rows: Counter[str]
    files: tuple[str, ...]
    shared: tuple[str, ...]
    unknown: tuple[str, ...]


def erase(
    ledger: Ledger, store: ArtefactStore, track_ids: Collection[str], *, who: str, really: bool
) -> Erased:
    """Delete everything about these tracks; without ``really`` only report it.

    The files go first: if it fails in between, repeating it completes the erasure.

    Raises:
        LedgerAway, Transient: the erasure is incomplete; repeat it.
    """
    ids = sorted(set(track_ids))
    with ledger.reading() as connection:
        contents, shared = erasure.contents(connection, ids)
        known = erasure.known_tracks(connection, ids)
        handed_in = appeal_files.own_contents(connection, ids)
    files = tuple(path for content in contents for path in _files(store, content))
    files += tuple(paths_of(handed_in, store.root))
    if really:
        with store_errors():
            for path in files:
                with suppress(FileNotFoundError):
                    store.filesystem.rm_file(path)
    rows: Counter[str] = Counter()
    with ledger.transaction() as connection:
        if really:
            audit.lock(connection)  # ``rescores.erased`` reads what is true until it has written
        for table, count in erasure.rows(connection, ids, really=really):
            rows[table] += count
        if really:
            detail = {"rows": sum(rows.values()), "files": len(files)}
            entries = (audit.Entry(who, erasure.FORGOTTEN, track_id, detail) for track_id in ids)
            audit.append(connection, *entries)
    return Erased(+rows, files, tuple(shared), tuple(sorted(set(ids) - known)))


def _files(store: ArtefactStore, content: str) -> list[str]:
    """Return the artefacts of a content: observations, provenance, the upload, pictures."""
    if len(content) != 64 or not content.isalnum():
        return []
    places = [f"{store.root}/{pattern.format(content)}" for pattern in PLACES]
    with store_errors():
        return [path for place in places for path in sorted(store.filesystem.glob(place))]

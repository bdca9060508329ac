"""Erasing tracks: everything that the ledger and the artefact store hold about them.

A person's request (GDPR, Article 17) is carried out by track: the rows of every table, and the
artefacts of contents that no other track has. Two things remain: the audit log, which the
database refuses to change and which contains ids only, and the topics, which Kafka deletes by
age (docs/runbooks.md, "Deleting a person's data").
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from detector.errors import Transient
from streams.media.artefacts import ArtefactStore
from streams.store import audit, erasure
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
    files = tuple(path for content in contents for path in _files(store, content))
    if really:
        _remove(store, files)
    rows: Counter[str] = Counter()
    with ledger.transaction() as connection:
        for table, count in erasure.rows(connection, ids, really=really):
            rows[table] += count
        if really:
            detail = {"rows": sum(rows.values()), "files": len(files)}
            audit.append(
                connection,
                [audit.Entry(who, "track_forgotten", track_id, detail) for track_id in ids],
            )
    return Erased(+rows, files, tuple(shared), tuple(sorted(set(ids) - known)))


def _files(store: ArtefactStore, content: str) -> Iterator[str]:
    """Yield the artefacts of a content: observations, provenance, the upload, pictures."""
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

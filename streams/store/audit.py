"""The audit log: actions and views of people. Entries are only added, each sealed by the next.

The hash of an entry is SHA-256 over its content and the hash before it. A changed or removed entry
breaks the chain, and ``verify`` returns where; triggers of the database refuse both. A missing end
shows against a noted last hash (``earmark ledger verify`` prints it).

Actions are stored in the transaction of their change. Views are gathered and stored a moment
later, all in one transaction.
"""

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from sqlalchemy import Connection, RowMapping, func, insert, select

from detector.errors import Fatal, Transient
from streams.contract.records import MAX_NAME
from streams.store.account_tables import AUDIT
from streams.store.cursors import Part, part
from streams.store.database import KEYS, Ledger

log = structlog.get_logger()

LOCK: Final = 0x6561726D617564  # PostgreSQL: one writer of the chain at a time
START: Final = "0" * 64
KEYED: Final = "hmac-sha256:"  # begins the hash of an entry that was made with a key
ENTRIES: Final = (AUDIT.c.sequence.desc(),)
GATHER_S: Final = 0.5
MOST_VIEWS: Final = 10_000  # waiting for a database that is away; more are dropped and counted
RETRY_S: Final = 1.0


class KeyMissing(Fatal):
    """The chain goes on with a key that this process does not have."""


@dataclass(frozen=True)
class Entry:
    """What a user did: an action (a short stable word) on a subject, with details."""

    actor: str
    action: str
    subject: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def _hash(row: Mapping[str, Any], key: bytes | None) -> str:
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    names = ("actor", "action", "subject", "detail", "previous")
    content = [row["sequence"], at, *(row[name] for name in names)]
    data = orjson.dumps(content)
    if key is None:
        return hashlib.sha256(data).hexdigest()
    return KEYED + hmac.digest(key, data, "sha256").hex()


def _keys(connection: Connection) -> tuple[bytes, ...]:
    """Return the keys of the chain, the one that writes first (``Ledger.of``)."""
    keys: tuple[bytes, ...] = connection.get_execution_options().get(KEYS, ())
    return keys


def lock(connection: Connection) -> None:
    """Exclude other writers of the log until the caller's transaction ends.

    Lock first where a read must hold until the write. SQLite has one writer at a time, but each
    transaction of PostgreSQL has its own snapshot.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


@contextmanager
def transaction(ledger: Ledger, entry: Entry) -> Iterator[Connection]:
    """Begin the one transaction of a use case; its audit entry is a part of it."""
    with ledger.transaction() as connection:
        yield connection
        append(connection, entry)


def append(connection: Connection, *entries: Entry) -> None:
    """Add entries in the caller's transaction.

    Raises:
        KeyMissing: the chain has a key, and this process has not.
    """
    lock(connection)
    sequence, previous = head(connection)
    key = next(iter(_keys(connection)), None)
    if key is None and previous.startswith(KEYED):
        raise KeyMissing("the audit log has a key: give this process EARMARK_AUDIT_KEY as well")
    rows = []
    for number, entry in enumerate(entries, sequence + 1):
        row = {
            "sequence": number,
            "at": entry.at,
            "actor": _clean(entry.actor),
            "action": entry.action,
            "subject": _clean(entry.subject)[:MAX_NAME],  # it is indexed
            "detail": _clean(json.dumps(entry.detail, sort_keys=True, default=str)),
            "previous": previous,
        }
        rows.append(row | {"hash": (previous := _hash(row, key))})
    if rows:
        connection.execute(insert(AUDIT), rows)


def head(connection: Connection) -> tuple[int, str]:
    """Return number and hash of the newest entry."""
    last = connection.execute(select(AUDIT.c.sequence, AUDIT.c.hash).order_by(*ENTRIES).limit(1))
    row = last.one_or_none()
    return (row.sequence, row.hash) if row else (0, START)


def hash_of(connection: Connection, sequence: int) -> str | None:
    """Return the hash of an entry; None: it is gone."""
    if sequence == 0:
        return START
    return connection.scalar(select(AUDIT.c.hash).where(AUDIT.c.sequence == sequence))


def begin_key(ledger: Ledger) -> None:
    """Write the first entry with the key, where there is a key and no such entry yet."""
    with ledger.transaction() as connection:
        if _keys(connection) and not head(connection)[1].startswith(KEYED):
            append(connection, Entry("start", "audit_key_used"))


def _clean(text: str) -> str:
    """Return a text as the database stores it, so that the stored entry has the same hash."""
    readable = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return readable.encode(errors="replace").decode()[:4_000]


def listed(ledger: Ledger, subject: str, cursor: str | None, limit: int) -> Part[RowMapping]:
    """Return entries by or about a subject (empty: all), latest first."""
    question = select(*AUDIT.c)
    if subject:
        question = question.where((AUDIT.c.subject == subject) | (AUDIT.c.actor == subject))
    with ledger.reading() as connection:
        return part(connection, question, ENTRIES, cursor, limit)


@dataclass(frozen=True)
class Verified:
    """The result of a check: the number of sound entries, the last hash, the first fault."""

    entries: int
    last_hash: str
    fault: str | None = None


def verify(ledger: Ledger, expected: str = START) -> Verified:
    """Check the whole chain; ``expected``: a hash that was published, which it must contain."""
    count, previous, is_there = 0, START, expected == START
    with ledger.reading() as connection:
        keys = _keys(connection)
    for row in ledger.pages(AUDIT.select(), AUDIT.c.sequence):
        if fault := _fault(row, count + 1, previous, keys):
            return Verified(count, previous, fault)
        count, previous = row["sequence"], row["hash"]
        is_there |= previous == expected
    if keys and not previous.startswith(KEYED):
        return Verified(count, previous, "no entry has the key: it is not in use, or they are gone")
    return Verified(count, previous, None if is_there else f"no entry has the hash {expected}")


def _fault(
    row: Mapping[str, Any], sequence: int, previous: str, keys: tuple[bytes, ...]
) -> str | None:
    if row["sequence"] != sequence:
        return f"entry {sequence} is missing"
    if row["previous"] != previous:
        return f"entry {sequence} follows another entry"
    if not row["hash"].startswith(KEYED):
        if previous.startswith(KEYED):
            return f"entry {sequence} has no key, and those before it have"
        expected = [_hash(row, None)]
    elif not keys:
        return f"entry {sequence} has a key: set EARMARK_AUDIT_KEY to check it"
    else:
        expected = [_hash(row, key) for key in keys]
    return None if row["hash"] in expected else f"entry {sequence} has been changed"


class Views(threading.Thread):
    """Stores views a moment later, in a thread of its own."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(name="audit", daemon=True)
        self._ledger = ledger
        self._waiting: queue.Queue[Entry | None] = queue.Queue(MOST_VIEWS)
        self._stopping = threading.Event()

    def note(self, entry: Entry) -> None:
        """Take an entry; never blocks."""
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            log.error("audit_view_dropped", actor=entry.actor, subject=entry.subject)

    def stop(self) -> None:
        """Store the waiting entries and stop."""
        self._stopping.set()
        if self.is_alive():
            self._waiting.put(None)
            self.join(5)

    def run(self) -> None:
        """Store until stopped."""
        more = True
        while more:
            batch = [self._waiting.get()]
            self._stopping.wait(GATHER_S)
            while not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            more = None not in batch
            self._write([entry for entry in batch if entry is not None])

    def _write(self, entries: list[Entry]) -> None:
        """Store entries. Wait for a database that is away; drop an entry that it refuses."""
        while True:
            try:
                with self._ledger.transaction() as connection:
                    append(connection, *entries)
                return
            except Transient as error:
                log.warning("audit_views_wait", error=str(error), count=len(entries))
                if self._stopping.wait(RETRY_S):
                    log.error("audit_views_lost", count=len(entries))
                    return
            except Exception:
                if len(entries) == 1:
                    log.exception("audit_view_refused", subject=entries[0].subject)
                    return
                half = len(entries) // 2
                self._write(entries[:half])
                entries = entries[half:]

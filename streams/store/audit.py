"""The audit log: who did and saw what. Only ever added to, each entry sealed by the next.

An entry's hash is SHA-256 over its content and the hash before it; changing or removing one
breaks the chain, and ``verify`` returns where. The database itself refuses both by triggers. A
cut-off end shows against a noted last hash (``earmark ledger verify`` prints it).

Actions are written in the transaction of what they do. Views are gathered and written a
moment later, in one transaction for all.
"""

import hashlib
import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import sqlalchemy
import structlog
from sqlalchemy import Connection, func, insert, select

from detector.errors import EarmarkError
from streams.store.account_tables import AUDIT
from streams.store.database import Ledger

log = structlog.get_logger()

LOCK: Final = 0x6561726D617564  # PostgreSQL: one writer of the chain at a time
START: Final = "0" * 64
PAGE: Final = 5_000
GATHER_S: Final = 0.5
MOST_VIEWS: Final = 10_000  # waiting for a database that is away; more are dropped and counted


@dataclass(frozen=True)
class Entry:
    """What a user did: an action (a short stable word) on a subject, with details."""

    actor: str
    action: str
    subject: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def seal(sequence: int, entry: Entry, detail: str, previous: str) -> str:
    """Return the hash of an entry."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    content = [sequence, at, entry.actor, entry.action, entry.subject, detail, previous]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def lock(connection: Connection) -> None:
    """Let no other writer of the log in until the caller's transaction ends.

    Lock first where a read must hold until the write: SQLite has one writer at a time anyway, but
    PostgreSQL shows each transaction its own snapshot.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


@contextmanager
def transaction(ledger: Ledger, entry: Entry) -> Iterator[Connection]:
    """Begin the one transaction of a use case; its audit entry is a part of it."""
    with ledger.transaction() as connection:
        yield connection
        append(connection, [entry])


def append(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add entries in the caller's transaction; they are there when it commits, or not at all."""
    lock(connection)
    question = select(AUDIT.c.sequence, AUDIT.c.hash).order_by(AUDIT.c.sequence.desc()).limit(1)
    last = connection.execute(question).one_or_none()
    sequence, previous = (last.sequence, last.hash) if last else (0, START)
    rows = []
    for entry in entries:
        sequence += 1
        detail = json.dumps(entry.detail, sort_keys=True, default=str)  # half letters escaped
        clean = Entry(_clean(entry.actor), entry.action, _clean(entry.subject), {}, entry.at)
        hashed = seal(sequence, clean, _clean(detail), previous)
        rows.append(
            {
                "sequence": sequence,
                "at": clean.at,
                "actor": clean.actor,
                "action": clean.action,
                "subject": clean.subject,
                "detail": _clean(detail),
                "previous": previous,
                "hash": hashed,
            }
        )
        previous = hashed
    if rows:
        connection.execute(insert(AUDIT), rows)


def _clean(text: str) -> str:
    """Return a text as it can be stored, so that what is read hashes to the same."""
    readable = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return readable.encode(errors="replace").decode()[:4_000]


@dataclass(frozen=True)
class Verified:
    """What became of checking the chain: how many entries, the last hash, the first fault."""

    entries: int
    last_hash: str
    fault: str | None = None


def verify(ledger: Ledger) -> Verified:
    """Walk the whole chain."""
    count, previous = 0, START
    question = select(AUDIT).order_by(AUDIT.c.sequence).limit(PAGE)
    with ledger.reading() as connection:
        while rows := connection.execute(question.where(AUDIT.c.sequence > count)).all():
            for row in rows:
                if fault := _fault(row, count + 1, previous):
                    return Verified(count, previous, fault)
                count, previous = row.sequence, row.hash
    return Verified(count, previous)


def _fault(row: Any, sequence: int, previous: str) -> str | None:
    entry = Entry(row.actor, row.action, row.subject, {}, row.at)
    if row.sequence != sequence:
        return f"entry {sequence} is missing"
    if row.previous != previous:
        return f"entry {sequence} follows another entry"
    if row.hash != seal(row.sequence, entry, row.detail, previous):
        return f"entry {sequence} has been changed"
    return None


class Views:
    """Writes what was looked at, a moment later, off the path of the answer."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: queue.Queue[Entry | None] = queue.Queue(MOST_VIEWS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def note(self, entry: Entry) -> None:
        """Take an entry; never blocks."""
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            log.error("audit_view_dropped", actor=entry.actor, subject=entry.subject)

    def stop(self) -> None:
        """Write what is left and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(5)

    def _run(self) -> None:
        more = True
        while more:
            first = self._waiting.get()
            self._stop.wait(GATHER_S)
            entries = [] if first is None else [first]
            more = first is not None
            while not self._waiting.empty():
                entry = self._waiting.get_nowait()
                more = more and entry is not None
                if entry is not None:
                    entries.append(entry)
            self._write(entries)

    def _write(self, entries: list[Entry]) -> None:
        for attempt in range(5):
            try:
                with self._ledger.transaction() as connection:
                    append(connection, entries)
                return
            except (EarmarkError, sqlalchemy.exc.SQLAlchemyError) as error:
                log.warning("audit_views_wait", error=str(error), attempt=attempt)
                threading.Event().wait(1 + attempt)
        log.error("audit_views_lost", count=len(entries))

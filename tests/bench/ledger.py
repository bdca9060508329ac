"""``bench ledger``: decisions written a second, and whether a full ledger is slower.

The peer is the database itself: the same records as bytes in one table with one index, written
in transactions of the same size.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.policy.bundle import Bundle, load
from streams.policy.decide import decide
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.reopening import current_decisions
from tests.bench.events import AT, event
from tests.bench.measure import cpu_here
from tests.bench.table import Report, Row

BATCH: Final = 500  # tracks in one transaction, as the projector takes them
TIMES: Final = 10
ASKED: Final = 200


def bench_ledger(folder: Path, policy: Path, tracks: int) -> Report:
    """Write ``tracks`` into an empty SQLite ledger and, once it holds ten times more, again."""
    bundle = load(policy)
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db")
    try:
        empty = _written(ledger, bundle, 0, tracks)
        few = _asked(ledger, tracks)
        _written(ledger, bundle, tracks, (TIMES - 1) * tracks)
        full = _written(ledger, bundle, TIMES * tracks, tracks)
        many = _asked(ledger, tracks)
    finally:
        ledger.close()
    bare = _bare(folder / "bare.db", bundle, tracks)
    peer = Row("SQLite, the same bytes", bare, "decisions/CPU-s")
    before = Row("ledger, empty before", empty, "decisions/CPU-s")
    after = Row(f"ledger, {TIMES} times as many there", full, "decisions/CPU-s")
    asked = Row("standing decisions, few there", few, "ms/track")
    again = Row(f"standing decisions, {TIMES} times as many", many, "ms/track")
    rows = [Row(r.name, r.values, r.unit, r.median / peer.median) for r in (peer, before, after)]
    rows += [Row(r.name, r.values, r.unit, r.median / asked.median) for r in (asked, again)]
    return Report(
        "ledger",
        peer.name,
        tuple(rows),
        {
            "decisions_per_second": after.median,
            "slower_when_full": before.median / after.median,
            "question_slower_when_full": again.median / asked.median,
        },
        (
            f"SQLite; a decision is analysis, labels, decision and task; {BATCH} in a transaction",
            "the ratios of the questions are to the first of them",
        ),
    )


def _messages(bundle: Bundle, start: int, count: int) -> Iterator[list[Message]]:
    batch: list[Message] = []
    at = int(AT.timestamp() * 1_000)
    for number in range(start, start + count):
        record = event(number)
        events = [(topics.CLASSIFIED, record.key, record.to_bytes())]
        events += [
            (o.topic, o.record.key, o.record.to_bytes()) for o in decide(record, bundle).outputs()
        ]
        batch += [Message(t, 0, number, k.encode(), v, (), at + number) for t, k, v in events]
        if (number + 1 - start) % BATCH == 0 or number + 1 == start + count:
            yield batch
            batch = []


def _written(ledger: Ledger, bundle: Bundle, start: int, count: int) -> tuple[float, ...]:
    return tuple(
        min(BATCH, count) / cpu_here(lambda batch=batch: project(ledger, batch))  # type: ignore[misc]  # bound now
        for batch in _messages(bundle, start, count)
    )


def _bare(path: Path, bundle: Bundle, count: int) -> tuple[float, ...]:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE told (topic, key, value, at)")
        database.execute("CREATE INDEX by_key ON told (key, topic)")

        def write(batch: list[Message]) -> None:
            rows = [(one.topic, one.key, one.value, one.timestamp_ms) for one in batch]
            with database:
                database.executemany("INSERT INTO told VALUES (?, ?, ?, ?)", rows)

        return tuple(
            min(BATCH, count) / cpu_here(lambda batch=batch: write(batch))  # type: ignore[misc]  # bound now
            for batch in _messages(bundle, 0, count)
        )


def _asked(ledger: Ledger, tracks: int) -> tuple[float, ...]:
    names = [f"T-{number}" for number in range(0, tracks, max(1, tracks // ASKED))]
    taken = [cpu_here(lambda: current_decisions(ledger, names)) for _ in range(5)]
    return tuple(1_000 * one / len(names) for one in taken)

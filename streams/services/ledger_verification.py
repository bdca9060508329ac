"""Verification of the ledger: rows match their records, the catalogue has what was decided."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from detector.errors import BadInput
from streams.contract.dead_letters import Message
from streams.store import audit, monitoring
from streams.store.database import Ledger
from streams.store.projections import rows_of
from streams.store.tables import TABLES

MOST: Final = 20  # reported faults of one kind
LATE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Fault:
    """One inconsistency."""

    kind: str
    detail: str


def faults(ledger: Ledger, expected: str = audit.START) -> Iterator[Fault]:
    """Yield inconsistencies, at most ``MOST`` of each kind; ``expected``: as ``audit.verify``."""
    for topic, table in TABLES.items():
        rows = ledger.pages(table.select(), *table.primary_key)
        faulty = (fault for row in rows if (fault := _fault(topic, row)))
        for fault in islice(faulty, MOST):
            yield Fault(table.name, fault)
    with ledger.reading() as connection:
        if count := monitoring.decisions_without_upload(connection):
            yield Fault("decisions", f"{count} are about uploads that the ledger does not have")
        if monitoring.has_catalogue(connection):
            wrong = monitoring.not_in_effect(datetime.now(UTC) - LATE).limit(MOST)
            for row in connection.execute(wrong):
                detail = f"{row.track_id} is not as {row.decision_id} decides: {row.why}"
                yield Fault("catalogue", detail)
        if count := monitoring.tasks_without_state(connection):
            yield Fault("review tasks", f"{count} have no state")
        if count := monitoring.unsent_since(connection, datetime.now(UTC) - LATE):
            yield Fault("outbox", f"{count} events have waited longer than five minutes")
    if (chain := audit.verify(ledger, expected)).fault is not None:
        yield Fault("audit log", chain.fault)


def _fault(topic: str, row: dict[str, Any]) -> str | None:
    """Return how a row differs from its record."""
    table = TABLES[topic]
    message = Message(topic, 0, 0, b"", row["record"].encode(), (), 0)
    key = " ".join(str(row[column.name]) for column in table.primary_key.columns)
    try:
        projected = next(other for other in rows_of(message) if other.table is table)
    except (BadInput, StopIteration) as error:
        return f"{key}: its record cannot be read: {error}"
    differing = [
        column
        for column, value in projected.values.items()
        # A column that came later is empty in the rows from before.
        if row[column] is not None and _clean(row[column]) != _clean(value)
        if column != "recorded_at"
    ]
    return f"{key}: {', '.join(differing)} differ from its record" if differing else None


def _clean(value: object) -> object:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value

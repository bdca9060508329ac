"""Whether the ledger can be believed: every row says what its record says, the chain holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from detector.errors import BadInput
from streams.contract.dead_letters import Message
from streams.store import audit
from streams.store.account_tables import OUTBOX
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger
from streams.store.export import all_rows
from streams.store.projections import rows_of
from streams.store.tables import DECISIONS, REVIEW_TASKS, TABLES, UPLOADS

MOST: Final = 20  # faults that are told of one kind
LATE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Fault:
    """One thing that does not fit."""

    kind: str
    detail: str


def faults(ledger: Ledger) -> Iterator[Fault]:
    """Yield what does not fit, at most ``MOST`` of each kind."""
    yield from _rows_against_records(ledger)
    yield from _counts(ledger)
    found = audit.verify(ledger)
    if found.fault is not None:
        yield Fault("audit log", found.fault)


def _rows_against_records(ledger: Ledger) -> Iterator[Fault]:
    """Project every stored record again and compare it with its row."""
    with ledger.reading() as connection:
        for topic, table in TABLES.items():
            name, told = table.name, 0
            for row in all_rows(connection, table):
                if told >= MOST:
                    break
                message = Message(topic, 0, 0, b"", row["record"].encode(), (), 0)
                key = " ".join(str(row[column.name]) for column in table.primary_key.columns)
                try:
                    made = next(one for one in rows_of(message) if one.table is table)
                except (BadInput, StopIteration) as error:
                    told += 1
                    yield Fault(name, f"{key}: its record cannot be read: {error}")
                    continue
                other = [
                    column
                    for column, value in made.values.items()
                    # A column that came later is empty in the rows from before.
                    if row[column] is not None and _clean(row[column]) != _clean(value)
                    if column != "recorded_at"
                ]
                if other:
                    told += 1
                    yield Fault(name, f"{key}: {', '.join(other)} differ from its record")


def _clean(value: object) -> object:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _counts(ledger: Ledger) -> Iterator[Fault]:
    with ledger.reading() as connection:
        undelivered = select(func.count()).where(
            ~select(UPLOADS.c.upload_id)
            .where(UPLOADS.c.upload_id == DECISIONS.c.upload_id)
            .exists()
        )
        if count := connection.scalar(undelivered.select_from(DECISIONS)):
            yield Fault("decisions", f"{count} are about uploads that the ledger does not have")
        stateless = select(func.count()).where(
            ~select(STATES.c.task_id).where(STATES.c.task_id == REVIEW_TASKS.c.task_id).exists()
        )
        if count := connection.scalar(stateless.select_from(REVIEW_TASKS)):
            yield Fault("review tasks", f"{count} have no state")
        late = OUTBOX.c.sent_at.is_(None) & (OUTBOX.c.created_at < datetime.now(UTC) - LATE)
        if count := connection.scalar(select(func.count()).where(late)):
            yield Fault("outbox", f"{count} events have waited longer than five minutes")

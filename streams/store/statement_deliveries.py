"""Deliveries of statements of reasons, and the addresses that they go to: one row a statement.

``enqueue`` runs in the transaction that stores the statement. Statements from before the first
address and the first webhook of a distributor are not delivered: who switches mail on does not send
those of years.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from streams.contract.records.policy import StatementWritten
from streams.store.account_tables import STATEMENT_ADDRESSES as ADDRESSES
from streams.store.account_tables import STATEMENT_DELIVERIES as DELIVERIES
from streams.store.account_tables import TASK_STATES, WEBHOOKS
from streams.store.cursors import Part, part
from streams.store.database import Ledger, Row, count, insert_new
from streams.store.tables import STATEMENTS, UPLOADS

WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
UNDELIVERED: Final = ("no_address", "refused", "given_up", "bounced")  # a person must see it
STATES: Final = (WAITING, DELIVERED, *UNDELIVERED)
ABOUT: Final = ("statement_id", "decision_id", "upload_id", "track_id")
LATEST: Final = (DELIVERIES.c.created_at.desc(), DELIVERIES.c.statement_id.desc())


def set_address(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add the address of a distributor, or change it."""
    distributor = row["distributor"]
    known = update(ADDRESSES).filter_by(distributor=distributor)
    changed = {name: value for name, value in row.items() if name not in ("distributor", "since")}
    if not connection.execute(known.values(changed)).rowcount:
        connection.execute(insert(ADDRESSES).values(row))


def remove_address(connection: Connection, distributor: str) -> bool:
    """Delete the address of a distributor, in its deliveries too; return whether it had one."""
    sent = update(DELIVERIES).filter_by(distributor=distributor)
    connection.execute(sent.values(address=None))
    return connection.execute(delete(ADDRESSES).filter_by(distributor=distributor)).rowcount > 0


def addresses(ledger: Ledger) -> Sequence[Any]:
    """Return the addresses, by distributor."""
    with ledger.reading() as connection:
        return connection.execute(select(ADDRESSES).order_by(ADDRESSES.c.distributor)).all()


def enqueue(connection: Connection, rows: Iterable[Row], now: datetime) -> None:
    """Make the new statements among these rows due."""
    stored = [row.values for row in rows if row.table is STATEMENTS]
    since = _since(connection) if stored else None
    if since is None:
        return
    new = [values for values in stored if (values["recorded_at"] or now) >= since]
    insert_new(connection, DELIVERIES, [_waiting(values, now) for values in new])


def _since(connection: Connection) -> datetime | None:
    """Return since when statements are delivered; None: they are not."""
    hooks = select(func.min(WEBHOOKS.c.created_at)).where(WEBHOOKS.c.active)
    begins = (
        connection.scalar(select(func.min(ADDRESSES.c.since))),
        connection.scalar(hooks.where(WEBHOOKS.c.distributor.is_not(None))),
    )
    return min((at for at in begins if at is not None), default=None)


def add(connection: Connection, statement: StatementWritten, now: datetime) -> None:
    """Add the delivery of a statement that has none."""
    connection.execute(insert(DELIVERIES).values(_waiting(vars(statement), now)))


def _waiting(statement: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    due = {"state": WAITING, "attempts": 0, "next_at": now, "created_at": now}
    return {name: statement[name] for name in ABOUT} | due


def any_due(connection: Connection, now: datetime) -> bool:
    """Return whether a delivery is due."""
    return (
        connection.execute(_due(select(DELIVERIES.c.statement_id), now).limit(1)).first()
        is not None
    )


def _due(question: Select[Any], now: datetime) -> Select[Any]:
    return question.where(DELIVERIES.c.state == WAITING, DELIVERIES.c.next_at <= now)


def claim(connection: Connection, now: datetime, until: datetime, limit: int) -> Sequence[Any]:
    """Return due deliveries with statement, title and address, and put them off until a time.

    The address is None where the distributor has none; ``uploaded`` is None where the ledger does
    not have the upload yet. Rows that another process is claiming are skipped.
    """
    question = (
        select(
            *(column for column in DELIVERIES.c if column.name not in ("distributor", "address")),
            *(STATEMENTS.c.record, UPLOADS.c.title, UPLOADS.c.distributor),
            UPLOADS.c.upload_id.label("uploaded"),
            *(ADDRESSES.c.address, ADDRESSES.c.language, ADDRESSES.c.digest),
        )
        .join(STATEMENTS, STATEMENTS.c.statement_id == DELIVERIES.c.statement_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == DELIVERIES.c.upload_id)
        .outerjoin(ADDRESSES, ADDRESSES.c.distributor == UPLOADS.c.distributor)
        .order_by(DELIVERIES.c.next_at, DELIVERIES.c.created_at, DELIVERIES.c.statement_id)
        .limit(limit)
        .with_for_update(of=DELIVERIES, skip_locked=True)
    )
    rows = connection.execute(_due(question, now)).all()
    put_off(connection, [row.statement_id for row in rows], until)
    return rows


def put_off(
    connection: Connection, ids: Collection[str], until: datetime, error: str | None = None
) -> None:
    """Make waiting deliveries due at a time, not before; no attempt counts."""
    values = {"next_at": until} | ({"error": error} if error else {})
    waiting = update(DELIVERIES).where(DELIVERIES.c.statement_id.in_(ids))
    connection.execute(waiting.where(DELIVERIES.c.state == WAITING).values(values))


def settle(connection: Connection, statement_id: str, values: Mapping[str, Any]) -> bool:
    """Store the result of an attempt; return False where the delivery no longer waits."""
    waiting = update(DELIVERIES).filter_by(statement_id=statement_id, state=WAITING)
    return connection.execute(waiting.values(values)).rowcount > 0


def find(connection: Connection, statement_id: str) -> Any:
    """Return a delivery, locked until the transaction ends; None: there is none."""
    lock = select(DELIVERIES).filter_by(statement_id=statement_id).with_for_update()
    return connection.execute(lock).one_or_none()


def change(connection: Connection, statement_id: str, values: Mapping[str, Any]) -> None:
    """Change a delivery, whatever its state."""
    connection.execute(update(DELIVERIES).filter_by(statement_id=statement_id).values(values))


def listed(
    ledger: Ledger,
    cursor: str | None,
    limit: int,
    *,
    states: Collection[str] = (),
    track_id: str = "",
) -> Part[RowMapping]:
    """Return deliveries, latest first; of these states, or of one track."""
    question = select(*DELIVERIES.c)
    if states:
        question = question.where(DELIVERIES.c.state.in_(states))
    if track_id:
        question = question.where(DELIVERIES.c.track_id == track_id)
    with ledger.reading() as connection:
        return part(connection, question, LATEST, cursor, limit)


def task_without_address(connection: Connection, distributor: str | None) -> str | None:
    """Return the open task about statements for which a distributor had no address."""
    task = TASK_STATES.c
    question = (
        select(DELIVERIES.c.task_id)
        .join(TASK_STATES, task.task_id == DELIVERIES.c.task_id)
        .where(DELIVERIES.c.state == "no_address", task.state == "open")
        .where(DELIVERIES.c.distributor.is_not_distinct_from(distributor))
    )
    return connection.scalar(question.order_by(task.opened_at, task.task_id).limit(1))


def hand_over_tasks(connection: Connection, track_ids: Collection[str]) -> None:
    """Make open tasks about these tracks, which are erased, about others that they are for too."""
    task = TASK_STATES.c
    shared = (
        select(task.task_id, *(DELIVERIES.c[name] for name in ABOUT[1:]))
        .join(DELIVERIES, DELIVERIES.c.task_id == task.task_id)
        .where(task.track_id.in_(track_ids), task.state == "open")
        .where(DELIVERIES.c.track_id.not_in(track_ids), DELIVERIES.c.state.in_(UNDELIVERED))
    )
    for row in {row.task_id: row for row in connection.execute(shared)}.values():
        about = {name: getattr(row, name) for name in ABOUT[1:]}
        own = update(TASK_STATES).where(task.task_id == row.task_id)
        connection.execute(own.values(about))


def needs_task(connection: Connection, task_id: str) -> bool:
    """Return whether a statement of a task is still undelivered."""
    failed = DELIVERIES.c.task_id == task_id, DELIVERIES.c.state.in_(UNDELIVERED)
    return count(connection, DELIVERIES, *failed) > 0


def counts(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """Return how many statements wait, and how many failed whose task is open, by state.

    With each count: since when the oldest does.
    """
    task = TASK_STATES.c
    opened = select(task.task_id).where(task.task_id == DELIVERIES.c.task_id, task.state == "open")
    question = (
        select(DELIVERIES.c.state, func.count(), func.min(DELIVERIES.c.created_at))
        .where((DELIVERIES.c.state == WAITING) | opened.exists())
        .group_by(DELIVERIES.c.state)
    )
    return {state: (number, oldest) for state, number, oldest in connection.execute(question)}

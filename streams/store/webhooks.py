"""Webhooks and their deliveries: one row for each event that a webhook receives.

``enqueue`` runs in the transaction that stores the event, so a delivery is due exactly when the
event is in the ledger. Its id follows from the event, so a repeated event adds none.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    func,
    insert,
    select,
    update,
)

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import stable_id
from streams.store.account_tables import DELIVERIES, WEBHOOKS
from streams.store.cursors import Part, part
from streams.store.database import Ledger, insert_new
from streams.store.projections import rows_of

DEAD_LETTER: Final = "dead_letters"  # of any topic: what it is, without its bytes
DEAD_FIELDS: Final = (
    *("dead_letter_id", "source", "processor", "reason", "detail"),
    *("track_id", "upload_id", "recorded_at"),
)
EVENTS: Final = (
    topics.DECIDED,
    topics.REVIEWS_REQUESTED,
    topics.REVIEWS_DECIDED,
    topics.APPEALS_CHANGED,
    topics.STATEMENTS_WRITTEN,
    DEAD_LETTER,
)
# Reviewers' notes for each other stay on the topic, which only internal consumers read.
INTERNAL: Final = {topics.REVIEWS_DECIDED: ("notes",)}
LISTED: Final = tuple(
    WEBHOOKS.c[name] for name in ("webhook_id", "url", "events", "created_at", "distributor")
)
FAILED: Final = (DELIVERIES.c.created_at.desc(), DELIVERIES.c.delivery_id.desc())
WAITING: Final = DELIVERIES.c.state == "waiting"


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a webhook."""
    connection.execute(insert(WEBHOOKS).values(row))


def end(connection: Connection, webhook_id: str) -> bool:
    """Deactivate a webhook, give up its deliveries; return whether it was active before."""
    hook = update(WEBHOOKS).filter_by(webhook_id=webhook_id, active=True)
    ended = connection.execute(hook.values(active=False)).rowcount > 0
    waiting = update(DELIVERIES).filter_by(webhook_id=webhook_id, state="waiting")
    connection.execute(waiting.values(state="given_up"))
    return ended


def active(connection: Connection) -> Sequence[Any]:
    """Return the active webhooks, latest first."""
    question = select(*LISTED).where(WEBHOOKS.c.active).order_by(WEBHOOKS.c.created_at.desc())
    return connection.execute(question).all()


def enqueue(connection: Connection, messages: Sequence[Message]) -> None:
    """Add a delivery of each of these events for every webhook that subscribes to it.

    Webhooks of one distributor get theirs from ``enqueue_statement``: an event has no distributor.
    """
    events = [message for message in messages if _event(message) in EVENTS]
    if not events:
        return
    of_all = _held(WEBHOOKS.c.webhook_id, WEBHOOKS.c.events).filter_by(distributor=None)
    hooks = connection.execute(of_all).all()
    rows = [
        _delivery(hook.webhook_id, message) | _waiting(datetime.now(UTC))
        for hook in hooks
        for message in events
        if _event(message) in hook.events.split(",")
    ]
    insert_new(connection, DELIVERIES, rows)


def enqueue_statement(
    connection: Connection, distributor: str, record: str, *, again: bool
) -> set[str]:
    """Add a delivery of a statement for each webhook of its distributor; return their states.

    ``again``: those that were given up are due once more.
    """
    hooks = connection.scalars(_held(WEBHOOKS.c.webhook_id).filter_by(distributor=distributor))
    message = Message(topics.STATEMENTS_WRITTEN, 0, 0, None, record.encode(), (), 0)
    due = _waiting(datetime.now(UTC))
    rows = [_delivery(webhook_id, message) | due for webhook_id in hooks.all()]
    insert_new(connection, DELIVERIES, rows)
    these = DELIVERIES.c.delivery_id.in_([row["delivery_id"] for row in rows])
    if again:
        given_up = update(DELIVERIES).where(these, DELIVERIES.c.state == "given_up")
        connection.execute(given_up.values(due))
    return set(connection.scalars(select(DELIVERIES.c.state).where(these)))


def _waiting(now: datetime) -> dict[str, Any]:
    return {"state": "waiting", "attempts": 0, "next_at": now, "created_at": now}


def _event(message: Message) -> str:
    return DEAD_LETTER if message.topic in topics.DEAD else message.topic


def _held(*columns: ColumnElement[Any]) -> Select[Any]:
    """Select active webhooks; none ends before the transaction does.

    Else a delivery that becomes due in between would wait for ever.
    """
    return select(*columns).where(WEBHOOKS.c.active).with_for_update(read=True)


def _delivery(webhook_id: str, message: Message) -> dict[str, str]:
    event = _event(message)
    if event == DEAD_LETTER:
        (row,) = rows_of(message)
        data = {name: row.values[name] for name in DEAD_FIELDS}
        value = str(data["dead_letter_id"])
    else:
        value = (message.value or b"").decode()
        data = orjson.loads(value)
    for name in INTERNAL.get(event, ()):
        data.pop(name, None)
    delivery_id = stable_id("whd", webhook_id, event, value)
    names = {"delivery_id": delivery_id, "event": event}
    body = orjson.dumps(names | {"data": data}).decode()
    return names | {"webhook_id": webhook_id, "body": body}


def counts(ledger: Ledger) -> dict[str, dict[str, int]]:
    """Return how many deliveries each webhook has in each state."""
    key = DELIVERIES.c.webhook_id, DELIVERIES.c.state
    question = select(*key, func.count()).group_by(*key)
    counts: dict[str, dict[str, int]] = {}
    with ledger.reading() as connection:
        for webhook_id, state, count in connection.execute(question):
            counts.setdefault(webhook_id, {})[state] = count
    return counts


def failed(ledger: Ledger, cursor: str | None, limit: int) -> Part[RowMapping]:
    """Return deliveries that failed and were not delivered since, latest first."""
    question = select(*DELIVERIES.c).where(
        DELIVERIES.c.error.is_not(None), DELIVERIES.c.state.in_(("waiting", "given_up"))
    )
    with ledger.reading() as connection:
        return part(connection, question, FAILED, cursor, limit, large=DELIVERIES.c.body)


def replay(connection: Connection, webhook_id: str, since: datetime) -> int:
    """Make every delivery since a time due again; return how many: none of an ended webhook."""
    again = {"state": "waiting", "attempts": 0, "next_at": datetime.now(UTC)}
    if connection.scalar(_held(WEBHOOKS.c.webhook_id).filter_by(webhook_id=webhook_id)) is None:
        return 0
    recent = (DELIVERIES.c.webhook_id == webhook_id) & (DELIVERIES.c.created_at >= since)
    return connection.execute(update(DELIVERIES).where(recent).values(again)).rowcount


def any_due(connection: Connection, now: datetime, busy: Collection[str]) -> bool:
    """Return whether a webhook that is not busy has a delivery that is due."""
    question = _due(now, busy).with_only_columns(DELIVERIES.c.delivery_id).limit(1)
    return connection.scalar(question) is not None


def claim(
    connection: Connection,
    now: datetime,
    busy: Collection[str],
    *,
    hooks: int,
    each: int,
    until: datetime,
) -> dict[str, list[Any]]:
    """Return due deliveries by webhook, earliest first, and put them off until a time.

    At most ``each`` of one webhook and of at most ``hooks`` webhooks. Rows that another process
    is claiming are skipped.
    """
    place = func.row_number().over(
        partition_by=DELIVERIES.c.webhook_id, order_by=DELIVERIES.c.next_at
    )
    columns = DELIVERIES.c.delivery_id, place.label("place")
    ranked = _due(now, busy).with_only_columns(*columns).subquery()
    first = select(ranked.c.delivery_id).where(ranked.c.place <= each)
    question = (
        _due(now, busy)
        .where(DELIVERIES.c.delivery_id.in_(first))
        .order_by(DELIVERIES.c.next_at, DELIVERIES.c.created_at)
        .with_for_update(of=DELIVERIES, skip_locked=True)
    )
    claimed: dict[str, list[Any]] = {}
    for row in connection.execute(question).all():
        if row.webhook_id in claimed or len(claimed) < hooks:
            claimed.setdefault(row.webhook_id, []).append(row)
    for rows in claimed.values():
        put_off(connection, rows, until)
    return claimed


def _due(now: datetime, busy: Collection[str]) -> Any:
    return (
        select(DELIVERIES, WEBHOOKS.c.url, WEBHOOKS.c.secret)
        .join(WEBHOOKS, WEBHOOKS.c.webhook_id == DELIVERIES.c.webhook_id)
        .where(WAITING, DELIVERIES.c.next_at <= now, WEBHOOKS.c.active)
        .where(DELIVERIES.c.webhook_id.not_in(list(busy)))
    )


def put_off(connection: Connection, rows: Sequence[Any], until: datetime) -> None:
    """Make waiting deliveries due at a time, not before."""
    if rows:
        these = DELIVERIES.c.delivery_id.in_([row.delivery_id for row in rows])
        connection.execute(update(DELIVERIES).where(these, WAITING).values(next_at=until))


def rest(connection: Connection, webhook_id: str, until: datetime) -> None:
    """Put off all waiting deliveries of a webhook that fails."""
    these = (DELIVERIES.c.webhook_id == webhook_id) & WAITING & (DELIVERIES.c.next_at < until)
    connection.execute(update(DELIVERIES).where(these).values(next_at=until))


def settle(connection: Connection, delivery_id: str, values: Mapping[str, Any]) -> None:
    """Store the result of an attempt, unless the delivery is given up."""
    waiting = update(DELIVERIES).filter_by(delivery_id=delivery_id, state="waiting")
    connection.execute(waiting.values(values))

"""The states of review tasks and their leases.

A state follows from ``review_tasks`` and ``verdicts``; ``follow`` derives it again at each new row
of either. Only the lease is stored here alone: one statement takes it, so one of two people wins.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, exists, false, func, literal, select, true, update

from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Row, chunks, insert_new
from streams.store.tables import DECISIONS, REVIEW_TASKS, VERDICTS

MEASURING: Final = ("second", "golden")  # kinds of tasks that change no label and are done blind
STATEMENT: Final = "statement"  # kind of tasks about a statement that could not be delivered
LEASED: Final = ("leased_by", "leased_until")
FREE: Final = dict.fromkeys(LEASED)
ORDER: Final = (STATES.c.priority.desc(), STATES.c.opened_at, STATES.c.task_id)
COPIED: Final = ("task_id", "decision_id", "upload_id", "track_id", "queue", "priority")


def follow(connection: Connection, rows: Iterable[Row]) -> None:
    """Derive the states of all tasks that these new rows are about."""
    rows = list(rows)
    opened = [row.values for row in rows if row.table is REVIEW_TASKS]
    decided = {str(row.values["task_id"]) for row in rows if row.table is VERDICTS}
    states = [
        {name: task[name] for name in COPIED}
        | {"kind": "review", "opened_at": task["requested_for"], "state": "open"}
        for task in opened
    ]
    insert_new(connection, STATES, states)
    _refresh(connection, decided | {str(task["task_id"]) for task in opened})
    _cancel_older(connection, {str(task["upload_id"]) for task in opened})


def closes_task() -> ColumnElement[bool]:
    """Return the condition on verdicts: it was not undone and is no mere escalation."""
    later = VERDICTS.alias("later")
    return (
        VERDICTS.c.undoes.is_(None)
        & (VERDICTS.c.outcome != "escalate")
        & ~exists().where(later.c.undoes == VERDICTS.c.verdict_id)
    )


def _refresh(connection: Connection, task_ids: Collection[str]) -> None:
    for ids in chunks(task_ids):
        question = (
            select(VERDICTS.c.task_id, VERDICTS.c.verdict_id)
            .where(VERDICTS.c.task_id.in_(ids), closes_task())
            .order_by(VERDICTS.c.decided_at, VERDICTS.c.verdict_id)
        )
        closed = {row.task_id: row.verdict_id for row in connection.execute(question)}
        for task_id, verdict_id in closed.items():
            _set(connection, task_id, state="closed", verdict_id=verdict_id, **FREE)
        reopened = STATES.c.task_id.in_(set(ids) - closed.keys()) & (STATES.c.state == "closed")
        connection.execute(update(STATES).where(reopened).values(state="open", verdict_id=None))


def _cancel_older(connection: Connection, upload_ids: Collection[str]) -> None:
    """Leave only the latest of several open tasks about one upload.

    The holder of the older task holds the later one, unless that is taken already: both are
    about the same recording.
    """
    for ids in chunks(upload_ids):
        question = (
            select(STATES)
            .join(REVIEW_TASKS, REVIEW_TASKS.c.task_id == STATES.c.task_id)
            .where(STATES.c.upload_id.in_(ids), STATES.c.state == "open", STATES.c.kind == "review")
            .order_by(REVIEW_TASKS.c.recorded_at, STATES.c.task_id)
        )
        latest: dict[str, dict[str, Any]] = {}
        for row in connection.execute(question).mappings().all():
            task, older = dict(row), latest.get(str(row["upload_id"]))
            if older is not None:
                _set(connection, older["task_id"], state="cancelled", **FREE)
                carried = {} if task["leased_by"] else {key: older[key] for key in LEASED}
                carried["excluded"] = task["excluded"] or older["excluded"]
                task |= carried
                _set(connection, task["task_id"], **carried)
            latest[str(task["upload_id"])] = task


def _set(connection: Connection, task_id: str, **values: Any) -> None:
    connection.execute(update(STATES).where(STATES.c.task_id == task_id).values(**values))


def takeable(user_id: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition on task states: this reviewer may take it now."""
    return (STATES.c.state == "open") & is_free(user_id, now) & ~excluded(user_id)


def is_free(user_id: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition on task states: no other reviewer holds it."""
    held = STATES.c.leased_by
    return held.is_(None) | (held == user_id) | (STATES.c.leased_until < now)


def excluded(user_id: str) -> ColumnElement[bool]:
    """Return the condition on task states: this reviewer may never take it.

    They escalated it, or it measures a verdict of their own.
    """
    own = (VERDICTS.c.task_id == STATES.c.task_id) & (VERDICTS.c.outcome == "escalate")
    about = VERDICTS.c.verdict_id == STATES.c.about_verdict
    reviewed = exists().where(VERDICTS.c.reviewer == user_id, own | about)
    return (func.coalesce(STATES.c.excluded, "") == user_id) | reviewed


def hidden_tracks(
    connection: Connection,
    user_id: str,
    track_ids: Collection[str],
    *,
    blind: bool,
    measuring: Literal["takeable", "held"] | None,
) -> frozenset[str]:
    """Return the tracks of which a reviewer must see neither scores nor the decision.

    ``blind`` hides every track with an open task; ``measuring`` hides those of measuring tasks
    that the reviewer may take, or holds. The same content in another delivery counts as the same.
    """
    scope = {"takeable": true(), "held": STATES.c.leased_by == user_id, None: false()}[measuring]
    measured = STATES.c.kind.in_(MEASURING) & scope & ~excluded(user_id)
    hidden = (STATES.c.state == "open") & (literal(blind) | measured)
    ids = set(track_ids)
    direct = select(STATES.c.track_id).where(STATES.c.track_id.in_(ids), hidden).distinct()
    tracks = set(connection.scalars(direct))
    question = select(DECISIONS.c.track_id, DECISIONS.c.content_sha256).distinct()
    contents = connection.execute(question.where(DECISIONS.c.track_id.in_(ids - tracks))).all()
    same = (
        select(DECISIONS.c.content_sha256)
        .join(STATES, STATES.c.upload_id == DECISIONS.c.upload_id)
        .where(DECISIONS.c.content_sha256.in_({row.content_sha256 for row in contents}), hidden)
    )
    blinded = set(connection.scalars(same.distinct()))
    return frozenset(tracks | {row.track_id for row in contents if row.content_sha256 in blinded})


def take(
    connection: Connection,
    task_id: str,
    user_id: str,
    now: datetime,
    until: datetime,
    *,
    held: bool,
) -> Literal["taken", "renewed"] | None:
    """Lease a task (``held``: that they hold) to a reviewer; None where they may not take it."""
    before = connection.scalar(select(STATES.c.leased_by).where(STATES.c.task_id == task_id))
    lease = update(STATES).where(STATES.c.task_id == task_id, takeable(user_id, now))
    if held:
        lease = lease.where(STATES.c.leased_by == user_id, STATES.c.leased_until > now)
    taken = connection.execute(lease.values(leased_by=user_id, leased_until=until))
    if taken.rowcount != 1:
        return None
    return "renewed" if before == user_id else "taken"


def release(connection: Connection, task_id: str, user_id: str) -> bool:
    """End the lease of a reviewer; return whether there was one."""
    held = (STATES.c.task_id == task_id) & (STATES.c.leased_by == user_id)
    return connection.execute(update(STATES).where(held).values(**FREE)).rowcount > 0


def most_urgent(connection: Connection, user_id: str, now: datetime, queue: str) -> str | None:
    """Return the most urgent task that a reviewer may take, of one queue or (empty) of any."""
    question = select(STATES.c.task_id).where(takeable(user_id, now))
    if queue:
        question = question.where(STATES.c.queue == queue)
    return connection.scalar(question.order_by(*ORDER).limit(1))


def of_reviewer(connection: Connection, task_id: str, user_id: str) -> Any:
    """Return a task's state, its ``record``, and ``never``: the reviewer may never take it.

    None where there is no such task.
    """
    question = (
        select(STATES, REVIEW_TASKS.c.record, excluded(user_id).label("never"))
        .outerjoin(REVIEW_TASKS, REVIEW_TASKS.c.task_id == STATES.c.task_id)
        .where(STATES.c.task_id == task_id)
    )
    return connection.execute(question).one_or_none()


def locked(connection: Connection, task_id: str) -> Any:
    """Return a task's state, locked until the transaction ends; None: no such task."""
    lock = select(STATES).where(STATES.c.task_id == task_id).with_for_update()
    return connection.execute(lock).one_or_none()


def escalate(connection: Connection, task_id: str, user_id: str) -> None:
    """Put an escalated task first in the queue and exclude its reviewer."""
    excluded_user = func.coalesce(STATES.c.excluded, user_id)
    _set(connection, task_id, **FREE, priority=100, excluded=excluded_user)


def return_to(connection: Connection, task_id: str, user_id: str, until: datetime) -> None:
    """Lease a reopened task to a reviewer, unless it measures a verdict of their own."""
    again = update(STATES).where(STATES.c.task_id == task_id, ~excluded(user_id))
    connection.execute(again.values(leased_by=user_id, leased_until=until))


def open_measuring(connection: Connection, task: Any, task_id: str, **values: Any) -> None:
    """Open a measuring task for the upload of ``task``; one that exists stays as it is.

    ``values`` are its kind, opened_at, about_verdict and excluded.
    """
    of_task = {name: getattr(task, name) for name in ("decision_id", "upload_id", "track_id")}
    row = {"task_id": task_id, "queue": "quality", "priority": 20, "state": "open"}
    insert_new(connection, STATES, [row | of_task | values])


def open_undelivered(
    connection: Connection, delivery: Any, task_id: str, opened_at: datetime
) -> None:
    """Open the task about a statement of reasons that could not be delivered."""
    row = {"task_id": task_id, "kind": STATEMENT, "queue": "statements", "priority": 30}
    of_task = {name: getattr(delivery, name) for name in ("decision_id", "upload_id", "track_id")}
    insert_new(connection, STATES, [row | of_task | {"opened_at": opened_at, "state": "open"}])


def cancel(connection: Connection, task_id: str | None) -> None:
    """Cancel a task that is open."""
    still_open = update(STATES).where(STATES.c.task_id == task_id, STATES.c.state == "open")
    connection.execute(still_open.values(state="cancelled", **FREE))

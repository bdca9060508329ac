"""The queue: how tasks stand, and who holds which.

A task's state follows from ``review_tasks`` and ``verdicts`` and is worked out again whenever
either gets a row (``follow``), in any order and as often as it comes. Only the lease is
the queue's own: one statement takes it, so of two people one wins.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    exists,
    false,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from detector.errors import BadInput
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.store import audit
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger, Row
from streams.store.tables import DECISIONS, REVIEW_TASKS, VERDICTS

LEASE: Final = timedelta(minutes=10)
MEASURING: Final = ("second", "golden")  # kinds of tasks that change no label and are done blind
CHUNK: Final = 500
LEASED: Final = ("leased_by", "leased_until")
State = Literal["open", "closed", "cancelled"]


class NotYours(BadInput):
    """The task is held by somebody else, is closed, or is not for this reviewer."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_yours", detail)


def follow(connection: Connection, rows: Iterable[Row]) -> None:
    """Bring the states of all tasks up to date that these new rows are about."""
    kept = list(rows)
    opened = [row.values for row in kept if row.table is REVIEW_TASKS]
    decided = {str(row.values["task_id"]) for row in kept if row.table is VERDICTS}
    if opened:
        values = [
            {
                "task_id": row["task_id"],
                "kind": "review",
                "decision_id": row["decision_id"],
                "upload_id": row["upload_id"],
                "track_id": row["track_id"],
                "queue": row["queue"],
                "priority": row["priority"],
                "opened_at": row["requested_for"],
                "state": "open",
            }
            for row in opened
        ]
        on = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(on.insert(STATES).on_conflict_do_nothing(), values)
    refresh(connection, decided | {str(row["task_id"]) for row in opened})
    _cancel_older(connection, {str(row["upload_id"]) for row in opened})


def standing() -> ColumnElement[bool]:
    """Of verdicts: it closes its task. It was not undone, and it is no mere call for help."""
    later = VERDICTS.alias("later")
    return (
        VERDICTS.c.undoes.is_(None)
        & (VERDICTS.c.outcome != "escalate")
        & ~exists().where(later.c.undoes == VERDICTS.c.verdict_id)
    )


def refresh(connection: Connection, task_ids: Collection[str]) -> None:
    """Work out the states of these tasks from the verdicts about them."""
    ids = sorted(task_ids)
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        question = (
            select(VERDICTS.c.task_id, VERDICTS.c.verdict_id)
            .where(VERDICTS.c.task_id.in_(part), standing())
            .order_by(VERDICTS.c.decided_at, VERDICTS.c.verdict_id)
        )
        closed = {row.task_id: row.verdict_id for row in connection.execute(question)}
        for task_id, verdict_id in closed.items():
            connection.execute(
                update(STATES)
                .where(STATES.c.task_id == task_id)
                .values(state="closed", verdict_id=verdict_id, leased_by=None, leased_until=None)
            )
        again = STATES.c.task_id.in_(set(part) - closed.keys()) & (STATES.c.state == "closed")
        connection.execute(update(STATES).where(again).values(state="open", verdict_id=None))


def _cancel_older(connection: Connection, upload_ids: Collection[str]) -> None:
    """Of several open tasks about one upload, the latest asks the question that still counts.

    Whoever holds the older one holds the later, unless somebody has taken that already: they
    are listening to the same recording.
    """
    ids = sorted(upload_ids)
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        question = (
            select(STATES)
            .join(REVIEW_TASKS, REVIEW_TASKS.c.task_id == STATES.c.task_id)
            .where(
                STATES.c.upload_id.in_(part), STATES.c.state == "open", STATES.c.kind == "review"
            )
            .order_by(REVIEW_TASKS.c.recorded_at, STATES.c.task_id)
        )
        latest: dict[str, dict[str, Any]] = {}
        for row in connection.execute(question).mappings().all():
            task, older = dict(row), latest.get(str(row["upload_id"]))
            if older is not None:
                gone = STATES.c.task_id == older["task_id"]
                cancelled = update(STATES).where(gone).values(state="cancelled")
                connection.execute(cancelled.values(leased_by=None, leased_until=None))
                kept = {} if task["leased_by"] else {key: older[key] for key in LEASED}
                kept["excluded"] = task["excluded"] or older["excluded"]
                task |= kept
                same = STATES.c.task_id == task["task_id"]
                connection.execute(update(STATES).where(same).values(**kept))
            latest[str(task["upload_id"])] = task


def takeable(user: User, now: datetime) -> ColumnElement[bool]:
    """Of task states: this reviewer may take it now."""
    free = (
        STATES.c.leased_by.is_(None)
        | (STATES.c.leased_by == user.user_id)
        | (STATES.c.leased_until < now)
    )
    return (STATES.c.state == "open") & free & ~excluded(user)


def excluded(user: User) -> ColumnElement[bool]:
    """Of task states: this reviewer may never take it.

    They asked for another pair of ears, or it measures a verdict of their own. Read from the
    verdicts, so that whoever comes second takes nobody's place.
    """
    own = (VERDICTS.c.task_id == STATES.c.task_id) & (VERDICTS.c.outcome == "escalate")
    about = VERDICTS.c.verdict_id == STATES.c.about_verdict
    said = exists().where(VERDICTS.c.reviewer == user.user_id, own | about)
    return (func.coalesce(STATES.c.excluded, "") == user.user_id) | said


def blind_tracks(connection: Connection, user: User, track_ids: Collection[str]) -> frozenset[str]:
    """Return the tracks of which this user may see neither scores nor what was decided now.

    Whoever is in blind mode sees nothing of a recording with an open task. What a measuring
    task is about is hidden from all who may yet take it; from those who run the measuring
    (leads), only while they hold it. The same content, delivered again, is the same recording.
    """
    measuring: ColumnElement[bool] = STATES.c.kind.in_(MEASURING)
    if user.may(Right.QUALITY):
        measuring &= STATES.c.leased_by == user.user_id
    elif not user.may(Right.REVIEW):
        measuring &= false()
    hidden = (STATES.c.state == "open") & (literal(user.blind) | measuring & ~excluded(user))
    wanted = set(track_ids)
    found = set(
        connection.scalars(
            select(STATES.c.track_id).where(STATES.c.track_id.in_(wanted), hidden).distinct()
        )
    )
    question = select(DECISIONS.c.track_id, DECISIONS.c.content_sha256).distinct()
    contents = connection.execute(question.where(DECISIONS.c.track_id.in_(wanted - found))).all()
    same = (
        select(DECISIONS.c.content_sha256)
        .join(STATES, STATES.c.upload_id == DECISIONS.c.upload_id)
        .where(DECISIONS.c.content_sha256.in_({row.content_sha256 for row in contents}), hidden)
    )
    blind = set(connection.scalars(same.distinct()))
    return frozenset(found | {row.track_id for row in contents if row.content_sha256 in blind})


def take(ledger: Ledger, task_id: str, user: User) -> datetime:
    """Hold a task, or hold it longer; return until when.

    Raises:
        NotYours: somebody else holds it, or it is not open.
    """
    now = datetime.now(UTC)
    until = now + LEASE
    with ledger.transaction() as connection:
        before = connection.scalar(select(STATES.c.leased_by).where(STATES.c.task_id == task_id))
        lease = update(STATES).where(STATES.c.task_id == task_id, takeable(user, now))
        took = connection.execute(lease.values(leased_by=user.user_id, leased_until=until))
        if took.rowcount == 1:
            if before != user.user_id:
                audit.append(connection, [audit.Entry(user.user_id, "task_taken", task_id)])
            return until
    raise NotYours(why_not(ledger, task_id, user))


def renew(ledger: Ledger, task_id: str, user: User) -> datetime:
    """Hold a task longer that this reviewer holds; return until when.

    Unlike ``take`` it takes nothing: a page left open never takes back what was put back.

    Raises:
        NotYours: this reviewer does not hold it (any more).
    """
    now = datetime.now(UTC)
    until = now + LEASE
    held = (STATES.c.leased_by == user.user_id) & (STATES.c.leased_until > now)
    lease = update(STATES).where(STATES.c.task_id == task_id, takeable(user, now), held)
    with ledger.transaction() as connection:
        if connection.execute(lease.values(leased_until=until)).rowcount == 1:
            return until
    raise NotYours(why_not(ledger, task_id, user))


def take_next(ledger: Ledger, user: User, condition: ColumnElement[bool]) -> str | None:
    """Take the most urgent task of those that fit, or None where there is none."""
    for _ in range(20):  # each time somebody else was quicker
        question = (
            select(STATES.c.task_id)
            .where(takeable(user, datetime.now(UTC)), condition)
            .order_by(STATES.c.priority.desc(), STATES.c.opened_at, STATES.c.task_id)
            .limit(1)
        )
        with ledger.reading() as connection:
            found = connection.scalar(question)
        if found is None:
            return None
        try:
            take(ledger, found, user)
        except NotYours:
            continue
        return str(found)
    return None


def put_back(ledger: Ledger, task_id: str, user: User) -> None:
    """Give a task back to the queue; where it is not held by this user, nothing happens."""
    with ledger.transaction() as connection:
        mine = (STATES.c.task_id == task_id) & (STATES.c.leased_by == user.user_id)
        done = connection.execute(
            update(STATES).where(mine).values(leased_by=None, leased_until=None)
        )
        if done.rowcount:
            audit.append(connection, [audit.Entry(user.user_id, "task_put_back", task_id)])


def why_not(ledger: Ledger, task_id: str, user: User) -> str:
    """Return in a sentence why somebody cannot hold a task."""
    with ledger.reading() as connection:
        question = select(STATES, excluded(user).label("never")).where(STATES.c.task_id == task_id)
        row = connection.execute(question).one_or_none()
    if row is None:
        return "there is no such task"
    if row.state == "cancelled":
        return "a later decision about this upload has taken its place"
    if row.state != "open":
        return "it has been decided"
    if row.never:
        return "it is about a verdict of your own; somebody else must look"
    if row.leased_by is None or row.leased_by == user.user_id:
        return "you no longer hold it: take it again"
    return "somebody else is working on it"

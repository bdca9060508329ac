"""The review queue: take a task, hold it, put it back; which tracks a reviewer must not see."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from detector.errors import BadInput
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.store import audit, task_states
from streams.store.database import Connection, Ledger

LEASE: Final = timedelta(minutes=10)
ATTEMPTS: Final = 20  # each time another reviewer was quicker


class NotYours(BadInput):
    """The task is closed, held by another reviewer, or not for this one."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_yours", detail)


def blind_tracks(connection: Connection, user: User, track_ids: Collection[str]) -> frozenset[str]:
    """Return the tracks of which this user may see neither scores nor the current decision.

    Blind mode hides every recording with an open task. The recording of a measuring task is
    hidden from all who may take it; from leads, who run the measuring, only while they hold it.
    """
    held = user.may(Right.QUALITY)
    return task_states.hidden_tracks(
        *(connection, user.user_id, track_ids),
        blind=user.blind,
        measuring="held" if held else "takeable" if user.may(Right.REVIEW) else None,
    )


def take(ledger: Ledger, task_id: str, user: User) -> datetime:
    """Hold a task, or hold it longer; return until when.

    Raises:
        NotYours: another reviewer holds it, or it is not open.
    """
    now = datetime.now(UTC)
    until = now + LEASE
    with ledger.transaction() as connection:
        result = task_states.take(connection, task_id, user.user_id, now, until)
        if result == "taken":
            audit.append(connection, [audit.Entry(user.user_id, "task_taken", task_id)])
    if result is None:
        raise NotYours(why_not(ledger, task_id, user))
    return until


def renew(ledger: Ledger, task_id: str, user: User) -> datetime:
    """Hold a task longer that this reviewer holds; return until when.

    Unlike ``take`` it takes nothing: a page left open never takes back what was put back.

    Raises:
        NotYours: this reviewer does not hold it (any more).
    """
    now = datetime.now(UTC)
    until = now + LEASE
    with ledger.transaction() as connection:
        renewed = task_states.renew(connection, task_id, user.user_id, now, until)
    if not renewed:
        raise NotYours(why_not(ledger, task_id, user))
    return until


def take_next(ledger: Ledger, user: User, queue: str = "") -> str | None:
    """Take the most urgent task of a queue (default: of any); None where there is none."""
    for _ in range(ATTEMPTS):
        with ledger.reading() as connection:
            now = datetime.now(UTC)
            task_id = task_states.most_urgent(connection, user.user_id, now, queue)
        if task_id is None:
            return None
        try:
            take(ledger, task_id, user)
        except NotYours:
            continue
        return task_id
    return None


def put_back(ledger: Ledger, task_id: str, user: User) -> None:
    """Return a task to the queue; a task that this user does not hold stays as it is."""
    with ledger.transaction() as connection:
        if task_states.release(connection, task_id, user.user_id):
            audit.append(connection, [audit.Entry(user.user_id, "task_put_back", task_id)])


def why_not(ledger: Ledger, task_id: str, user: User) -> str:
    """Return in a sentence why a user cannot hold a task."""
    with ledger.reading() as connection:
        task = task_states.of_reviewer(connection, task_id, user.user_id)
    if task is None:
        return "there is no such task"
    if task.state == "cancelled":
        return "a later decision about this upload has taken its place"
    if task.state != "open":
        return "it has been decided"
    if task.never:
        return "it is about a verdict of your own; another reviewer must look"
    if task.leased_by is None or task.leased_by == user.user_id:
        return "you no longer hold it: take it again"
    return "another reviewer is working on it"

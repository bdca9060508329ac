"""Counts of rows that contradict each other."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, func, select

from streams.store.account_tables import OUTBOX, TASK_STATES
from streams.store.tables import DECISIONS, REVIEW_TASKS, UPLOADS


def decisions_without_upload(connection: Connection) -> int:
    """Return how many decisions are about an unknown upload."""
    return _unmatched(connection, DECISIONS.c.upload_id, UPLOADS.c.upload_id)


def tasks_without_state(connection: Connection) -> int:
    """Return how many review tasks have no state."""
    return _unmatched(connection, REVIEW_TASKS.c.task_id, TASK_STATES.c.task_id)


def unsent_since(connection: Connection, time: datetime) -> int:
    """Return how many events have been in the outbox since before a time."""
    late = OUTBOX.c.sent_at.is_(None) & (OUTBOX.c.created_at < time)
    return connection.scalar(select(func.count()).where(late)) or 0


def _unmatched(connection: Connection, column: Column[Any], other: Column[Any]) -> int:
    missing = ~select(other).where(other == column).exists()
    question = select(func.count()).select_from(column.table).where(missing)
    return connection.scalar(question) or 0

"""Idempotency keys of requests: the answer to a request is kept for seven days."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from streams.store.account_tables import REQUESTS

KEPT: Final = timedelta(days=7)


def earlier(connection: Connection, caller: str, key: str) -> Any:
    """Return the row of an earlier request with this key; None: there is none."""
    return connection.execute(select(REQUESTS).filter_by(caller=caller, key=key)).one_or_none()


def remember(
    connection: Connection, caller: str, key: str, request_sha256: str, answer: str, now: datetime
) -> None:
    """Store the answer to a request, and delete expired ones."""
    row = {"caller": caller, "key": key, "request_sha256": request_sha256, "answer": answer}
    connection.execute(insert(REQUESTS).values(at=now, **row))
    connection.execute(delete(REQUESTS).where(REQUESTS.c.at < now - KEPT))

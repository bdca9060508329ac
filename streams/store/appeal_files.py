"""Rows of the files that artists and rightsholders hand in; the store has their contents.

``owner`` has the column by which files are of one side: an upload or a rightsholder.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from streams.store.account_tables import APPEAL_FILES
from streams.store.database import count

FILES: Final = APPEAL_FILES.c


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a file."""
    connection.execute(insert(APPEAL_FILES).values(row))


def find(connection: Connection, file_id: str) -> Any:
    """Return the row of a file, or None."""
    return connection.execute(select(APPEAL_FILES).filter_by(file_id=file_id)).one_or_none()


def of_owner(connection: Connection, owner: Mapping[str, str]) -> Sequence[Any]:
    """Return the files of a side, in the order in which they came."""
    question = select(APPEAL_FILES).filter_by(**owner)
    return connection.execute(question.order_by(FILES.added_at, FILES.file_id)).all()


def usage(connection: Connection, owner: Mapping[str, str | None]) -> tuple[int, int]:
    """Return how many files there are of a side, and their bytes together."""
    total = select(func.count(), func.coalesce(func.sum(FILES.size), 0))
    files, size = connection.execute(total.filter_by(**owner)).one()
    return int(files), int(size)


def attach(connection: Connection, file_ids: Collection[str], appeal_id: str) -> None:
    """Make files a part of an appeal or a request."""
    own = update(APPEAL_FILES).where(FILES.file_id.in_(file_ids))
    connection.execute(own.values(appeal_id=appeal_id))


def remove(connection: Connection, file_id: str, owner: Mapping[str, str]) -> str | None:
    """Remove a file that is a part of no appeal; return its content, if it was there."""
    unsent = delete(APPEAL_FILES).filter_by(file_id=file_id, appeal_id=None, **owner)
    content: str | None = connection.scalar(unsent.returning(FILES.sha256))
    return content


def remove_unsent(connection: Connection, before: datetime) -> list[str]:
    """Remove the files that became no part of an appeal since a moment; return their contents."""
    old = delete(APPEAL_FILES).where(FILES.appeal_id.is_(None), FILES.added_at < before)
    return list(connection.scalars(old.returning(FILES.sha256)))


def remove_all(connection: Connection, owner: Mapping[str, str]) -> list[str]:
    """Remove all files of a side; return their contents."""
    every = delete(APPEAL_FILES).filter_by(**owner)
    return list(connection.scalars(every.returning(FILES.sha256)))


def is_kept(connection: Connection, sha256: str) -> bool:
    """Return whether a row names a content."""
    return count(connection, APPEAL_FILES, FILES.sha256 == sha256) > 0


def own_contents(connection: Connection, track_ids: Collection[str]) -> list[str]:
    """Return the contents that were handed in about these tracks alone."""
    own = set(connection.scalars(select(FILES.sha256).where(FILES.track_id.in_(track_ids))))
    others = select(FILES.sha256).where(FILES.sha256.in_(own), FILES.track_id.not_in(track_ids))
    return sorted(own - set(connection.scalars(others)))

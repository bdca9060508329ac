"""Pages of long lists: a cursor says where the last one ended, so nothing is skipped or twice."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import Path, Query
from sqlalchemy import Column, ColumnElement, Table, select, tuple_

from streams.api.problems import ProblemError
from streams.ledger.database import Ledger

DEFAULT: Final = 50
Cursor = Annotated[str | None, Query(max_length=1_000, description="from the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
Id = Annotated[str, Path(min_length=1, max_length=256)]


def page(
    ledger: Ledger,
    table: Table,
    moment: Column[datetime],
    conditions: Sequence[ColumnElement[bool]],
    cursor: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the records of a table, latest first, and the cursor of the next page."""
    key = next(iter(table.primary_key.columns))
    question = select(moment, key, table.c.record).where(moment.is_not(None), *conditions)
    if cursor is not None:
        question = question.where(tuple_(moment, key) < tuple_(*_read(cursor)))
    with ledger.reading() as connection:
        rows = connection.execute(
            question.order_by(moment.desc(), key.desc()).limit(limit + 1)
        ).all()
    more = _write(rows[limit - 1][0], rows[limit - 1][1]) if len(rows) > limit else None
    return [orjson.loads(row.record) for row in rows[:limit]], more


def _write(at: datetime, key: str) -> str:
    return urlsafe_b64encode(orjson.dumps([at.isoformat(), key])).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        at, key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return datetime.fromisoformat(at).astimezone(UTC), str(key)
    except (ValueError, TypeError, OverflowError) as error:
        raise ProblemError(400, "bad_cursor", "this cursor is none of ours") from error

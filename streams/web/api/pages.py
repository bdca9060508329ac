"""Pages of long lists, latest first, by cursor (``streams.store.cursors``)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import Path, Query
from sqlalchemy import Column, ColumnElement, Table, select

from streams.store.cursors import Sorted
from streams.store.database import Ledger

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
    """Return the records of a table, latest first, and the cursor of the next page.

    Raises:
        BadCursor: none of this list's.
    """
    key = next(iter(table.primary_key.columns))
    latest = Sorted.by((moment, True), (key, True))
    question = latest.part(select(moment, key, table.c.record).where(*conditions), cursor, limit)
    with ledger.reading() as connection:
        rows = connection.execute(question).mappings().all()
    part = latest.told(rows, cursor, limit)
    return [orjson.loads(row["record"]) for row in part.rows], part.next

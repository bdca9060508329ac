"""Rows of the ledger for tests that care about a few columns alone."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Float, Integer, Table

from streams.store.database import Row
from streams.store.tables import Moment

FILLERS: dict[type[Any], Any] = {Boolean: False, Integer: 0, Float: None}


def row(table: Table, **values: Any) -> Row:
    """Return a row with something in every column; it follows no other of its table."""
    now = datetime.now(UTC)
    fill = {
        column.name: now if isinstance(column.type, Moment) else FILLERS.get(type(column.type), "")
        for column in table.columns
    }
    if "alpha" in fill:
        fill["alpha"] = 0.01
    fill |= {name: None for name in ("replaces", "previous_decision_id") if name in fill}
    return Row(table, fill | values)

"""How the ledger's tables came to be, change by change.

``versions/NNNN_name.py`` are Alembic revisions in one line: the revision's id is its number,
and its ``down_revision`` the number before. They only add (tables, columns that may be
missing, indexes), so that a worker of the release before goes on beside a migrated ledger.
``Ledger.open`` brings a database up to the last one; a test compares what they make with
``streams.store.tables``, on both databases. The functions here never change what they make.
"""

from itertools import chain
from typing import Any

import sqlalchemy as sa
from alembic import op


def columns(kind: Any, *names: str, **options: Any) -> list[sa.Column[Any]]:
    """Return columns of one kind; they have a value unless ``nullable``."""
    keys = {} if options.get("primary_key") else {"nullable": False}
    return [sa.Column(name, kind, **(keys | options)) for name in names]


def ids(*names: str) -> list[sa.Column[Any]]:
    """Return the columns of a key."""
    return columns(sa.Text, *names, primary_key=True)


def words(*names: str) -> list[sa.Column[Any]]:
    """Return texts."""
    return columns(sa.Text, *names)


def optional(*names: str) -> list[sa.Column[Any]]:
    """Return texts that may be missing."""
    return columns(sa.Text, *names, nullable=True)


def moments(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    """Return points in time."""
    return columns(sa.DateTime(timezone=True), *names, nullable=nullable)


def records(name: str, *groups: list[sa.Column[Any]]) -> None:
    """Create the table of a topic's records, with an index of its tracks and one of its uploads.

    An upload that is a part of the key needs none.
    """
    recorded = [*moments("recorded_at", nullable=True), *words("record")]
    op.create_table(name, *chain(*groups, recorded))
    in_key = {column.name: column.primary_key for column in chain(*groups)}
    for kind in ("track", "upload"):
        if in_key.get(f"{kind}_id") is False:
            indexes(name, **{kind: f"{kind}_id"})


def indexes(table: str, **columns: str) -> None:
    """Create an index of one column for each name after ``ix_TABLE_``."""
    for name, column in columns.items():
        op.create_index(f"ix_{table}_{name}", table, [column])

"""Columns by kind, for the migrations: these definitions never change."""

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


def recorded() -> list[sa.Column[Any]]:
    """Return the columns of a record of a topic."""
    return [*moments("recorded_at", nullable=True), *words("record")]


def indexes(table: str, **columns: str) -> None:
    """Create an index of one column for each name after ``ix_TABLE_``."""
    for name, column in columns.items():
        op.create_index(f"ix_{table}_{name}", table, [column])

"""Lists in parts: a cursor names the row at which a part ended, and the next goes on from there.

So nothing is skipped and nothing comes twice while rows are added, and the hundredth part
costs what the first does: no row before it is counted. A cursor holds the row's sort key and
whether the list goes back from there; whoever makes one up gets another place in the list that
they may see anyway.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    literal,
    or_,
    tuple_,
)

from detector.errors import BadInput
from streams.store.tables import Moment

T = TypeVar("T")
LARGEST: Final = 2**31 - 1  # of the databases' integers


def _field(row: Any, name: str) -> Any:
    return row[name]


class BadCursor(BadInput):
    """A cursor that is none of this list's."""

    def __init__(self) -> None:
        super().__init__("bad_cursor", "this cursor is none of ours")


@dataclass(frozen=True)
class Part(Generic[T]):
    """Some rows of a list, and the cursors of the parts before and after; None at an end."""

    rows: list[T]
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class Sorted:
    """What a list is sorted by: columns, and of each whether the largest comes first.

    The last column must be unique. Rows without a first value are in no part.
    """

    columns: tuple[tuple[Column[Any], bool], ...]

    @classmethod
    def by(cls, *columns: tuple[Column[Any], bool]) -> "Sorted":
        """Return an order."""
        return cls(columns)

    def part(self, question: Select[Any], cursor: str | None, limit: int) -> Select[Any]:
        """Return the statement of a part: ``limit`` rows and one that says that there are more.

        Raises:
            BadCursor: none of this list's.
        """
        first = self.columns[0][0]
        if first.nullable:
            question = question.where(first.is_not(None))
        if cursor is not None:
            question = question.where(self._beyond(*self._read(cursor)))
        return question.order_by(*self.order(cursor)).limit(limit + 1)

    def order(
        self, cursor: str | None, among: FromClause | None = None
    ) -> list[ColumnElement[Any]]:
        """Return what ORDER BY a part wants, of columns of the same names ``among`` others'."""
        back = cursor is not None and self._read(cursor)[0]
        order = [
            (one if among is None else among.c[str(one.key)], down is not back)
            for one, down in self.columns
        ]
        return [one.desc() if down else one.asc() for one, down in order]

    def as_part(
        self,
        rows: Sequence[T],
        cursor: str | None,
        limit: int,
        value: Callable[[T, str], Any] = _field,
    ) -> Part[T]:
        """Return the part whose rows these are, as its statement gave them.

        ``value`` reads a column of a row by its name.
        """
        back, more = cursor is not None and self._read(cursor)[0], len(rows) > limit
        kept = list(rows[:limit])
        if back:
            kept.reverse()

        def at(row: T, *, back: bool) -> str:
            return _write(back, [value(row, str(one.key)) for one, _ in self.columns])

        before, after = (more, True) if back else (cursor is not None, more)
        return Part(
            kept,
            at(kept[0], back=True) if kept and before else None,
            at(kept[-1], back=False) if kept and after else None,
        )

    def _beyond(self, back: bool, values: Sequence[Any]) -> ColumnElement[bool]:
        """Return which rows come after these values (``back``: before), as SQL.

        Neighbours of one direction are compared as one tuple, and each bound stands for itself
        beside what refines it: so an index is entered at the right place.
        """
        pairs = [
            (one, literal(value, one.type), down is not back)
            for (one, down), value in zip(self.columns, values, strict=True)
        ]
        runs = [list(run) for _, run in groupby(pairs, key=lambda pair: pair[2])]
        bounds = [_bounds(run) for run in runs]
        strictly = bounds.pop()[0]
        return reduce(
            lambda rest, bound: and_(bound[1], or_(bound[0], rest)), reversed(bounds), strictly
        )

    def _read(self, cursor: str) -> tuple[bool, list[Any]]:
        try:
            content = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            back, *values = content
            if not isinstance(back, bool):
                raise BadCursor
            pairs = zip(self.columns, values, strict=True)
            return back, [_typed(one, value) for (one, _), value in pairs]
        except (ValueError, TypeError, OverflowError) as error:
            raise BadCursor from error


def _bounds(
    run: Sequence[tuple[Any, Any, bool]],
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return "beyond" and "beyond or at" of columns that run in one direction."""
    left: Any = tuple_(*(one for one, _, _ in run)) if len(run) > 1 else run[0][0]
    right: Any = tuple_(*(value for _, value, _ in run)) if len(run) > 1 else run[0][1]
    return (left < right, left <= right) if run[0][2] else (left > right, left >= right)


def _typed(column: Column[Any], value: Any) -> Any:
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value).astimezone(UTC)
    fits = type(value) is str
    if isinstance(column.type, Integer):
        fits = type(value) is int and abs(value) <= LARGEST
    if not fits:
        raise BadCursor
    return value


def _write(back: bool, values: Sequence[Any]) -> str:
    content = [one.isoformat() if isinstance(one, datetime) else one for one in values]
    return urlsafe_b64encode(orjson.dumps([back, *content])).decode().rstrip("=")

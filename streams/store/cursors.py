"""Long lists in parts: a cursor names the row at which a part ended, and the next continues there.

So no row is skipped or repeated while rows are added, and no part counts the rows before it
(``sqlakeyset``). A cursor contains the sort key of its row and a direction. A forged one only leads
to another place of the same list.
"""

import csv
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Integer, RowMapping, Select, UnaryExpression, func

from detector.errors import BadInput
from streams.store.tables import Moment, Words

if TYPE_CHECKING:
    from sqlakeyset import Marker

S = TypeVar("S")
T = TypeVar("T")
Order = tuple[UnaryExpression[Any], ...]
PART_BYTES: Final = 2**21
LARGEST: Final = 2**31 - 1  # of the databases' integers
KINDS: Final[dict[type, type]] = {Integer: int, Moment: datetime, Words: str}
# ``part`` leaves out the rows that this warning is about.
warnings.filterwarnings("ignore", "Ordering by nullable column", UserWarning)


class BadCursor(BadInput):
    """The cursor belongs to another list, or to none."""

    def __init__(self) -> None:
        super().__init__("bad_cursor", "this cursor is none of ours")


@dataclass(frozen=True)
class Part(Generic[T]):
    """Some rows of a list, and the cursors of the parts before and after; None at an end."""

    rows: list[T]
    previous: str | None
    next: str | None

    def of(self, rows: list[S]) -> "Part[S]":
        """Return the part with these rows instead of its own."""
        return Part(rows, self.previous, self.next)


def part(
    connection: Connection,
    question: Select[Any],
    order: Order,
    cursor: str | None,
    limit: int,
    *,
    large: ColumnElement[Any] | None = None,
) -> Part[RowMapping]:
    """Return the part of a query at a cursor; None: the first part.

    Where a column is ``large``, a part ends before its values exceed ``PART_BYTES``.

    The query selects each column of the order by itself (not its whole table). The last one must
    be unique. Rows without a value of the first one are in no part.

    Raises:
        BadCursor: the cursor belongs to another list.
    """
    import sqlakeyset  # with the ORM a tenth of a start, which most processes need not

    marker = None if cursor is None else _read(cursor, order)
    ordered = question.where(order[0].element.is_not(None)).order_by(*order)
    if large is not None:
        sizes = func.length(large).label("size")
        keys = ordered.with_only_columns(*(by.element for by in order), sizes)
        nearest = list(sqlakeyset.select_page(connection, keys, limit, page=marker))
        if marker is not None and marker.backwards:
            nearest.reverse()
        limit = max(1, fitting(row.size for row in nearest))
    page = sqlakeyset.select_page(connection, ordered, limit, page=marker)
    paging = page.paging
    return Part(
        [row._mapping for row in page],
        _write(paging.previous) if page and paging.has_previous else None,
        _write(paging.next) if page and paging.has_next else None,
    )


def fitting(sizes: Iterable[int | None]) -> int:
    """Return how many of the first values have ``PART_BYTES`` at most together."""
    return sum(total <= PART_BYTES for total in accumulate(size or 0 for size in sizes))


def _write(marker: "Marker") -> str:
    """Return a bookmark in characters that a URL may contain."""
    from sqlakeyset import serialize_bookmark

    return urlsafe_b64encode(serialize_bookmark(marker).encode()).decode().rstrip("=")


def _read(cursor: str, order: Order) -> "Marker":
    from sqlakeyset import Marker, unserialize_bookmark

    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        place, backwards = unserialize_bookmark(text)
        values = tuple(
            value.astimezone(UTC) if isinstance(value, datetime) else value for value in place or ()
        )
    except (ValueError, OverflowError, StopIteration, csv.Error) as error:
        raise BadCursor from error
    if [type(value) for value in values] != [KINDS[type(by.element.type)] for by in order]:
        raise BadCursor
    if any(isinstance(value, int) and abs(value) > LARGEST for value in values):
        raise BadCursor
    return Marker(values, backwards)

"""The whole ledger as one file, and back: JSON lines, each a row of a table.

    {"earmark_ledger": "0004", "tables": [...]}
    {"table": "uploads", "row": {"upload_id": "upl_...", ...}}

Times are ISO 8601, bytes are base64 under ``{"b64": ...}``. Sessions, one-time links and log-in
attempts are left out: they are short-lived, and secrets. A restore adds missing rows and changes
none, so it may be repeated, also on top of rows from the topics.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import IO, Any, Final

import orjson
from sqlalchemy import Date, LargeBinary, Table

from detector.errors import SingleReason
from streams.contract.vocabulary import NEUTRAL
from streams.store import task_states
from streams.store.account_tables import LINKS, LOGIN_ATTEMPTS, SESSIONS
from streams.store.database import PAGE, Ledger, Row
from streams.store.tables import METADATA, Moment
from streams.store.upgrade import HEAD

LEFT_OUT: Final = (SESSIONS, LINKS, LOGIN_ATTEMPTS)


class BadExport(SingleReason, reason="bad_export"):
    """The file is no export of a ledger, or one of a later release."""


def tables() -> list[Table]:
    """Return the exported tables."""
    return [table for table in METADATA.sorted_tables if table not in LEFT_OUT]


def export(ledger: Ledger, out: IO[bytes]) -> Counter[str]:
    """Write all exported rows; return how many each table has."""
    counts: Counter[str] = Counter()
    names = [table.name for table in tables()]
    out.write(orjson.dumps({"earmark_ledger": HEAD, "tables": names}) + b"\n")
    for table in tables():
        for row in ledger.pages(table.select(), *table.primary_key):
            line = {"table": table.name, "row": row}
            out.write(orjson.dumps(line, default=_bytes) + b"\n")
            counts[table.name] += 1
    return counts


def restore(ledger: Ledger, lines: Iterable[bytes]) -> Counter[str]:
    """Add the rows of an export that the ledger lacks; return how many there were.

    Raises:
        BadExport: a line is no row, or the file is of a later release; earlier rows stay added.
    """
    rows = _rows(lines)
    new: Counter[str] = Counter()
    while batch := list(islice(rows, PAGE)):
        with ledger.transaction() as connection:
            new += ledger.add(connection, batch)
            task_states.follow(connection, batch)
    return new


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    known = {table.name: table for table in tables()}
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            fields = orjson.loads(line)
            if number == 1:
                if (revision := fields["earmark_ledger"]) > HEAD:
                    raise BadExport(
                        f"the file is of revision {revision}, this release knows {HEAD}"
                    )
                continue
            table, values = known[fields["table"]], fields["row"]
            row = Row(
                table, {c.name: _read(c, values.get(c.name, NEUTRAL.get(c.name))) for c in table.c}
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise BadExport(f"line {number} is no row of a ledger: {error!r}") from error
        yield row
    if number == 0:
        raise BadExport("the file is empty")


def _bytes(value: bytes | memoryview) -> dict[str, str]:
    return {"b64": b64encode(bytes(value)).decode()}


def _read(column: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return b64decode(value["b64"], validate=True)
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(column.type, Date) else value

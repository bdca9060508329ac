"""The whole ledger as one file, and back: JSON lines, a table's row in each.

    {"earmark_ledger": "0004", "tables": [...]}
    {"table": "uploads", "row": {"upload_id": "upl_...", ...}}

Times are ISO 8601, bytes are base64 under ``{"b64": ...}``. Sessions, one-time links and log-in
attempts stay out: they are of the moment, and secrets. What is restored adds what is missing
and changes nothing that is there, so doing it twice, or on top of rows from the topics, is safe.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import IO, Any, Final

import orjson
from sqlalchemy import Connection, Date, LargeBinary, Table, select, tuple_

from detector.errors import BadInput
from streams.store import account_tables, task_states
from streams.store.database import Ledger, Row
from streams.store.tables import METADATA, Moment
from streams.store.upgrade import HEAD

LEFT_OUT: Final = frozenset(
    {
        account_tables.SESSIONS.name,
        account_tables.LINKS.name,
        account_tables.LOGIN_ATTEMPTS.name,
    }
)
PAGE: Final = 2_000


class BadExport(BadInput):
    """This is no export of a ledger, or one of a later release."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_export", detail)


def tables() -> list[Table]:
    """Return what is exported."""
    return [table for table in METADATA.sorted_tables if table.name not in LEFT_OUT]


def export(ledger: Ledger, out: IO[bytes]) -> Counter[str]:
    """Write everything; return how many rows each table has."""
    counts: Counter[str] = Counter()
    names = [table.name for table in tables()]
    out.write(orjson.dumps({"earmark_ledger": HEAD, "tables": names}) + b"\n")
    with ledger.reading() as connection:
        for table in tables():
            for row in all_rows(connection, table):
                line_fields = {name: _written(value) for name, value in row.items()}
                out.write(orjson.dumps({"table": table.name, "row": line_fields}) + b"\n")
                counts[table.name] += 1
    return counts


def all_rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Yield all rows in the order of their key, page by page: the ledger may be large."""
    key = list(table.primary_key.columns)
    question = select(table).order_by(*key).limit(PAGE)
    last: tuple[Any, ...] | None = None
    while True:
        asked = question if last is None else question.where(tuple_(*key) > tuple_(*last))
        page = connection.execute(asked).mappings().all()
        yield from ({str(name): value for name, value in row.items()} for row in page)
        if len(page) < PAGE:
            return
        last = tuple(page[-1][column.name] for column in key)


def restore(ledger: Ledger, lines: Iterable[bytes]) -> Counter[str]:
    """Add what an export holds and the ledger does not; return how many rows are new.

    Raises:
        BadExport: the file is none, or of a later release; what came before stays.
    """
    known = {table.name: table for table in tables()}
    new: Counter[str] = Counter()
    rows: list[Row] = []
    began = False
    for number, line in enumerate(lines, 1):
        try:
            line_fields = orjson.loads(line)
            if not began:
                began = _is_ours(line_fields)
                continue
            table = known[line_fields["table"]]
            values = line_fields["row"]
            rows.append(Row(table, {c.name: _read(c, values.get(c.name)) for c in table.c}))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise BadExport(f"line {number} is no row of a ledger: {error!r}") from error
        if len(rows) >= PAGE:
            new += _add(ledger, rows)
            rows = []
    if not began:
        raise BadExport("the file is empty")
    return new + _add(ledger, rows)


def _is_ours(line_fields: dict[str, Any]) -> bool:
    revision = line_fields["earmark_ledger"]
    if revision > HEAD:
        raise BadExport(f"the file is of revision {revision}, this release knows {HEAD}")
    return True


def _add(ledger: Ledger, rows: list[Row]) -> Counter[str]:
    with ledger.transaction() as connection:
        new = ledger.add(connection, rows)
        task_states.follow(connection, rows)
    return new


def _written(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return {"b64": b64encode(bytes(value)).decode()}
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _read(column: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, LargeBinary):
        return b64decode(value["b64"], validate=True)
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(column.type, Date) else value

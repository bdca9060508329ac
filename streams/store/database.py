"""The ledger's database (SQLite or PostgreSQL): connections, transactions, errors, inserts.

The ledger is a projection of the topics. Rows are only added, each under the id of its record, so
a repeated record adds nothing. Events arrive in any order (a decision may overtake its upload),
so no table has foreign keys; rows join by ``upload_id`` and ``track_id``.
"""

import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy
from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    FromClause,
    Select,
    Table,
    func,
    select,
    tuple_,
)
from sqlalchemy import Connection as Connection  # transactions are passed on by it
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from detector.errors import BadInput, Fatal, Transient
from streams.contract.records import Record
from streams.runtime.settings import Settings
from streams.store import stored_records, upgrade
from streams.store.tables import DEAD_LETTERS, DECISIONS, LONG_AGO, METADATA
from streams.store.upgrade import Upgraded

BUSY_S: Final = 5.0  # SQLite: longest wait for another writer
CONNECT_S: Final = 5
KEYS: Final = "audit_keys"  # option of a connection: ``streams.store.audit``
CHUNK: Final = 500  # ids in one statement
PAGE: Final = 2_000  # rows of one reading
Id = TypeVar("Id", str, int, tuple[str, str])
R = TypeVar("R", bound=Record)

# PostgreSQL, appendix A. Connection, authorisation, rollback, resources, state, operator, system:
SQLSTATE_AWAY: Final = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58"})
SQLSTATE_NO_SCHEMA: Final = frozenset({"42P01", "42703", "3F000"})
# Unsupported, cardinality, data, integrity, limits of the program (a row too large for its index):
SQLSTATE_ROW: Final = frozenset({"0A", "21", "22", "23", "54"})
SQLITE_AWAY: Final = frozenset(
    getattr(sqlite3, f"SQLITE_{name}")
    for name in (
        *("BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT", "FULL"),
        *("CANTOPEN", "PROTOCOL", "SCHEMA", "PERM", "AUTH", "NOTADB"),
    )
)
SQLITE_NO_SCHEMA: Final = ("no such table", "no such column")


class LedgerAway(Transient):
    """The database is locked, stopped or out of reach."""


class LedgerError(Fatal):
    """``EARMARK_LEDGER`` names no usable database."""


class Unstorable(BadInput):
    """The database will never store this row."""


@dataclass(frozen=True)
class Row:
    """A row of one table with all of its columns."""

    table: Table
    values: Mapping[str, Any]


class Ledger:
    """One database; safe to share by threads. ``dry_run``: transactions are rolled back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dry_run = False

    @classmethod
    def open(cls, url: str, metadata: sqlalchemy.MetaData = METADATA) -> "Ledger":
        """Connect and migrate the ledger's tables to this release.

        With other ``metadata`` (the fingerprint index's), create the missing tables instead.

        Raises:
            LedgerError: the URL is invalid, or names an unsupported database.
            LedgerAway: the database does not answer; try again later.
        """
        ledger = cls(connect(url))
        if metadata is METADATA:
            ledger.upgrade()
            return ledger
        with ledger.transaction() as connection:
            upgrade.lock(connection)
            metadata.create_all(connection)
        return ledger

    @classmethod
    def of(cls, settings: Settings) -> "Ledger":
        """Open the ledger of an installation, with its key of the audit log; see ``open``."""
        ledger = cls.open(settings.ledger)
        ledger.engine.update_execution_options(**{KEYS: settings.audit_keys})
        return ledger

    def upgrade(self) -> Upgraded:
        """Run the missing migrations, one process at a time.

        Raises:
            LedgerAway: nothing was changed; try again later.
        """
        with self.reading() as connection:
            revision = upgrade.current(connection)
            if revision == upgrade.HEAD and connection.dialect.has_table(connection, upgrade.TABLE):
                return Upgraded(revision, revision)  # the usual case needs no lock
        with self.transaction() as connection:
            upgrade.lock(connection)
            return upgrade.upgrade(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit at the end, or roll everything back.

        Raises:
            LedgerAway: nothing was written, and it may succeed later.
            Unstorable: nothing was written, and it never will be.
        """
        with _ledger_errors(), self.engine.begin() as connection:
            yield connection
            if self.dry_run:
                connection.rollback()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection for reading, which waits for no writer.

        Raises:
            LedgerAway: the database is out of reach.
        """
        with _ledger_errors(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def write(self, rows: Iterable[Row]) -> Counter[str]:
        """Add rows in one transaction; see ``add``."""
        with self.transaction() as connection:
            return self.add(connection, rows)

    @staticmethod
    def add(connection: Connection, rows: Iterable[Row]) -> Counter[str]:
        """Add rows in the caller's transaction; existing ones stay as they are.

        Returns:
            How many rows are new, by table (``insert_new``).
        """
        by_table: dict[Table, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            by_table[row.table].append(row.values)
        return Counter(
            {table.name: insert_new(connection, table, new) for table, new in by_table.items()}
        )

    def pages(
        self, question: Select[Any], *key: Column[Any], size: int = PAGE
    ) -> Iterator[dict[str, Any]]:
        """Yield rows in the order of their key, page by page: there may be millions.

        No connection is held while they are used.
        """
        ordered = question = question.order_by(*key).limit(size)
        while True:
            with self.reading() as connection:
                page = connection.execute(question).mappings().all()
            yield from ({str(name): value for name, value in row.items()} for row in page)
            if len(page) < size:
                return
            values = (page[-1][column.name] for column in key)
            last = sqlalchemy.tuple_(*values, types=[column.type for column in key])
            question = ordered.where(sqlalchemy.tuple_(*key) > last)

    def ended_uploads(self, upload_ids: Collection[str]) -> set[str]:
        """Return those of ``upload_ids`` that have a decision or a dead letter here."""
        ended: set[str] = set()
        with self.reading() as connection:
            for ids in chunks(upload_ids):
                for column in (DECISIONS.c.upload_id, DEAD_LETTERS.c.upload_id):
                    question = select(column).where(column.in_(ids))
                    ended.update(connection.scalars(question))
        return ended


def chunks(ids: Collection[Id]) -> Iterator[list[Id]]:
    """Yield ids in order, as many at a time as one statement takes."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def parsed(connection: Connection, kind: type[R], question: Select[Any]) -> list[R]:
    """Return the records that a query of their JSON selects, without those that are unreadable."""
    records = (stored_records.read(kind, text) for text in connection.scalars(question))
    return [record for record in records if record is not None]


def first_parsed(connection: Connection, kind: type[R], question: Select[Any]) -> R | None:
    """Return the first record that a query of JSON selects, or None."""
    return next(iter(parsed(connection, kind, question.limit(1))), None)


def latest_of_each(
    key: Column[Any], place: Column[Any], *columns: Any, among: ColumnElement[bool] | None = None
) -> Select[Any]:
    """Return a query of the row with the highest place of each key; ``among`` narrows first."""
    newest = select(key.label("key"), func.max(place).label("place")).group_by(key)
    if among is not None:
        newest = newest.where(among)
    last = newest.subquery()
    return select(*columns).join_from(
        key.table, last, (last.c.key == key) & (last.c.place == place)
    )


def count(connection: Connection, table: FromClause, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows of a table meet all conditions."""
    return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def unmatched(
    connection: Connection, column: Column[Any], other: Column[Any], *among: ColumnElement[bool]
) -> int:
    """Return how many rows (``among`` which) have a value that no row of another table has."""
    missing = ~select(other).where(other == column).exists()
    return count(connection, column.table, missing, *among)


def insert_into(connection: Connection, table: Table) -> Any:
    """Return the INSERT of the connection's database, which takes ``ON CONFLICT``."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows whose keys are new, or newer; return how many those were.

    A table whose ``info`` names columns ``newest`` keeps the row with the larger values: a
    decision about an upload that was delivered again carries the later delivery. Of equal ones
    it keeps the last, as answers of one millisecond are.
    """
    if not rows:
        return 0
    statement = insert_into(connection, table)
    if newest := table.info.get("newest"):
        new, known = (
            tuple_(*(func.coalesce(columns[name], LONG_AGO) for name in newest))
            for columns in (statement.excluded, table.c)
        )
        differs = statement.excluded.record != table.c.record
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={column.name: statement.excluded[column.name] for column in table.columns},
            where=(new > known) | ((new == known) & differs),
        )
    else:
        statement = statement.on_conflict_do_nothing()
    options = {"preserve_rowcount": True}  # inserts may lose it otherwise
    return max(0, connection.execute(statement, rows, execution_options=options).rowcount)


@contextmanager
def _ledger_errors() -> Iterator[None]:
    """Turn the library's errors into the ledger's; others pass unchanged: they are bugs.

    The code decides, not the class: psycopg raises OperationalError for a row that no index takes.
    """
    try:
        yield
    except sqlalchemy.exc.TimeoutError as error:  # no connection of the pool is free
        raise LedgerAway(_first_line(error)) from error
    except sqlalchemy.exc.DBAPIError as error:
        if error.connection_invalidated or _is_away(error.orig):
            raise LedgerAway(_first_line(error)) from error
        if _is_unstorable(error.orig):
            raise Unstorable("unstorable", _first_line(error)) from error
        raise
    except (OverflowError, UnicodeError, sqlalchemy.exc.StatementError) as error:
        # a value could not even be handed to the driver
        raise Unstorable("unstorable", _first_line(error)) from error


def _is_away(error: BaseException | None) -> bool:
    """Return whether the database as a whole fails, or its tables are not there yet."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
        return code in SQLITE_AWAY or str(error).startswith(SQLITE_NO_SCHEMA)
    state = getattr(error, "sqlstate", None)
    if state is None:  # no answer came
        import psycopg  # a tenth of a start, which SQLite needs not

        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return state[:2] in SQLSTATE_AWAY or state in SQLSTATE_NO_SCHEMA


def _is_unstorable(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return not isinstance(error, (sqlite3.InterfaceError, sqlite3.ProgrammingError))
    state = getattr(error, "sqlstate", None)
    if state is None:
        import psycopg

        return isinstance(error, psycopg.DataError)
    return state[:2] in SQLSTATE_ROW


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def connect(url: str) -> Engine:
    """Return the engine of a database; nothing is connected yet.

    Raises:
        LedgerError: the URL is invalid, or names an unsupported database.
    """
    try:
        target = make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise LedgerError(f"EARMARK_LEDGER is no SQLAlchemy URL: {error}") from error
    match target.get_backend_name():
        case "sqlite":
            return _sqlite(target)
        case "postgresql" | "postgres":
            return sqlalchemy.create_engine(
                target.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_S},
            )
        case backend:
            raise LedgerError(f"EARMARK_LEDGER must be sqlite or postgresql, not {backend}")


@retry(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    stop=stop_after_delay(BUSY_S),
    wait=wait_fixed(0.01),
    reraise=True,
)
def _write_ahead(raw: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; retry, since SQLite does not wait for a concurrent switch."""
    raw.execute("PRAGMA journal_mode=WAL")


def _sqlite(target: URL) -> Engine:
    if target.database and target.database != ":memory:":
        try:
            Path(target.database).parent.mkdir(parents=True, exist_ok=True)
            if not target.database.startswith("file:"):
                # it holds hashes of passwords; its journals get the same mode
                os.close(os.open(target.database, os.O_CREAT | os.O_RDONLY, 0o600))
        except OSError as error:
            raise LedgerError(f"the folder of EARMARK_LEDGER cannot be made: {error}") from error
    engine = sqlalchemy.create_engine(target, connect_args={"timeout": BUSY_S})

    @sqlalchemy.event.listens_for(engine, "connect")
    def connected(raw: Any, _: Any) -> None:
        raw.isolation_level = None  # transactions begin explicitly
        _write_ahead(raw)
        raw.execute("PRAGMA synchronous=FULL")  # offsets are committed after a commit
        raw.execute("PRAGMA foreign_keys=ON")

    @sqlalchemy.event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            # Take the write lock at once: a reader that becomes a writer cannot wait for it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine

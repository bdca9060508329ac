"""Bring a ledger's tables up to this release: Alembic's migrations, under one lock.

They run when the ledger is opened, or earlier by ``earmark ledger upgrade``. One process at a time
runs them, in one transaction.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy
import structlog
from sqlalchemy import Connection

log = structlog.get_logger()

SCRIPTS: Final = Path(__file__).resolve().parent / "migrations"
HEAD: Final = max(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
FIRST: Final = "0001"
TABLE: Final = "alembic_version"
QUESTION: Final = "SELECT version_num FROM alembic_version"
SCHEMA_LOCK: Final = 0x6561726D61726B  # PostgreSQL: one process at a time changes tables


@dataclass(frozen=True)
class Upgraded:
    """The revisions before (None: an empty database) and after an upgrade."""

    before: str | None
    after: str


def current(connection: Connection) -> str | None:
    """Return the revision of a database; None: it has no tables of a ledger.

    A database without migrations has the tables of the first one.
    """
    tables = set(sqlalchemy.inspect(connection).get_table_names())
    if TABLE in tables:
        revision: str | None = connection.scalar(sqlalchemy.text(QUESTION))
        return revision
    return FIRST if "uploads" in tables else None


def lock(connection: Connection) -> None:
    """Exclude other processes from changing tables until the transaction ends.

    On SQLite the write lock does it, with which each transaction begins.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(SCHEMA_LOCK)))


def upgrade(connection: Connection) -> Upgraded:
    """Run the migrations that a database lacks; the caller holds the lock and commits.

    A database of a later release is left as it is: its migrations only added things.
    """
    from alembic import command
    from alembic.config import Config

    before = current(connection)
    if before is not None and before >= HEAD:
        if before > HEAD:
            log.warning("ledger_is_newer", revision=before, known=HEAD)
        return Upgraded(before, before)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if before == FIRST and not sqlalchemy.inspect(connection).has_table(TABLE):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)
    return Upgraded(before, HEAD)

"""docs/how-to/postgresql.md, followed exactly: one role owns the tables, the other uses them."""

import pytest
import sqlalchemy
from sqlalchemy.exc import ProgrammingError

from streams.known.index import open_index
from streams.store import monitoring
from streams.store.database import Ledger, connect
from tests.support.documents import blocks
from tests.support.postgres import private_postgres


def run(url: str, block: str) -> None:
    """Run the statements of a named block."""
    engine = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in filter(str.strip, blocks()[block].split(";")):
            connection.execute(sqlalchemy.text(statement))
    engine.dispose()


def test_the_processes_role_writes_rows_and_changes_no_table() -> None:
    with private_postgres() as url:
        address = url.partition("@")[2].rpartition("/")[0]
        owner, user = (
            f"postgresql://{role}@{address}/earmark" for role in ("earmark_owner", "earmark")
        )
        run(url, "roles")
        run(owner, "grants")
        Ledger.open(owner).close()
        open_index(owner).close()

        ledger = Ledger.open(user)
        monitoring.check_writable(ledger)
        open_index(user).close()
        with ledger.engine.begin() as connection, pytest.raises(ProgrammingError, match="owner"):
            connection.execute(sqlalchemy.text("DROP TABLE uploads"))
        ledger.close()

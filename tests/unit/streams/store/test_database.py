"""The ledger on both of its databases: what holds on one holds on the other."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.runtime.kafka.handler import blocking
from streams.runtime.kafka.handling import Handling
from streams.runtime.settings import Settings
from streams.stages.ledger import project
from streams.store import database as ledger_module
from streams.store import queries
from streams.store.database import Ledger, LedgerAway, LedgerError, Row, Unstorable
from streams.store.projections import rows_of
from tests.support.catalogue import CatalogueFixture
from tests.support.databases import MIGRATED, Databases
from tests.support.events import (
    fingerprinted,
    message,
    received,
)
from tests.support.ledger_rows import whole_story


def test_a_bad_message_harms_no_other(ledger: Ledger) -> None:
    bad = Message(topics.DECIDED, 0, 9, b"T-1", b"{}")
    handled = project(ledger, [*whole_story(), bad])
    assert [refused.message for refused in handled.refused] == [bad]
    assert handled.refused[0].error.reason == "invalid_record"
    assert queries.counts(ledger)["decisions"] == 1


def test_a_row_that_no_database_takes_is_refused_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that fits into no column, should the bounds of the records ever let one pass."""

    def with_odd_number(event: Message) -> list[Row]:
        rows = rows_of(event)
        odd = {"sample_rate_hz": 2**63} if event.topic == topics.FINGERPRINTED else {}
        return [Row(row.table, {**row.values, **odd}) for row in rows]

    monkeypatch.setattr("streams.stages.ledger.rows_of", with_odd_number)
    bad = message(topics.FINGERPRINTED, fingerprinted("T-odd"), 1)
    good = message(topics.UPLOADED, received())
    with pytest.raises(Unstorable):
        project(ledger, [good, bad])
    handler = blocking("ledger", partial(project, ledger))
    handling = Handling("ledger", handler, None, Settings())  # type: ignore[arg-type]
    handled = asyncio.run(handling.handle([good, bad]))
    assert [refused.message for refused in handled.refused] == [bad]
    assert queries.counts(ledger)["uploads"] == 1


def test_a_row_that_no_index_takes_is_refused_alone(ledger: Ledger) -> None:
    """PostgreSQL refuses keys of an index over 2,704 bytes as an OperationalError (54000)."""
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE keyed (key TEXT PRIMARY KEY)"))
    postgresql = ledger.engine.dialect.name == "postgresql"
    expected = pytest.raises(Unstorable, match="index") if postgresql else nullcontext()
    with expected, ledger.transaction() as connection:
        text = "".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))  # does not compress
        connection.execute(sqlalchemy.text("INSERT INTO keyed VALUES (:key)"), {"key": text})


def test_a_table_that_is_not_there_yet_is_waited_for(ledger: Ledger) -> None:
    with pytest.raises(LedgerAway), ledger.reading() as connection:
        connection.execute(sqlalchemy.text("SELECT 1 FROM of_a_later_release"))


def test_several_may_open_and_write_at_once(url: str) -> None:
    def write(number: int) -> None:
        CatalogueFixture(url).close()
        ledger = Ledger.open(url)
        for n in range(10):
            project(ledger, [message(topics.UPLOADED, received(f"T-{number}-{n}"))])
        project(ledger, whole_story())
        ledger.close()

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    assert queries.counts(Ledger.open(url))["uploads"] == 41


def test_a_locked_database_is_away_and_then_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "BUSY_S", 0.1)
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerAway, match="locked"):
        project(ledger, whole_story())
    assert queries.counts(ledger)["uploads"] == 0  # readers do not wait for writers
    other.rollback()
    project(ledger, whole_story())
    assert queries.counts(ledger)["uploads"] == 1


def test_a_database_that_ends_our_connections_is_away_and_then_back(
    databases: Databases,
) -> None:
    """As PostgreSQL does when it is stopped (57P01), also within a transaction."""
    end = sqlalchemy.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    )
    with databases.new(MIGRATED) as url:
        ledger = Ledger.open(url)

        def interrupted() -> None:
            with ledger.transaction() as connection:
                connection.execute(sqlalchemy.text("SELECT 1"))
                with databases.server.connect() as other:
                    other.execute(end, {"name": ledger.engine.url.database})
                ledger.add(connection, rows_of(message(topics.UPLOADED, received())))

        with pytest.raises(LedgerAway):
            interrupted()
        assert project(ledger, whole_story()).refused == []
        assert queries.counts(ledger)["uploads"] == 1
        ledger.close()


def test_a_stopped_database_is_away() -> None:
    with pytest.raises(LedgerAway):
        Ledger.open("postgresql://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "sqlite:////proc/none/ledger.db"])
def test_a_wrong_url_stops(url: str) -> None:
    with pytest.raises(LedgerError, match="EARMARK_LEDGER"):
        Ledger.open(url)


def test_a_relative_sqlite_path_makes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Ledger.open("sqlite:///state/of/things/ledger.db").close()
    assert (tmp_path / "state/of/things/ledger.db").is_file()


def test_only_its_owner_reads_a_new_database(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    files = [path for path in tmp_path.iterdir() if path.name.startswith("ledger.db")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    ledger.close()

"""The ledger's tables through their history, on both databases."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract import topics
from streams.services.accounts import keys, sessions, users
from streams.services.accounts.tokens import hashed
from streams.stages.ledger import project
from streams.store import queries, upgrade
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger, LedgerAway, connect
from streams.store.tables import METADATA
from streams.store.upgrade import FIRST, HEAD, Upgraded
from tests.support.events import message, received

OLD_UPLOAD = """
INSERT INTO uploads (upload_id, track_id, uri, uploaded_at, record)
VALUES ('upl_1', 'T-1', 'file:///one.wav', '2026-11-23 12:00:00', '{}')
"""
OLD_TASK = """
INSERT INTO review_tasks (task_id, decision_id, upload_id, track_id, queue, priority, requested_for,
  model, model_version, model_digest, policy, policy_version, policy_digest, record)
VALUES ('tsk_1', 'dec_1', 'upl_1', 'T-1', 'borderline', 30, '2026-11-23 12:00:00',
  'm', '1', 'd', 'p', '1', 'd', '{}')
"""

OLD_KEY = """
INSERT INTO api_keys (key_id, name, role, secret_sha256, created_by, created_at)
VALUES ('key_1', 'pipeline', 'ingest', :secret, 'usr_1', '2026-11-23 12:00:00')
"""
OLD_SESSION = """
INSERT INTO sessions (token_sha256, user_id, csrf, created_at, seen_at, expires_at)
VALUES (:token, :user, 'x', :now, :now, :later)
"""


# outcome, extent, source of the label
BEFORE = (
    ("ai_likely", "All", "detector"),
    ("human_likely", "None", "detector"),
    ("human_likely", "None", "reviewer"),
    ("uncertain", "Unknown", "detector"),
)
OLD_ANALYSIS = """
INSERT INTO analyses (analysis_id, upload_id, track_id, content_sha256, outcome, extent, alpha,
                      model, model_version, model_digest, recorded_at, record)
VALUES (:id, :id, 'T', 'c', :outcome, :extent, 0.01, 'm', '1', 'd', :now, '{}')
"""
OLD_LABEL = """
INSERT INTO labels (label_id, upload_id, track_id, analysis_id, subject, extent, certainty, source,
                    licensed, effective, model, model_version, model_digest, policy,
                    policy_version, policy_digest, recorded_at, record)
VALUES (:id, :id, 'T', 'a', 'recording', :extent, 'suspected', :source, false, true, 'm', '1', 'd',
        'p', '1', 'd', :now, '{}')
"""
OLD_DECISION = """
INSERT INTO decisions (decision_id, upload_id, track_id, content_sha256, analysis_id, outcome,
                       extent, certainty, source, licensed, display, recommendation, availability,
                       monetisation, profile, automation, uploaded_at, model, model_version,
                       model_digest, policy, policy_version, policy_digest, recorded_at, record)
VALUES (:id, :id, 'T', 'c', 'a', :outcome, :extent, 'suspected', :source, false, 'none', 'allow',
        'allow', 'allow', 'attach', 'fully', :now, 'm', '1', 'd', 'p', '1', 'd', :now, '{}')
"""


def at_revision(url: str, revision: str) -> Ledger:
    """Open a database with the tables of a revision."""
    ledger = Ledger(connect(url))
    config = Config()
    config.set_main_option("script_location", str(upgrade.SCRIPTS))
    from alembic import command

    with ledger.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return ledger


def before_migrations(url: str) -> Ledger:
    """Open a database as release 0.1 left it: the first tables, no word of a revision."""
    ledger = at_revision(url, FIRST)
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE alembic_version"))
    return ledger


def drift(connection: sqlalchemy.Connection) -> list[Any]:
    """Return in what the tables differ from the code's; the index of texts is the migrations'."""

    def ours(_: object, name: str | None, *__: object) -> bool:
        return not (name or "").startswith("upload_texts")

    options = {"compare_type": True, "include_object": ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_the_migrations_make_the_tables_that_the_code_knows(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        assert drift(connection) == []


def test_the_revisions_are_one_line_of_numbers() -> None:
    scripts = ScriptDirectory(str(upgrade.SCRIPTS))
    line = [revision.revision for revision in scripts.walk_revisions()][::-1]
    assert line == [f"{number:04}" for number in range(1, len(line) + 1)]
    assert scripts.get_heads() == [HEAD]


def test_a_ledger_from_before_the_migrations_goes_on(empty_url: str) -> None:
    old = before_migrations(empty_url)
    with old.transaction() as connection:
        connection.execute(sqlalchemy.text(OLD_UPLOAD))
        connection.execute(sqlalchemy.text(OLD_TASK))
    assert old.upgrade() == Upgraded(FIRST, HEAD)
    assert queries.counts(old)["uploads"] == 1
    with old.reading() as connection:
        assert connection.scalars(sqlalchemy.select(TASK_STATES.c.state)).all() == ["open"]
        assert drift(connection) == []
    assert Ledger.open(empty_url).upgrade() == Upgraded(HEAD, HEAD)


def test_keys_and_sessions_of_before_stay_what_they_were(empty_url: str) -> None:
    old = at_revision(empty_url, "0009")
    with old.transaction() as connection:
        connection.execute(sqlalchemy.text(OLD_KEY), {"secret": hashed("secret")})
        user = users.add(connection, "Ada", "viewer", "test")
        now = datetime.now(UTC)
        values = {"token": hashed("token"), "user": user.user_id, "now": now}
        connection.execute(
            sqlalchemy.text(OLD_SESSION), values | {"later": now + timedelta(hours=1)}
        )
    old.upgrade()
    key, session = keys.find(old, "key_1.secret"), sessions.find(old, "token")
    assert key is not None
    assert (key.distributors, key.uploads_per_hour) == ((), None)  # the platform's own
    assert session is not None
    assert not session.by_link


def test_outcomes_of_before_have_the_words_of_today(empty_url: str) -> None:
    old = at_revision(empty_url, "0010")
    with old.transaction() as connection:
        for number, (outcome, extent, source) in enumerate(BEFORE):
            values = {"id": f"{number}", "outcome": outcome, "extent": extent, "source": source}
            for statement in (OLD_ANALYSIS, OLD_LABEL, OLD_DECISION):
                connection.execute(sqlalchemy.text(statement), values | {"now": datetime.now(UTC)})
    old.upgrade()
    with old.reading() as connection:
        rows = [
            [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
            for query in (
                "SELECT outcome, extent FROM analyses ORDER BY analysis_id",
                "SELECT outcome, extent FROM decisions ORDER BY decision_id",
                "SELECT extent FROM labels ORDER BY label_id",
            )
        ]
    assert rows == [
        [("suspected", "All"), ("no_trace", "Unknown"), ("no_trace", "Unknown"),
         ("uncertain", "Unknown")],
        [("suspected", "All"), ("no_trace", "Unknown"), ("no_trace", "None"),
         ("uncertain", "Unknown")],
        [("All",), ("Unknown",), ("None",), ("Unknown",)],
    ]  # fmt: skip


def test_a_ledger_of_a_later_release_is_left_alone(empty_url: str) -> None:
    ledger = Ledger.open(empty_url)
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))
    assert Ledger.open(empty_url).upgrade() == Upgraded("9999", "9999")
    project(ledger, [message(topics.UPLOADED, received())])


def test_many_open_a_new_ledger_at_once(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as openers:
        for opened in openers.map(Ledger.open, [empty_url] * 4):
            assert queries.counts(opened)["uploads"] == 0
            opened.close()


def test_a_new_ledger_that_somebody_begins_to_write_is_waited_for(tmp_path: Path) -> None:
    """Before its first write-ahead log SQLite itself does not wait."""
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    Timer(0.3, other.rollback).start()
    assert Ledger.open(f"sqlite:///{tmp_path}/ledger.db").upgrade() == Upgraded(HEAD, HEAD)


def test_a_migration_that_fails_changes_nothing(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: sqlalchemy.Connection) -> Upgraded:
        ledger_upgrade_upgrade(connection)
        raise LedgerAway("the connection broke")

    ledger_upgrade_upgrade = upgrade.upgrade
    monkeypatch.setattr(upgrade, "upgrade", broken)
    ledger = Ledger(connect(empty_url))
    with pytest.raises(LedgerAway, match="broke"):
        ledger.upgrade()
    with ledger.reading() as connection:
        assert upgrade.current(connection) is None


def test_the_command_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    outputs = [CliRunner().invoke(app, ["ledger", "upgrade"]).output for _ in range(2)]
    assert outputs == [
        f"upgraded from an empty database to {HEAD}\n",
        f"the ledger is at {HEAD} already\n",
    ]

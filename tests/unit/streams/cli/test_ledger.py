"""``earmark ledger`` as people type it, on an SQLite ledger."""

from pathlib import Path

import pytest
import sqlalchemy

from streams.ops.state import State
from streams.stages.ledger import project
from streams.store import queries
from streams.store.database import Ledger
from streams.store.tables import UPLOADS
from tests.support.command_line import run
from tests.support.ledger_rows import whole_story


def test_an_export_rebuilds_a_ledger(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_BROKERS", "127.0.0.1:9")  # none: nothing decides there
    out, other = tmp_path / "ledger.jsonl", tmp_path / "other"
    assert run("ledger", "export", str(out), "--state", str(state)).endswith(" rows written\n")
    assert out.stat().st_mode & 0o077 == 0, "it holds hashes: nobody else reads it"
    assert "1 decisions" in run("ledger", "rebuild", "--from", str(out), "--state", str(other))
    again = run("ledger", "rebuild", "--from", str(out), "--state", str(other))
    assert again.strip() == "0 rows added"
    before, after = (Ledger.open(State(one).settings(None).ledger) for one in (state, other))
    assert queries.counts(before) == queries.counts(after)
    before.close()
    after.close()


def test_a_ledger_is_verified_and_its_fault_is_named(tmp_path: Path) -> None:
    ledger = Ledger.open(State(tmp_path).settings(None).ledger)
    project(ledger, whole_story())
    printed = run("ledger", "verify", "--state", str(tmp_path))
    assert printed.endswith("the ledger is consistent\n")
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.delete(UPLOADS))
    ledger.close()
    printed = run("ledger", "verify", "--state", str(tmp_path), code=1)
    assert "decisions: 1 are about uploads that the ledger does not have" in printed
    assert "the ledger is consistent" not in printed


def test_nothing_is_erased_without_a_yes(state: Path) -> None:
    words = ("ledger", "erase", "T-1", "T-2", "--state", str(state))
    printed = run(*words)
    assert "rows would be deleted" in printed
    assert "the ledger has no upload of track T-2" in printed
    assert printed.endswith("nothing was deleted; add --yes\n")
    assert "still hold it: the topics" in run(*words, "--yes")
    assert "knows no decision" in run("policy", "explain", "T-1", "--state", str(state), code=1)


def test_an_upgraded_ledger_says_so(tmp_path: Path) -> None:
    first = run("ledger", "upgrade", "--state", str(tmp_path))
    assert first.startswith("upgraded from an empty database to ")
    assert run("ledger", "upgrade", "--state", str(tmp_path)).endswith(" already\n")

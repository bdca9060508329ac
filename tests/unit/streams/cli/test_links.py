"""``earmark links`` as people type it."""

import re
from pathlib import Path

import pytest

from streams.ops.state import State
from streams.store import queries
from streams.store.database import Ledger
from tests.support.command_line import run


def test_a_link_is_made_listed_and_revoked(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_LINK_KEY", "k" * 40)
    ledger = Ledger.open(State(state).settings(None).ledger)
    decided = queries.latest_decision(ledger, "T-1")
    assert decided is not None
    at = ("--state", str(state))
    made = run("links", "make", decided.decision_id, "--days", "3", *at)
    link = re.match(r"(lnk_\w+) until \S+\nhttp://127.0.0.1:8300/artist/open/\1\.", made)
    assert link is not None, made
    assert f"{link[1]} {decided.decision_id} T-1: valid, until " in run("links", "ls", *at)
    assert run("links", "revoke", link[1], *at) == f"{link[1]} is revoked\n"
    assert ": revoked, until " in run("links", "ls", "--decision", decided.decision_id, *at)

"""``earmark statements`` as people type it."""

import json
from pathlib import Path

from streams.ops.state import State
from streams.policy.transparency import faults
from streams.store.database import Ledger
from tests.support.command_line import run
from tests.support.mail import restrict


def test_statements_are_exported_as_the_database_takes_them(state: Path) -> None:
    (line,) = run("statements", "export", "--fields", "--state", str(state)).splitlines()
    assert faults(json.loads(line)) == []
    (line,) = run("statements", "export", "--track", "T-1", "--state", str(state)).splitlines()
    assert set(json.loads(line)["texts"]) == {"en", "de"}
    assert run("statements", "export", "--since", "2100-01-01", "--state", str(state)) == ""


def test_an_address_is_set_and_a_delivery_is_sent_again_and_bounces(state: Path) -> None:
    at = ("--state", str(state))
    printed = run("statements", "set-address", "D-1", "desk@label.example", "--digest", *at)
    assert printed == "D-1: desk@label.example, en, daily digest\n"
    assert run("statements", "addresses", *at) == printed
    run("statements", "set-address", "D-1", "desk@x.example\nBcc: y@z.example", *at, code=1)
    assert run("statements", "addresses", *at) == printed, "it is as before"
    statement = restrict(Ledger.open(State(state).settings(None).ledger), "T-2")
    (line,) = run("statements", "ls", "--json", "--track", "T-2", *at).splitlines()
    assert json.loads(line)["state"] == "waiting"
    run("statements", "bounce", statement.statement_id, *at, code=1)  # it was not delivered
    assert run("statements", "resend", statement.statement_id, *at) == "1 will be sent\n"
    assert run("statements", "ls", "--undelivered", *at) == ""
    assert run("statements", "ls", *at) == f"{statement.statement_id} T-2: waiting\n"
    run("statements", "remove-address", "D-1", *at)
    assert run("statements", "addresses", *at) == ""

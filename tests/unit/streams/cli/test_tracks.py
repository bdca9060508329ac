"""Commands about tracks as people type them, without a broker."""

import json
from pathlib import Path

from typer.testing import CliRunner

from streams.cli.main import app
from streams.policy.transparency import faults
from tests.support.command_line import run


def test_statements_are_exported_as_the_database_takes_them(state: Path) -> None:
    (line,) = run("statements", "--fields", "--state", str(state)).splitlines()
    assert faults(json.loads(line)) == []
    (line,) = run("statements", "--track", "T-1", "--state", str(state)).splitlines()
    assert set(json.loads(line)["texts"]) == {"en", "de"}
    assert run("statements", "--since", "2100-01-01", "--state", str(state)) == ""


def test_the_story_of_a_track_is_shown(state: Path) -> None:
    printed = run("show", "T-1", "--state", str(state))
    assert "display=ai_badge" in printed
    unknown = CliRunner().invoke(app, ["show", "T-2", "--state", str(state)])
    assert unknown.exit_code == 1
    assert "the ledger knows nothing of T-2" in unknown.stderr

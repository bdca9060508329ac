"""``earmark dead-letters`` as people type it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streams.cli import main
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.buried import buried, source
from tests.support.events import received

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    url = f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv("EARMARK_LEDGER", url)
    project(Ledger.open(url), [buried(source("T-1", 1)), buried(source("T-2", 2), "too_large")])

    def invoke(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(
            main.app, ["dead-letters", *words, "--state", str(tmp_path / "state")]
        )
        assert done.exit_code == code, done.output
        return done

    return invoke


def test_the_commands(run: Run) -> None:
    output = run("ls").output
    assert "1 x too_large in tracks.uploaded by fingerprint, from 2026-" in output
    rows = [json.loads(line) for line in run("ls", "--json").output.splitlines()]
    item, two = sorted(rows, key=lambda row: row["track_id"])
    assert json.loads(item["value"])["upload"]["track_id"] == "T-1"
    assert (item["standing"], item["attempts"], item["replayable"]) == ("open", 0, True)
    raw = run("show", item["dead_letter_id"], "--raw").stdout_bytes
    assert raw == received("T-1").to_bytes()
    assert "missing_file" in run("show", item["dead_letter_id"]).output

    output = run("replay", "--reason", "too_large", "--dry-run").output
    assert "would be replayed on tracks.uploaded, attempt 1" in output
    assert item["dead_letter_id"] not in output
    assert "say which" in run("replay", code=1).output
    assert "no dead letter ddl_none" in run("replay", "ddl_none", code=1).output
    assert "no dead letters match" in run("replay", "--track", "T-9").output

    assert "no dead letter" in run("drop", "ddl_none", "--why", "x", code=1).output
    run("drop", two["dead_letter_id"], code=2)  # a reason is required
    run("drop", two["dead_letter_id"], "--why", "not ours", "--by", "me")
    assert two["dead_letter_id"] not in run("ls").output
    assert "dropped by me: not ours" in run("show", two["dead_letter_id"]).output
    assert two["dead_letter_id"] in run("ls", "--status", "dropped").output
    assert run("drop", two["dead_letter_id"], "--why", "again").output == ""

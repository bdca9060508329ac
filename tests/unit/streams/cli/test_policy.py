"""``earmark policy``, ``rights`` and ``statements`` as people type them, without a broker."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract import topics
from streams.contract.records import Declaration, Tool
from streams.ops.state import State
from streams.policy.bundle import BundleError, load
from streams.policy.decide import decide
from streams.policy.transparency import faults
from streams.runtime.settings import Settings
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.events import agreement, classified, message

POLICY = Settings().policy


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An instance with one track that was decided."""
    folder = tmp_path / "state"
    ledger = Ledger.open(State(folder).settings(None).ledger)
    event = classified()
    decided = decide(event, load(POLICY))
    messages = [message(topics.CLASSIFIED, event), message(topics.RIGHTS_CHANGED, agreement())]
    messages += [message(out.topic, out.record) for out in decided.outputs()]
    project(ledger, messages)
    ledger.close()
    return folder


def test_features_are_listed_and_published() -> None:
    assert "ai.p_value: number, may be missing: share of human" in run("policy", "features")
    document = json.loads(run("policy", "features", "--json"))
    assert document["features"]["label.extent"]["values"] == ["All", "Partly", "None", "Unknown"]


def test_a_snapshot_is_evaluated(tmp_path: Path) -> None:
    snapshot = tmp_path / "one.json"
    snapshot.write_text(json.dumps({"label": {"extent": "All"}, "ai.outcome": "ai_likely"}))
    output = json.loads(run("policy", "evaluate", str(POLICY), str(snapshot)))
    assert output["actions"]["recommendation"] == "exclude_algorithmic"
    assert [rule["rule_id"] for rule in output["rules"]] == ["suspected-all", "not-recommended"]
    snapshot.write_text('{"label.extent": "all"}')
    wrong = CliRunner().invoke(app, ["policy", "evaluate", str(POLICY), str(snapshot)])
    assert "label.extent is one of All, Partly" in str(wrong.exception)


def test_snapshots_are_simulated(tmp_path: Path) -> None:
    lines = tmp_path / "many.jsonl"
    lines.write_text('{"label.extent": "All"}\n\n{"label.extent": "None"}\n')
    output = json.loads(run("policy", "simulate", str(POLICY), str(lines), "--json"))
    assert output["snapshots"] == 2
    assert output["hits"] == {"suspected-all": 1, "not-recommended": 1}


def test_tests_that_fail_are_named(tmp_path: Path) -> None:
    edited = tmp_path / "policy.yaml"
    edited.write_text(POLICY.read_text().replace("priority: 800", "mode: draft\n    priority: 800"))
    output = run("policy", "test", str(edited), code=1)
    assert "FAIL suspected AI is labelled and not recommended by algorithms" in output
    assert "recommendation is allow, expected exclude_algorithmic" in output
    wrong = CliRunner().invoke(app, ["policy", "lint", str(edited)])
    assert "policy.yaml:" in str(wrong.exception)


def test_tests_of_a_policy_with_another_fault_do_not_run(tmp_path: Path) -> None:
    edited = tmp_path / "policy.yaml"
    edited.write_text(POLICY.read_text().replace('label.extent == "All" &&', "label.extent and"))
    result = CliRunner().invoke(app, ["policy", "test", str(edited)])
    assert isinstance(result.exception, BundleError)
    assert "'and' is not expected here: write &&" in str(result.exception)


def test_two_policies_are_compared(tmp_path: Path) -> None:
    edited = tmp_path / "policy.yaml"
    edited.write_text(POLICY.read_text().replace("fraud: 0.9", "fraud: 0.8"))
    output = run("policy", "diff", str(POLICY), str(edited))
    assert "~ params.fraud: 0.9 -> 0.8   [restrictive]" in output
    assert "takes two approvers" in output
    assert "is not above" in output  # and could not be published
    assert "nothing differs" in run("policy", "diff", str(POLICY), str(POLICY))


def test_a_decision_is_explained_and_back_tested(state: Path) -> None:
    output = run("policy", "explain", "T-1", "--state", str(state))
    assert "label: AI extent All, suspected (the detector says so)" in output
    assert "HOLDS not-recommended (live)" in output
    assert "saw label.extent = 'All', label.licensed = False" in output
    assert "the snapshot does not give" not in output  # it replays
    assert "knows no decision" in run("policy", "explain", "T-2", "--state", str(state), code=1)
    output = run("policy", "backtest", str(POLICY), "--state", str(state))
    assert output.startswith("1 tracks")
    assert "changed tracks (0 named)" in output
    output = run("redecide", "--all", "--state", str(state))
    assert "a dry run: nothing was sent" in output


def test_the_registry_is_listed(state: Path) -> None:
    output = run("rights", "ls", "--state", str(state))
    assert "AGR-1: opt_in, in_force; generate, distribute_output; Worldwide" in output


def test_the_volume_of_an_agreement_is_counted(state: Path, tmp_path: Path) -> None:
    ledger = Ledger.open(State(state).settings(None).ledger)
    entry = agreement(2, conditions={"max_volume": 1})
    project(ledger, [message(topics.RIGHTS_CHANGED, entry, 50)])
    assert "about 0 tracks, of at most 1\n" in run("rights", "ls", "--state", str(state))
    tool = Tool(name="Songmaker", agreement_id="AGR-1")
    messages = []
    for number in (1, 2):
        event = classified(track_id=f"V-{number}", declared=Declaration(tools=(tool,)))
        messages.append(message(topics.CLASSIFIED, event, 60 + number))
    project(ledger, messages)
    output = run("rights", "ls", "--state", str(state))
    assert "about 2 tracks, of at most 1, MORE THAN AGREED" in output


def test_statements_are_exported_as_the_database_takes_them(state: Path) -> None:
    (line,) = run("statements", "--fields", "--state", str(state)).splitlines()
    assert faults(json.loads(line)) == []
    (line,) = run("statements", "--track", "T-1", "--state", str(state)).splitlines()
    assert set(json.loads(line)["texts"]) == {"en", "de"}
    assert run("statements", "--since", "2100-01-01", "--state", str(state)) == ""

"""``earmark policy`` as people type it, without a broker."""

import json
from pathlib import Path

from typer.testing import CliRunner

from streams.cli.main import app
from streams.policy.bundle import BundleError
from tests.support.command_line import POLICY, run


def test_features_are_listed_and_published() -> None:
    assert "ai.p_value: number, may be missing: share of human" in run("policy", "features")
    document = json.loads(run("policy", "features", "--json"))
    assert document["features"]["label.extent"]["values"] == ["All", "Partly", "None", "Unknown"]


def test_a_snapshot_is_evaluated(tmp_path: Path) -> None:
    snapshot = tmp_path / "one.json"
    declared = {"extent": "All", "source": "declaration"}
    snapshot.write_text(json.dumps({"label": declared, "ai.outcome": "identified"}))
    output = json.loads(run("policy", "evaluate", str(POLICY), str(snapshot)))
    assert output["actions"]["recommendation"] == "exclude_algorithmic"
    assert [rule["rule_id"] for rule in output["rules"]] == ["declared-all", "not-recommended"]
    limited = tmp_path / "limited.yaml"
    limited.write_text(
        POLICY.read_text().replace("    priority: 800", "    territories: [DE]\n    priority: 800")
    )
    limited.write_text(limited.read_text().partition("\ntests:")[0])
    for place, action in (("DE", "exclude_algorithmic"), ("FR", "allow")):
        there = ["policy", "evaluate", str(limited), str(snapshot), "--territory", place]
        assert json.loads(run(*there))["actions"]["recommendation"] == action
    snapshot.write_text('{"label.extent": "all"}')
    wrong = CliRunner().invoke(app, ["policy", "evaluate", str(POLICY), str(snapshot)])
    assert "label.extent is one of All, Partly" in str(wrong.exception)


def test_snapshots_are_simulated(tmp_path: Path) -> None:
    lines = tmp_path / "many.jsonl"
    lines.write_text(
        '{"label": {"extent": "All", "source": "registry"}}\n\n'
        '{"label": {"extent": "All", "tier": "identified"}}\n'
    )
    output = json.loads(run("policy", "simulate", str(POLICY), str(lines), "--json"))
    assert output["snapshots"] == 2
    assert output["hits"] == {"identified-all": 1, "not-recommended": 1}


def test_tests_that_fail_are_named(tmp_path: Path) -> None:
    edited = tmp_path / "policy.yaml"
    edited.write_text(POLICY.read_text().replace("priority: 800", "mode: draft\n    priority: 800"))
    output = run("policy", "test", str(edited), code=1)
    assert "FAIL declared AI is not recommended by algorithms" in output
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
    assert "label: AI extent All, suspected (the detector's finding)" in output
    assert "HOLDS identified-all (live)" in output
    assert "saw label.extent = 'All', label.tier = 'identified'" in output
    assert "the snapshot does not give" not in output  # it replays
    assert "knows no decision" in run("policy", "explain", "T-2", "--state", str(state), code=1)
    output = run("policy", "backtest", str(POLICY), "--state", str(state))
    assert output.startswith("1 tracks")
    assert "changed tracks (0 named)" in output
    output = run("redecide", "--all", "--state", str(state))
    assert "a dry run: nothing was sent" in output

"""Commands about tracks as people type them, without a broker."""

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from streams.cli.main import app
from tests.support.audio import write_wav
from tests.support.command_line import run


def test_the_story_of_a_track_is_shown(state: Path) -> None:
    printed = run("show", "T-1", "--state", str(state))
    assert "display=ai_badge" in printed
    unknown = CliRunner().invoke(app, ["show", "T-2", "--state", str(state)])
    assert unknown.exit_code == 1
    assert "the ledger knows nothing of T-2" in unknown.stderr


def test_models_are_compared_file_by_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, (1, 44_100 * 8)).astype(np.float32)
    write_wav(tmp_path / "noise.wav", samples)
    (tmp_path / "text.wav").write_text("no audio")
    models = ("--model", "ensemble-5", "--model", "clock-5")
    result = CliRunner().invoke(app, ["compare", str(tmp_path), *models])
    assert result.exit_code == 0, result.stderr
    lines = {Path(line[2:].split(": ")[0]).name: line for line in result.stdout.splitlines()}
    assert lines["text.wav"].endswith("rejected unsupported_format | rejected unsupported_format")
    first, second = lines["noise.wav"].split(": ")[1].split(" | ")
    assert lines["noise.wav"].startswith("*") is (first.split()[0] != second.split()[0])
    assert "models: ensemble-5 " in result.stderr
    result = CliRunner().invoke(app, ["compare", "--json", str(tmp_path / "noise.wav"), *models])
    answers = json.loads(result.stdout)["answers"]
    assert [one["model"]["name"] for one in answers] == ["ensemble-5", "clock-5"]


def test_one_model_cannot_be_compared(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["compare", str(tmp_path), "--model", "clock-5"])
    assert result.exit_code == 2
    assert "name two models" in result.stderr


def test_a_rescoring_is_a_dry_run_first(state: Path) -> None:
    printed = run("rescore", "--state", str(state))
    assert "0 tracks would be scored by ensemble-5" in printed
    assert "1 have no stored observation" in printed
    assert "nothing was sent" in printed
    wrong = run("rescore", "--where", "ai.outcome ==", "--state", str(state), code=2)
    assert "--where" in wrong


def test_uploads_and_catalogue_are_decided_by_one_model(state: Path) -> None:
    refused = run("rescore", "--model", "clock-5", "--state", str(state), code=2)
    assert "set EARMARK_MODEL to clock-5" in " ".join(refused.replace("│", " ").split())
    assert "by clock-5" in run("rescore", "--model", "clock-5", "--shadow", "--state", str(state))

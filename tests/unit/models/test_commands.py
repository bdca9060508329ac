"""The commands that train, measure and learn."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.assessment.model import Model
from detector.errors import BadInput, ModelError
from models.commands import RELEASED, app
from models.evaluation.card_measurements import write_measured
from models.evaluation.tiers import weights_digest
from models.learning.references import REFERENCES
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from streams.runtime.settings import Settings
from tests.support.manifests import made_up
from tests.support.paths import MODELS


def test_the_command_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for take in range(3):
        files.append(tmp_path / f"{take}.wav")
        painted = decode_through(render(40 + take, 13.0), RATE_HZ, (8, 8, 8), 5)
        write_audio(files[-1], painted)
    out = tmp_path / "taught"
    words = [*map(str, files), "--generator", "Painter", "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(
        app, ["learn", *words, "--out", str(out), "--dry-run", "--workers", "1"]
    )
    assert done.exit_code == 0, done.output
    assert "dry run" in done.output
    assert "clock at 86.13 Hz" in done.output
    assert not out.exists()
    done = CliRunner().invoke(app, ["learn", *words, "--out", str(out), "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert Model.load(out).learned[0].name == "Painter"
    named = [one.hz for one in Model.load(out).lattice.rates if "Painter" in one.known_for]
    assert named == [pytest.approx(44_100 / 512, abs=1e-5)]
    monkeypatch.setattr(
        "models.learning.few_shot.ALPHA", 0.001
    )  # as a model of few recordings at 1 %
    done = CliRunner().invoke(app, ["learn", *words, "--out", str(out), "--workers", "1"])
    assert isinstance(done.exception, ModelError)
    assert "needs at least 999 human performances" in str(done.exception)


def test_the_model_that_learns_by_default_is_the_default_model() -> None:
    assert Settings().model == RELEASED
    assert (RELEASED / REFERENCES).stat().st_size < 5_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("corpus"))


def test_the_commands_print_their_tables(folder: Path, tmp_path: Path) -> None:
    shared = ["--manifest", str(folder / "manifest.csv"), "--cache", str(folder / "cache")]
    shared += ["--cells", str(folder / "cells")]
    out = ["--out", str(tmp_path / "model")]
    only = ["--branches", "clock"]
    done = CliRunner().invoke(app, ["train", *shared, *out, "--name", "tiny", *only])
    assert done.exit_code == 0, done.output
    assert "decoder 2" in done.output
    out = ["--out", str(tmp_path / "figures")]
    done = CliRunner().invoke(app, ["evaluate", *shared, *out, "--model", str(tmp_path / "model")])
    assert done.exit_code == 0, done.output
    assert "labels permuted" in done.output
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "evaluation.html",
        "evaluation.json",
        "evaluation.txt",
        "humans.csv",
        "scores.csv",
    }
    named = ["--model", str(tmp_path / "model")]
    done = CliRunner().invoke(app, ["evaluate-tiers", *shared[:4], *out, *named])
    assert done.exit_code == 0, done.output
    assert "| decoder 2 | known |" in done.output
    named = ["--name", "two pieces each", "--model", str(tmp_path / "model")]
    done = CliRunner().invoke(app, ["predict", *shared[:4], *out, *named])
    assert done.exit_code == 0, done.output
    places = [str(tmp_path / "model"), str(tmp_path / "figures")]
    done = CliRunner().invoke(app, ["card", *places])
    assert done.exit_code == 0, done.output
    measured = (tmp_path / "model" / "MEASURED.md").read_text()
    assert weights_digest(tmp_path / "model") in measured
    assert "| decoder 2 |" in measured
    assert "| decoder 2 | unseen | 2 | 0 | 1 |" in measured
    assert "| two pieces each, alpha 11.11% | files | identified | suspected |" in measured
    assert "| AI | 6 | 0.0 % | 100.0 % | 0.0 % | 0.0 % | 0.0 % | - |" in measured
    with pytest.raises(BadInput, match="is about"):
        write_measured(MODELS / "clock-5", tmp_path / "figures")
    with pytest.raises(BadInput, match="run earmark evaluate"):
        write_measured(MODELS / "clock-5", tmp_path)

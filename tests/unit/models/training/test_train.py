import csv
import os
from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from detector.assessment.model import Model
from detector.errors import BadInput, ModelError
from models.commands import app
from models.evaluation.card_measurements import write_measured
from models.evaluation.evaluate import evaluate
from models.learning.data import describe, file_sha256, read_manifest, usable
from models.learning.observations import observe
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from models.training.train import Trained, code_digest, normalized, train
from tests.support.paths import ROOT

RELEASED = ROOT / "models" / "clock-4"
CORPUS = Path(os.environ.get("EARMARK_CORPUS", ROOT.parent / "shared" / "corpus"))

Row = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four human sources and three generators, simulated decoders, of two pieces each."""
    root = tmp_path_factory.mktemp("corpus")
    rows: list[Row] = []
    for maker in range(4):
        for take in range(2):
            name = f"human-{maker}-{take}.wav"
            write_audio(root / name, render(100 + 10 * maker + take, 7.0))
            rows.append((name, "human", f"band {maker}", f"org/band-{maker}"))
    for maker, strides in enumerate(((8, 8, 8), (7, 7, 6, 3), (8, 8, 8, 2))):
        for take in range(2):
            name = f"ai-{maker}-{take}.wav"
            played = render(200 + 10 * maker + take, 7.0)
            write_audio(root / name, decode_through(played, RATE_HZ, strides, maker))
            rows.append((name, "ai", f"decoder {maker}", f"org/decoder-{maker}"))
    write_manifest(root / "manifest.csv", rows)
    return root


def write_manifest(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "generator", "repo"))
        writer.writerows(rows)


def changed(folder: Path, name: str, **labels: str) -> Path:
    """Write the manifest again under another name, with labels replaced."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [
            (row["path"], labels.get(row["label"], row["label"]), row["generator"], row["repo"])
            for row in csv.DictReader(file)
        ]
    write_manifest(folder / name, rows)
    return folder / name


def trained(folder: Path, out: Path, manifest: str = "manifest.csv") -> Trained:
    return train(
        folder / manifest,
        folder,
        out,
        name="tiny",
        version="1",
        seed=3,
        cache=folder / "cache",
        cells=folder / "cells",
        workers=1,
        branches=("clock",),  # two tracks a generator make no template
    )


def test_same_inputs_same_digest(folder: Path, tmp_path: Path) -> None:
    first, second = trained(folder, tmp_path / "a"), trained(folder, tmp_path / "b")
    assert first.digest == second.digest
    assert Model.load(tmp_path / "a").digest == first.digest
    for name in ("manifest.json", "weights.safetensors", "rates.toml", "CARD.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_code_digest_covers_packages_inside_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "sample_package" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("models.training.train.CODE", ("sample_package",))
    digests = []
    for source in ("LIMIT = 3", "LIMIT = 3  # dB", "LIMIT = 4"):
        (inner / "limits.py").write_text(source)
        digests.append(code_digest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "prose",
    [
        '"""Other."""\nLIMIT = 3  # dB\ndef f(x):\n    """F."""\n    return x\n',
        "LIMIT = (3)\n\n\ndef f(x):\n\n    return x  # as it is\n",
    ],
)
def test_comments_and_docstrings_do_not_change_the_code_digest(prose: str) -> None:
    code = "LIMIT = 3\ndef f(x): return x\n"
    assert normalized(prose) == normalized(code)
    assert normalized(prose.replace("3", "4")) != normalized(code)


def test_a_trained_model_answers_and_says_what_it_supports(folder: Path, tmp_path: Path) -> None:
    model_made = trained(folder, tmp_path / "a")
    model = Model.load(tmp_path / "a")
    assert (
        "8 human recordings of 8 performances and 4 repositories support alpha >= 0.1111"
        in model_made.report
    )
    with pytest.raises(ModelError, match="needs at least 99"):
        model.check_alpha(0.01)
    observed, rejected = observe(
        usable(read_manifest(folder / "manifest.csv", folder)), folder / "cache", 1
    )
    assert not rejected
    answers = model.assess([one.observation for one in observed], 0.12)
    outcomes = [answer.outcome for answer in answers]
    assert outcomes[8:] == ["ai_likely"] * 6
    assert outcomes[:8].count("ai_likely") <= 1
    described = orjson.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert described["data"]["generators"] == ["decoder 0", "decoder 1", "decoder 2"]
    assert described["figures"]["full_rate"]["auroc"] == 1


def test_swapped_classes_fail_the_polarity_check(folder: Path, tmp_path: Path) -> None:
    manifest = changed(folder, "swapped.csv", ai="human", human="ai")
    with pytest.raises(BadInput, match="polarity"):
        trained(folder, tmp_path / "a", manifest.name)
    with pytest.raises(BadInput, match="polarity"):
        evaluate(
            manifest,
            folder,
            RELEASED,
            cache=folder / "cache",
            cells=folder / "cells",
            workers=1,
            seed=0,
        )


def test_shuffled_labels_destroy_the_figures(folder: Path) -> None:
    evaluation = evaluate(
        folder / "manifest.csv",
        folder,
        RELEASED,
        cache=folder / "cache",
        cells=folder / "cells",
        workers=1,
        seed=0,
    )
    figures = evaluation["evaluation.json"]["subsets"]["44.1 kHz and up"]
    assert figures["auroc"] == 1
    assert figures["permuted_auroc"] == pytest.approx(0.5, abs=0.1)
    assert figures["conformal"]["0.01"]["supported"] is False
    assert evaluation["evaluation.json"]["as_released"]["0.01"] == {"tpr": 1.0, "fpr": 0.0}
    assert len(evaluation["scores.csv"].splitlines()) == 1 + 14


def test_one_class_alone_cannot_be_calibrated(folder: Path, tmp_path: Path) -> None:
    changed(folder, "human.csv", ai="other")
    with pytest.raises(BadInput, match="needs two generators and two human repositories"):
        trained(folder, tmp_path / "a", "human.csv")


def test_manifests_are_checked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("path,label\n")
    with pytest.raises(BadInput, match="lacks"):
        read_manifest(tmp_path / "empty.csv", folder)
    row = ("human-0-0.wav", "human", "band", "org")
    write_manifest(tmp_path / "missing.csv", [row, ("gone.wav", "human", "band", "org")])
    with pytest.raises(BadInput, match="1 of 2 files are missing"):
        read_manifest(tmp_path / "missing.csv", folder)
    write_manifest(tmp_path / "twice.csv", [row, row])
    assert len(read_manifest(tmp_path / "twice.csv", folder)) == 1
    named = ("path", "label", "generator", "repo", "sha256", "licence")
    for sha256, licence in (("0" * 64, ""), (file_sha256(folder / row[0]).upper(), "CC0")):
        with (tmp_path / "sealed.csv").open("w", newline="") as file:
            csv.writer(file).writerows([named, (*row, sha256, licence)])
        if not licence:
            with pytest.raises(BadInput, match="not the listed file"):
                read_manifest(tmp_path / "sealed.csv", folder)
    assert read_manifest(tmp_path / "sealed.csv", folder)[0].licence == "CC0"
    write_manifest(tmp_path / "torn.csv", [row, ("human-0-0.wav", "ai", "x", "org")])
    with pytest.raises(BadInput, match="but another label"):
        read_manifest(tmp_path / "torn.csv", folder)


def test_suspects_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    rows = [
        ("human-0-0.wav", "human", "GTSinger-GT", "org/singer"),
        ("human-1-0.wav", "human", "band", "org/band"),
        ("ai-0-0.wav", "codec", "EnCodec", "org/codec"),
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    tracks = read_manifest(tmp_path / "manifest.csv", folder)
    assert [track.maker for track in usable(tracks)] == ["band"]
    assert "left out: 1 of GTSinger-GT" in describe(tracks)


def test_files_that_cannot_be_heard_are_reported(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no audio at all\n" * 50)
    write_manifest(tmp_path / "manifest.csv", [("text.mp3", "human", "band", "org")])
    tracks = read_manifest(tmp_path / "manifest.csv", tmp_path)
    for _ in range(2):  # the second time from the cache
        observed, rejected = observe(tracks, tmp_path / "cache", 1)
        assert not observed
        assert rejected[0].reason.startswith("unsupported_format")


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
    named = ["--name", "two pieces each", "--model", str(tmp_path / "model")]
    done = CliRunner().invoke(app, ["predict", *shared[:4], *out, *named])
    assert done.exit_code == 0, done.output
    places = [str(tmp_path / "model"), str(tmp_path / "figures")]
    done = CliRunner().invoke(app, ["card", *places])
    assert done.exit_code == 0, done.output
    measured = (tmp_path / "model" / "MEASURED.md").read_text()
    assert Model.load(tmp_path / "model").digest in measured
    assert "| decoder 2 |" in measured
    assert "| two pieces each, alpha 11.11% | files | ai likely |" in measured
    assert "| AI | 6 | 100.0 % | 0.0 % | 0.0 % | 0.0 % | - |" in measured
    assert "| found at 1 % FPR | 0.967 | 1.000 | better |" in measured
    with pytest.raises(BadInput, match="is about"):
        write_measured(RELEASED, tmp_path / "figures")
    with pytest.raises(BadInput, match="run earmark evaluate"):
        write_measured(RELEASED, tmp_path)


@pytest.mark.corpus
@pytest.mark.skipif(
    not (CORPUS / "manifest.csv").exists(), reason="EARMARK_CORPUS names no labelled corpus"
)
def test_the_labelled_corpus_trains_and_separates(tmp_path: Path) -> None:
    trained_model = train(
        CORPUS / "manifest.csv",
        CORPUS,
        tmp_path / "model",
        name="corpus",
        version="1",
        seed=0,
        cache=tmp_path / "cache",
        cells=tmp_path / "cells",
        workers=2,
        branches=("clock",),
    )
    model = Model.load(trained_model.folder)
    figures = orjson.loads((trained_model.folder / "manifest.json").read_bytes())["figures"]
    assert figures["full_rate"]["auroc"] > 0.97  # 7 s each: whole files do better
    assert figures["full_rate"]["tpr_at_fpr"]["0.05"] > 0.85
    assert figures["full_rate"]["realised_fpr"]["0.05"] < 0.1
    assert figures["low_rate"]["auroc"] > 0.8
    humans = model.calibrations["full_rate"].humans.performances
    model_alpha = 1 / (humans + 1)
    model.calibrations["full_rate"].check_alpha(model_alpha)
    with pytest.raises(ModelError, match=f"has {humans}"):
        model.calibrations["full_rate"].check_alpha(0.01)
    assert np.all(np.diff(model.calibrations["full_rate"].humans.values) >= 0)

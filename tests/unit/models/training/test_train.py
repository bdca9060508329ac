import csv
import os
from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import Model
from detector.errors import BadInput, ModelError
from detector.types import Rates
from models.evaluation.evaluate import evaluate
from models.learning.data import read_manifest, usable
from models.learning.observations import observe
from models.training.train import Trained, code_digest, normalized, train
from tests.support.manifests import made_up, write_manifest
from tests.support.paths import ROOT

RELEASED = ROOT / "models" / "clock-5"
CORPUS = Path(os.environ.get("EARMARK_CORPUS", ROOT.parent / "shared" / "corpus"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up(tmp_path_factory.mktemp("corpus"))


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


@pytest.mark.parametrize(
    "manifest", sorted(ROOT.glob("models/*/manifest.json")), ids=lambda path: path.parent.name
)
def test_the_released_models_name_the_code_that_runs_them(manifest: Path) -> None:
    assert orjson.loads(manifest.read_bytes())["code_digest"] == code_digest()


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
        model.check_rates(Rates())
    observed, rejected = observe(
        usable(read_manifest(folder / "manifest.csv", folder)), folder / "cache", 1
    )
    assert not rejected
    answers = model.assess([one.observation for one in observed], Rates(0.12))
    outcomes = [answer.outcome for answer in answers]
    assert outcomes[8:] == ["suspected"] * 6
    assert outcomes[:8].count("suspected") <= 1
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
    assert len(evaluation["scores.csv"].splitlines()) == 1 + 14


def test_one_class_alone_cannot_be_calibrated(folder: Path, tmp_path: Path) -> None:
    changed(folder, "human.csv", ai="other")
    with pytest.raises(BadInput, match="needs two generators and two human repositories"):
        trained(folder, tmp_path / "a", "human.csv")


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
    model.calibrations["full_rate"].check_rates(Rates(model_alpha))
    with pytest.raises(ModelError, match=f"has {humans}"):
        model.calibrations["full_rate"].check_rates(Rates())
    assert np.all(np.diff(model.calibrations["full_rate"].humans.values) >= 0)

import csv
import re
from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import Model
from detector.types import Assessment, FloatArray
from models.augmentation.augmentations import AUGMENTATIONS
from models.augmentation.hard_negatives import KINDS
from models.evaluation import robustness
from models.evaluation.document import markdown
from models.evaluation.held_out_scores import human_rows
from models.evaluation.robustness import (
    Answered,
    Judge,
    interval,
    makers_beside,
    measure,
    subjects_of,
    table,
)
from models.evaluation.robustness_report import card_blocks, write
from models.learning.data import AI, HUMAN, Track, read_manifest, usable
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from models.training import augmentation_cache
from models.training.sampling import probe, sample
from tests.support.paths import MODELS

RELEASED = MODELS / "clock-4"
ENSEMBLE = MODELS / "ensemble-4"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    rows = []
    for index, (label, maker, repository) in enumerate(
        [(AI, "Deep", "r1"), (AI, "Deep", "r1"), (AI, "Wide", "r2"),
         (HUMAN, "Ann", "r3"), (HUMAN, "Ann", "r3"), (HUMAN, "Bob", "r4")]
    ):  # fmt: skip
        audio = render(40 + index, 13.0)
        if label == AI:
            audio = decode_through(audio, RATE_HZ, (8, 8, 8), seed=index)
        write_audio(folder / f"{index}.flac", audio)
        rows.append([f"{index}.flac", label, maker, repository])
    write_audio(folder / "short.flac", render(50, 4.0))
    rows.append(["short.flac", HUMAN, "Cy", "r5"])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "generator", "repo"], *rows])
    return folder / "manifest.csv"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells and two kinds instead of all."""
    names = ("original", "rate-48000", "hats-120", "g726-native", "speex-native")
    monkeypatch.setattr(
        augmentation_cache, "AUGMENTATIONS", [one for one in AUGMENTATIONS if one.name in names]
    )
    monkeypatch.setattr(robustness, "KINDS", [one for one in KINDS if one.name in names])
    monkeypatch.setattr(augmentation_cache, "WINDOWS_S", (6, 12, 24))


@pytest.mark.usefixtures("few")
def test_figures_and_report(manifest: Path, tmp_path: Path) -> None:
    figures = measure(
        manifest, manifest.parent, [RELEASED], cells=tmp_path / "cells", per_maker=1, seeds=1,
        alpha=0.01, seed=1, workers=1,
    )  # fmt: skip
    assert figures["data"]["ai"] == {"Deep": 1, "Wide": 1}
    assert figures["data"]["human"] == {"Ann": 1, "Bob": 1}
    assert [row["cell"] for row in figures["cells"]] == ["original", "rate-48000"]
    for row in figures["cells"]:
        assert (row["tpr"]["share"], row["fpr"]["share"]) == (1.0, 0.0)
        assert row["tpr"]["interval"] == pytest.approx([0.158, 1.0], abs=1e-3)
    assert [row["cell"] for row in figures["windows"]] == ["6 s", "12 s"]
    kinds = {row["kind"]: row for row in figures["negatives"]}
    assert kinds["hats-120"]["flagged"] == 0
    assert kinds["g726-native"]["abstained"] == 1

    paths = write(figures, tmp_path / "out")
    assert [path.name for path in paths] == ["robustness.json", "robustness.md", "robustness.html"]
    assert orjson.loads(paths[0].read_bytes()) == figures
    assert "| original | clock-4 | 2 | 1.00 [0.16, 1.00] |" in paths[1].read_text()
    text = paths[2].read_text()
    assert text.count("<svg") == 3
    assert "all kinds" in text
    # nothing is fetched: no addresses but the names of XML's vocabularies
    assert not re.search(r"""(src|href)=["']https?:|@import|<script|<link""", text)
    measured = markdown(card_blocks(figures, "clock-4"))
    assert "| original | 2 | 100.0 % | [15.8, 100.0] | - | 2 | 0.0 % |" in measured
    assert "Flagged kinds: none." in measured
    assert figures["human_scores"] == {"clock-4": "in sample"}


def test_the_sample_takes_as_many_of_each_maker(manifest: Path) -> None:
    tracks = usable(read_manifest(manifest, manifest.parent))
    chosen = sample(tracks, 1, seed=1)
    assert [track.maker for track, _ in chosen] == ["Deep", "Wide", "Ann", "Bob"]
    assert chosen == sample(tracks, 1, seed=1)
    assert [seconds for _, seconds in chosen] == pytest.approx([13.0] * 4, abs=0.1)
    assert len(sample(tracks, 99, seed=1)) == 6  # the short one is not taken


@pytest.mark.usefixtures("few")
def test_what_was_heard_is_heard_once(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = sample(usable(read_manifest(manifest, manifest.parent)), 1, seed=1)[:1]
    subjects = subjects_of(chosen, seeds=0, seed=1)
    augmentation_cache.fill_cache(subjects, tmp_path, 1)
    first = [
        observed.to_bytes()
        for _, observed in augmentation_cache.observations_of(subjects[0], tmp_path)
    ]
    (tmp_path / subjects[0].cases()[0].key[:2]).rename(tmp_path / "gone")
    decoded: list[Path] = []

    def decode(path: Path) -> tuple[FloatArray, int]:
        decoded.append(path)
        return decode_file(path)

    decode_file = augmentation_cache.decoded
    monkeypatch.setattr(augmentation_cache, "decoded", decode)
    augmentation_cache.fill_cache(subjects, tmp_path, 1)  # what is lacking is decoded again
    augmentation_cache.fill_cache(subjects, tmp_path, 1)  # and then nothing is
    assert len(decoded) == 1
    assert [
        one.to_bytes() for _, one in augmentation_cache.observations_of(subjects[0], tmp_path)
    ] == first


def test_a_file_without_a_header_is_not_chosen(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"nothing of the kind")
    assert probe(path) == (0, 0.0)


def test_who_stands_beside_whom() -> None:
    rows = [("one", "a"), ("two", "a"), ("two", "b"), ("three", "b"), ("four", "c")]
    tracks = [
        Track(Path(f"{maker}{repository}"), AI, maker, repository, f"{maker}{repository}")
        for maker, repository in rows
    ]
    tracks.append(Track(Path("x"), HUMAN, "band", "c", "x"))
    assert makers_beside(tracks) == {
        "one": {"one", "two"},
        "two": {"one", "two", "three"},
        "three": {"two", "three"},
        "four": {"four"},
    }


def test_human_excerpts_are_judged_by_other_repositories(tmp_path: Path) -> None:
    model = Model.load(RELEASED)
    assert human_rows(tmp_path, model) is None
    rows = ["population,repository,score,weight"]
    rows += [f"full_rate,own,{9 if index < 2 else 0},1" for index in range(40)]
    rows += [f"full_rate,other {index % 4},{index / 200},1" for index in range(118)]
    rows += [f"full_rate,other 1,{index / 200},0.5" for index in range(4)]  # two performances
    rows += ["low_rate,low,70,1"]
    (tmp_path / "humans.csv").write_text("\n".join(rows))
    for digest, known in (("another", False), (model.digest, True)):
        (tmp_path / "evaluation.json").write_bytes(orjson.dumps({"model": {"digest": digest}}))
        assert (human_rows(tmp_path, model) is not None) is known
    judge = Judge(model, 0.01, {}, human_rows(tmp_path, model))

    def outcome(score: float, repositories: list[str], answered: str = "uncertain") -> str:
        answer = Assessment(answered, None, score, 0.5, 0.5, "All", None, (), None, ())
        return judge.outcome(answer, RATE_HZ, repositories)

    assert outcome(5.0, []) == "uncertain"  # two of its own neighbours are higher: p 3/161
    assert outcome(5.0, ["own"]) == "ai_likely"  # p 1/121
    assert outcome(0.3, ["own"], "ai_likely") == "uncertain"


def test_a_model_can_forget_a_generator() -> None:
    model = Model.load(ENSEMBLE)
    assert model.template_set is not None
    names = model.template_set.names
    judge = Judge(model, 0.01, {"x": frozenset((names[0], "nobody")), "y": frozenset()}, None)
    forgetful = judge.unmet("x")
    assert forgetful.template_set is not None
    assert forgetful.template_set.names == names[1:]
    assert np.array_equal(forgetful.template_set.vectors, model.template_set.vectors[1:])
    assert judge.unmet("y") is judge.unmet("z") is model


def test_intervals_are_never_of_no_width() -> None:
    groups = ["a", "b"] * 20
    assert interval(np.zeros(40, np.float32), groups, 1) == pytest.approx([0, 0.0881], abs=1e-3)
    assert interval(np.ones(40, np.float32), groups, 1) == pytest.approx([0.9119, 1], abs=1e-3)
    mixed = np.array([1, 0] * 20, np.float32)  # one group always, the other never
    assert interval(mixed, groups, 1) == [0.0, 1.0]


def test_outcomes_are_counted_apart() -> None:
    outcomes = ("ai_likely", "uncertain", "not_assessable", "human_likely")
    case = augmentation_cache.Case("delivery", "x", "y", "")
    answers = [
        Answered(case, "m", AI, str(index), outcome, None) for index, outcome in enumerate(outcomes)
    ]
    (row,) = table(answers, "delivery", seed=1)
    tpr = row["tpr"]
    assert (tpr["share"], tpr["uncertain"], tpr["abstained"]) == (0.25, 0.25, 0.25)
    assert row["fpr"]["share"] is None

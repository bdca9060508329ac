from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import Model
from detector.types import Assessment
from models.evaluation.held_out_scores import human_rows
from models.evaluation.robustness import (
    Answered,
    Judge,
    interval,
    makers_beside,
    measure,
    table,
)
from models.evaluation.robustness_report import write
from models.learning.data import AI, HUMAN, Track
from models.synthesis.music import RATE_HZ
from models.training import augmentation_cache
from tests.support.paths import MODELS

RELEASED = MODELS / "clock-5"
ENSEMBLE = MODELS / "ensemble-5"


@pytest.mark.usefixtures("few")
def test_figures_and_report(manifest: Path, tmp_path: Path) -> None:
    figures = measure(
        manifest, manifest.parent, [RELEASED], cells=tmp_path / "cells", per_maker=1, seeds=1,
        alpha=0.01, seed=1, workers=1,
    )  # fmt: skip
    assert figures["data"]["ai"] == {"Deep": 1, "Wide": 1}
    assert figures["data"]["human"] == {"Ann": 1, "Bob": 1}
    own = figures["models"]["clock-5"]
    assert [row["cell"] for row in own["cells"]] == ["original", "rate-48000"]
    for row in own["cells"]:
        assert (row["tpr"]["share"], row["fpr"]["share"]) == (1.0, 0.0)
        assert row["tpr"]["interval"] == pytest.approx([0.158, 1.0], abs=1e-3)
    assert [row["cell"] for row in own["windows"]] == ["6 s", "12 s"]
    assert own["negatives"]["hats-120"]["flagged"] == 0
    assert own["negatives"]["g726-native"]["abstained"] == 1

    paths = write(figures, tmp_path / "out")
    assert [path.name for path in paths] == ["robustness.json", "robustness.md"]
    assert orjson.loads(paths[0].read_bytes()) == figures
    text = paths[1].read_text()
    assert "### Robustness of clock-5\n" in text
    assert "| original | 2 | 100.0 % | [15.8, 100.0] | 100.0 % | 2 | 0.0 % |" in text
    assert "| all kinds | 2 | 0.0 % |" in text
    assert "Flagged kinds: none." in text
    assert own["human_scores"] == "in sample"


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
    assert outcome(5.0, ["own"]) == "suspected"  # p 1/121
    assert outcome(0.3, ["own"], "suspected") == "uncertain"


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
    outcomes = ("suspected", "uncertain", "not_assessable", "no_trace")
    case = augmentation_cache.Case("delivery", "x", "y", "")
    answers = [
        Answered(case, AI, str(index), outcome, "suspected")
        for index, outcome in enumerate(outcomes)
    ]
    (row,) = table(answers, "delivery", seed=1)
    tpr = row["tpr"]
    assert (tpr["share"], tpr["uncertain"], tpr["abstained"]) == (0.25, 0.25, 0.25)
    assert row["fpr"]["share"] is None
    assert row["known"] == 1

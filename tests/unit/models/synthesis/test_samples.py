import shutil
from pathlib import Path

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.errors import InvalidAudio
from detector.observation.listen import listen
from detector.observation.observation import Observation
from detector.types import Assessment, FloatArray, Rates
from models.synthesis.music import render
from models.synthesis.samples import Sample, write_samples
from tests.support.paths import MODELS
from tests.support.samples import samples as made_samples

RELEASED = MODELS


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return made_samples(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def observations(samples: list[Sample]) -> dict[Path, Observation]:
    return {
        sample.path: Observation.from_bytes(listen(sample.path, max_duration_s=600).observation)
        for sample in samples
        if sample.kind != "truncated"
    }


@pytest.fixture(scope="module", params=["clock-5", "ensemble-5"])
def answers(
    samples: list[Sample], observations: dict[Path, Observation], request: pytest.FixtureRequest
) -> dict[str, list[Assessment]]:
    model = Model.load(RELEASED / request.param)
    answers_by_kind: dict[str, list[Assessment]] = {}
    for sample in samples:
        if sample.path in observations:
            answer = model.assess([observations[sample.path]], Rates())
            answers_by_kind.setdefault(sample.kind, []).extend(answer)
    return answers_by_kind


@pytest.mark.parametrize("kind", ["human", "re_encoded", "edited"])
def test_what_people_play_shows_no_trace(kind: str, answers: dict[str, list[Assessment]]) -> None:
    assert [answer.outcome for answer in answers[kind]] == ["no_trace"] * len(answers[kind])


@pytest.mark.parametrize(
    ("kind", "rate_hz"),
    [("decoder", 43.07), ("licensed_ai", 86.13), ("undisclosed_ai", 50.0)],
)
def test_simulated_decoders_are_found_at_their_rate(
    kind: str, rate_hz: float, answers: dict[str, list[Assessment]]
) -> None:
    (answer,) = answers[kind]
    assert answer.finds_ai
    assert answer.extent == "All"
    assert answer.evidence[0].rate_hz == pytest.approx(rate_hz, abs=0.01)


def test_short_and_silent_tracks_abstain(answers: dict[str, list[Assessment]]) -> None:
    assert [one.reason for one in answers["too_short"]] == ["too_short"]
    assert [one.reason for one in answers["silent"]] == ["silent"]


def test_the_broken_upload_cannot_be_heard(samples: list[Sample]) -> None:
    (broken,) = [sample for sample in samples if sample.kind == "truncated"]
    with pytest.raises(InvalidAudio):
        listen(broken.path, max_duration_s=600)


def test_declarations_cover_the_cases_of_a_policy(samples: list[Sample]) -> None:
    licensed = next(sample for sample in samples if sample.kind == "licensed_ai")
    assert (licensed.contains_ai, licensed.tool, licensed.agreement_id) == (
        "All",
        "Earmark Sample Generator",
        "AGR-SAMPLE-1",
    )
    undisclosed = next(sample for sample in samples if sample.kind == "undisclosed_ai")
    assert (undisclosed.contains_ai, undisclosed.tool) == ("None", None)


def test_same_seed_same_samples() -> None:
    assert np.array_equal(render(5, 6.0), render(5, 6.0))
    assert not np.array_equal(render(5, 6.0), render(6, 6.0))


def test_samples_that_are_there_are_left_and_others_made_anew(
    samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(seed: int, seconds: float) -> FloatArray:
        raise InterruptedError

    monkeypatch.setattr("models.synthesis.samples.render", render)
    folder = tmp_path / "samples"
    shutil.copytree(samples[0].path.parent, folder)
    first = folder / samples[0].path.name
    first.write_bytes(b"kept")
    assert [one.path.name for one in write_samples(folder, 1)] == [s.path.name for s in samples]
    assert first.read_bytes() == b"kept"
    for _ in range(2):  # the second time there is no mark of completion
        with pytest.raises(InterruptedError):
            write_samples(folder, 2)
    with pytest.raises(InterruptedError):
        write_samples(folder, 1)

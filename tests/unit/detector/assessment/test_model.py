import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import Model
from detector.calibration.strata import evenness
from detector.errors import ModelError
from detector.observation import observation as observing
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray, Rates
from models.synthesis.music import render
from models.synthesis.simulated_decoder import decode_through
from tests.support.paths import MODELS

RELEASED = MODELS / "clock-5"


def observe(samples: FloatArray, rate: int = 44_100) -> Observation:
    observer = Observer(rate)
    observer.feed(samples)
    return Observation.from_bytes(observer.finish().to_bytes())


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(RELEASED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RELEASED, tmp_path / "model"))


def rewrite(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


@pytest.mark.parametrize("name", ["weights.safetensors", "rates.toml", "CARD.md"])
def test_one_altered_byte_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(ModelError, match=f"{name} is not the released file"):
        Model.load(folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "rates.toml", "CARD.md", "manifest.json"])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match="is not a model folder"):
        Model.load(folder)


def test_another_observation_version_is_refused(folder: Path) -> None:
    rewrite(folder, lambda manifest: manifest.update(observation_version=observing.VERSION + 1))
    with pytest.raises(ModelError, match="reads observation version 2, this build makes version 1"):
        Model.load(folder)


@pytest.mark.parametrize("key", ["files", "calibration", "name", "observation_version"])
def test_an_incomplete_manifest_is_refused(folder: Path, key: str) -> None:
    rewrite(folder, lambda manifest: manifest.pop(key))
    with pytest.raises(ModelError):
        Model.load(folder)


def test_the_digest_covers_everything(folder: Path, model: Model) -> None:
    assert Model.load(folder).digest == model.digest
    rewrite(folder, lambda manifest: manifest.update(seed=99))
    assert Model.load(folder).digest != model.digest


def test_an_alpha_beyond_the_calibration_set_names_the_number_it_takes(model: Model) -> None:
    model.check_rates(Rates())
    with pytest.raises(ModelError, match="needs at least 999 human performances of population"):
        model.check_rates(Rates(0.001))


def test_what_cannot_be_assessed_says_why(model: Model) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, 44_100 * 12).astype(np.float32)
    cases = {
        "silent": observe(np.zeros(44_100 * 12, np.float32)),
        "too_short": observe(noise[: 44_100 * 2]),
        "band_limited": observe(noise, 8_000),
    }
    for reason, answer in zip(cases, model.assess(list(cases.values()), Rates()), strict=True):
        assert (answer.outcome, answer.reason) == ("not_assessable", reason)
        assert (answer.score, answer.probability, answer.p_value) == (None, None, None)
        assert (answer.extent, answer.evidence, answer.segments) == ("Unknown", (), ())


def test_a_population_without_calibration_is_not_assessed(folder: Path) -> None:
    rewrite(folder, lambda manifest: manifest["calibration"].pop("low_rate") and None)  # type: ignore[attr-defined]
    noise = np.random.default_rng(1).normal(0, 0.1, 22_050 * 12).astype(np.float32)
    (answer,) = Model.load(folder).assess([observe(noise, 22_050)], Rates())
    assert (answer.outcome, answer.reason) == ("not_assessable", "uncalibrated")


def test_answers(model: Model) -> None:
    played = render(21, 26.0)
    painted = decode_through(played, 44_100, (8, 8, 8), seed=4)
    human, ai = model.assess([observe(played.mean(axis=0)), observe(painted.mean(axis=0))], Rates())
    assert (human.outcome, human.extent, human.segments) == ("no_trace", "Unknown", ())
    assert human.probability is not None
    assert human.probability < 0.2
    assert "No decoder clock was found" in human.evidence[0].sentence
    assert (ai.outcome, ai.extent, ai.coverage) == ("suspected", "All", 1.0)
    assert ai.probability is not None
    assert ai.probability > 0.9
    people = model.calibrations["full_rate"].humans.like(evenness(observe(painted.mean(axis=0))))
    assert ai.p_value == pytest.approx(people.least_p_value, abs=1e-4)
    assert "86.13 Hz" in ai.evidence[0].sentence
    assert ai.segments[0].start_s == 0
    assert ai.segments[-1].end_s <= 26


def test_a_part_from_a_decoder_is_partly(model: Model) -> None:
    played, other = render(21, 60.0), render(22, 40.0)
    painted = decode_through(other, 44_100, (8, 8, 8), seed=4)
    spliced = np.concatenate((played, painted, played), axis=1).mean(axis=0)
    (answer,) = model.assess([observe(spliced)], Rates())
    assert (answer.outcome, answer.extent) == ("suspected", "Partly")
    inside = [one for one in answer.segments if one.start_s > 62 and one.end_s < 98]
    outside = [one for one in answer.segments if one.end_s < 58 or one.start_s > 102]
    assert min(one.score for one in inside) > 2 > max(one.score for one in outside)


def test_the_batch_changes_no_answer(model: Model) -> None:
    rng = np.random.default_rng(2)
    tracks = [
        observe(rng.normal(0, 0.1, rate * seconds).astype(np.float32), rate)
        for rate, seconds in ((44_100, 26), (48_000, 13), (44_100, 2), (16_000, 9), (44_100, 13))
    ]
    together = model.assess(tracks, Rates(0.05))
    assert together == [model.assess([track], Rates(0.05))[0] for track in tracks]
    assert model.assess(tracks[::-1], Rates(0.05)) == together[::-1]
    assert model.assess([], Rates(0.05)) == []

"""People's music joins the null of a model with the weight of what it stands for."""

from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import MANIFEST, Model
from detector.calibration.calibration import HumanScores, LengthScale
from detector.errors import BadInput, ModelError
from detector.types import Rates
from models.commands import RELEASED
from models.learning.few_shot import learn_from_files
from models.recalibration import (
    Ruled,
    Stored,
    recalibrated,
    standard_of,
    with_more,
    write_candidate,
)
from tests.support.makers import observed

RATES = Rates(0.01, 0.001)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(RELEASED)


def flagged(count: int, share: float) -> list[Ruled]:
    """Return tracks with a clock, which the model finds, that people hold to be people's."""
    return [
        Ruled(observed("human", "Ann", "r", seed, clock_hz=50.0).observation, False, share)
        for seed in range(count)
    ]


@pytest.fixture(scope="module")
def tracks(model: Model) -> list[Ruled]:
    return flagged(6, 0.03 / 6)


def test_what_joins_weighs_as_a_sample_of_the_releases_size_would(
    model: Model, tracks: list[Ruled]
) -> None:
    made = recalibrated(model, tracks, [], RATES)
    (kind,) = (one for one in made.kinds if one.joined)
    before, after = kind.performances
    assert kind.joined == 6
    assert after - before == round(0.03 * before)
    assert kind.threshold[1] > kind.threshold[0], "3 % of these are stronger than all accepted"
    old, new = (one.calibrations["full_rate"].identified for one in (model, made.model))
    assert old is not None
    assert new is not None
    assert len(new.values) == len(old.values) + 6
    assert new.weights.sum() == pytest.approx(old.weights.sum() + 0.03 * before, rel=1e-3)
    others = [one for one in made.kinds if not one.joined]
    assert all(one.threshold[0] == one.threshold[1] for one in others)
    assert made.model.calibrations["low_rate"] is model.calibrations["low_rate"]


@pytest.mark.parametrize("flagged_share", [0.03, 0.1])
def test_the_rate_is_kept_afterwards_and_not_undercut(flagged_share: float) -> None:
    """A platform whose people are flagged too often: 60 of those whom people cleared join."""
    random = np.random.default_rng(7)
    rates = []
    for _ in range(40):
        humans = HumanScores.of(random.exponential(1.0, 400))
        people = random.exponential(np.log(100) / -np.log(flagged_share), 20_000)
        places = np.array([humans.scale.standard(one, 20.0) for one in people.tolist()])
        cleared = places[places >= humans.bar(0.01)]
        weight = humans.performances * len(cleared) / len(places) / 60
        sample = random.choice(cleared, 60, replace=False)
        after = with_more(humans, sample, np.full(60, weight), None)
        rates.append(float((places >= after.bar(0.01)).mean()))
    assert 0.003 < np.mean(rates) <= 0.01


def test_the_rulings_are_judged_by_both(model: Model, tracks: list[Ruled]) -> None:
    ai = [replace(tracks[0], is_ai=True, share=0.0)]
    made = recalibrated(model, [*tracks, *ai], [], RATES)
    count, before, after = made.ruled["made by people"]
    assert (count, before) == (6, 6)
    assert after < 6
    assert made.ruled["made with AI"][0] == 1
    assert "made by people" in made.report()


def test_flips_of_stored_answers_go_by_the_threshold(model: Model, tracks: list[Ruled]) -> None:
    made = recalibrated(model, tracks, [], RATES)
    (kind,) = (one for one in made.kinds if one.joined)
    scale = model.calibrations["full_rate"].humans.scale
    between = float(np.mean(kind.threshold)) if kind.threshold[1] < inf else kind.threshold[0] + 0.1
    weak, strong = (
        scale.surprise(at * (scale.high - scale.middle) + scale.middle, 20.0)
        for at in (between, 1e3)
    )
    stored = [
        Stored(kind.kind, "suspected", weak),
        Stored(kind.kind, "identified", weak),
        Stored(kind.kind, "no_trace", 0.1),
        Stored("elsewhere", "suspected", strong),
    ]
    (kind,) = (one for one in recalibrated(model, tracks, stored, RATES).kinds if one.joined)
    assert (kind.stored, kind.detected) == (3, (2, 1))


def test_a_stored_score_has_its_place_on_the_scale() -> None:
    scale = LengthScale(1.0, 3.0, 0.5)
    for score in (1.5, 3.0, 7.0):
        assert standard_of(scale.surprise(score, 20.0), scale) == pytest.approx(
            scale.standard(score, 20.0), abs=1e-4
        )
    assert isinstance(HumanScores.of(np.arange(4.0)).scale, LengthScale)


def test_a_candidate_is_written_once_and_answers_as_compared(
    model: Model, tracks: list[Ruled], tmp_path: Path
) -> None:
    made, out = recalibrated(model, tracks, [], RATES), tmp_path / "reviewed"
    digest = write_candidate(made, RELEASED, out)
    written = Model.load(out)
    assert (written.digest, written.name) == (digest, "reviewed")
    several = [one.observation for one in tracks]
    assert written.assess(several, RATES) == made.model.assess(several, RATES)
    before, after = (orjson.loads((one / MANIFEST).read_bytes()) for one in (RELEASED, out))
    assert after["code_digest"] == before["code_digest"]
    assert after["calibrated_from"]["name"] == "ensemble-5"
    assert after["calibration"]["full_rate"]["performances"] > 1_057
    assert (out / "REVIEWS.txt").read_text() == f"{made.report()}\n"
    with pytest.raises(BadInput, match="nothing is overwritten"):
        write_candidate(made, RELEASED, out)
    with pytest.raises(BadInput, match="it cannot learn"):
        learn_from_files("new", [], [], out, None, cache=tmp_path, workers=1)
    (out / "REVIEWS.txt").write_text("otherwise")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        Model.load(out)

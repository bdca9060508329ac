"""A new generator from a few tracks: its template, its clock, and not its source."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.errors import BadInput
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation
from detector.types import Rates
from models.learning.few_shot_learning import clock_of, learn, noise_of, template
from models.learning.references import References
from tests.support.makers import observed
from tests.support.taught import loaded, tracks

BINS = 6_686
UNLISTED_HZ = 44_100 / 719  # a prime hop: on no list


def outcomes(model: Model, observations: tuple[Observation, ...]) -> list[str]:
    return [one.outcome for one in model.assess(observations, Rates())]


@pytest.mark.parametrize("shots", [3, 5])
def test_a_few_tracks_find_the_others_and_no_human(folder: Path, shots: int) -> None:
    model, references = loaded(folder)
    unseen, humans = tracks("new", 12, 700), tracks("human", 40, 5_000, None)
    assert outcomes(model, unseen).count("suspected") <= 2
    learned_generator = learn("new", tracks("new", shots, 600), (), model, references)
    assert outcomes(learned_generator.model, unseen).count("suspected") == len(unseen)
    assert outcomes(learned_generator.model, humans).count("suspected") <= 2
    (answer, *_) = learned_generator.model.assess(unseen, Rates())
    assert answer.generator == "new"
    assert "the few known tracks of new" in " ".join(one.sentence for one in answer.evidence)
    assert learned_generator.rate is None


def test_what_was_known_before_is_answered_as_before(folder: Path) -> None:
    model, references = loaded(folder)
    learned_generator = learn("new", tracks("new", 4, 600), (), model, references)
    known = tuple(
        observed("ai", "maker 2", "org/2", seed, first_line=47, clock_hz=25.0).observation
        for seed in range(20, 26)
    )
    before, after = (
        model.assess(known, Rates(0.02)),
        learned_generator.model.assess(known, Rates(0.02)),
    )
    assert [one.outcome for one in before] == [one.outcome for one in after]
    assert [one.score for one in before] == [one.score for one in after]


def test_controls_of_the_same_source_keep_the_source_from_being_learned(folder: Path) -> None:
    """Everything from this site has one set of lines; the generator adds another."""
    model, references = loaded(folder)

    def of_site(seed: int, line: int | None) -> Observation:
        plain = observed("ai", "x", "org/new", seed, first_line=29).observation
        if line is None:
            return plain
        own = observed("ai", "x", "org/new", seed, first_line=line).observation
        return replace(plain, shares=np.maximum(plain.shares, own.shares))

    shots = [of_site(seed, 83) for seed in range(600, 605)]
    neighbours = tuple(of_site(seed, None) for seed in range(800, 820))
    unseen = tuple(of_site(seed, 83) for seed in range(900, 910))
    naive = learn("new", shots, (), model, references).model
    assert outcomes(naive, neighbours).count("suspected") > 10
    taught = learn("new", shots, neighbours[:8], model, references).model
    assert outcomes(taught, neighbours[8:]).count("suspected") <= 1
    assert outcomes(taught, unseen).count("suspected") >= 9


def test_bins_in_which_people_differ_count_less_and_controls_nothing() -> None:
    rng = np.random.default_rng(1)
    humans = 0.01 * rng.standard_normal((60, BINS)).astype(np.float32)
    humans[:, : BINS // 2] *= 5
    people = References(
        units=humans,
        whole=np.ones(60, np.float32),
        seconds=np.ones(60, np.float32),
        weights=np.ones(60, np.float32),
        rates_hz=np.full(60, 44_100, np.int32),
        populations=np.full(60, "full_rate"),
        strata=np.full(60, -1, np.int8),
    )
    noise = noise_of(people)
    assert noise.mean() == pytest.approx(1)
    assert noise[: BINS // 2].mean() > 2 * noise[BINS // 2 :].mean()
    shots = np.full((3, BINS), 0.01, np.float32)
    controls = 0.01 * rng.standard_normal((4, BINS)).astype(np.float32) + np.float32(0.005)
    vector = template(shots, controls, noise, 20_000)
    assert np.abs(controls @ vector).max() < 0.01 * np.abs(controls).max() * BINS**0.5
    plain = template(shots, controls[:0], noise, 20_000)
    assert plain[BINS // 2 :].mean() > 2 * plain[: BINS // 2].mean()


def test_an_unlisted_clock_is_measured_and_added(folder: Path) -> None:
    model, references = loaded(folder)
    shots = [
        observed("ai", "new", "org/new", seed, clock_hz=UNLISTED_HZ).observation
        for seed in range(600, 604)
    ]
    learned_generator = learn("new", shots, (), model, references)
    assert learned_generator.rate is not None
    assert learned_generator.rate.hz == pytest.approx(UNLISTED_HZ, abs=1e-6)
    assert learned_generator.rate.known_for == ("new",)
    other = observed("ai", "new", "org/new", 700, clock_hz=UNLISTED_HZ).observation
    (answer,) = learned_generator.model.assess([other], Rates())
    assert answer.outcome == "suspected"
    assert "61.34 Hz" in answer.evidence[0].sentence


def test_a_listed_clock_gets_the_name(folder: Path) -> None:
    model, references = loaded(folder)
    shots = [
        observed("ai", "new", "org/new", seed, clock_hz=50.0).observation
        for seed in range(600, 604)
    ]
    rate = learn("new", shots, (), model, references).rate
    assert rate is not None
    assert rate.hz == 50.0
    assert rate.known_for[-1] == "new"
    assert clock_of(tracks("human", 5, 5_000, None), model.lattice, "x") is None


def test_what_cannot_be_learned_is_refused_with_its_reason(folder: Path) -> None:
    model, references = loaded(folder)
    shots = list(tracks("new", 3, 600))
    with pytest.raises(BadInput, match="too_few: 3 tracks are needed, 2 can be used"):
        learn("new", shots[:2], (), model, references)
    lower = replace(shots[0], sample_rate_hz=22_050)
    with pytest.raises(BadInput, match="mixed_rates"):
        learn("new", [*shots, lower], (), model, references)
    with pytest.raises(BadInput, match="has no templates"):
        learn("new", shots, (), replace(model, template_set=None), references)
    assert Geometry(22_050) != shots[0].geometry

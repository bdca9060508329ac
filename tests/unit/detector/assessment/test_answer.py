"""The answer in whole: what it is called where evidence could mislead."""

from dataclasses import replace

import numpy as np
import pytest

from detector.assessment.answer import answer
from detector.assessment.model import Model
from detector.types import TIERS, Rates
from models.augmentation.synthetic_negatives import hats
from models.synthesis.music import RATE_HZ, render
from tests.support.evidence import (
    CALIBRATION,
    EXPONENTIAL,
    KNOWN,
    PLAIN,
    RELEASED,
    lines,
    looked,
    observe,
    playing,
)

BOTH = replace(CALIBRATION, identified=EXPONENTIAL)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(RELEASED)


@pytest.mark.parametrize("per_minute", [125, 150])
def test_bare_loops_are_not_flagged(model: Model, per_minute: int) -> None:
    """Sample-exact strokes at 16ths of 125 and 150 BPM look like templates of 25 and 50 Hz."""
    rng = np.random.default_rng(7)
    period = round(RATE_HZ * 60 / per_minute / 4)
    strokes = hats(rng, 26 * RATE_HZ, period, 2_000)
    over = render(9, 26.0).mean(axis=0)
    over = over + 0.5 * strokes * over.std() / strokes.std()
    for samples in (strokes, over):
        (answer,) = model.assess([observe(samples / np.abs(samples).max())], Rates())
        assert not answer.finds_ai
    (mixed,) = model.assess([observe(over / np.abs(over).max())], Rates())
    assert mixed.outcome == "not_assessable" or "sample-exact loop" in " ".join(
        one.sentence for one in mixed.evidence
    )


def test_a_loop_hides_whether_there_is_a_trace() -> None:
    outcomes = [
        answer(looked(0.1, PLAIN, looped), playing(), CALIBRATION, Rates()).outcome
        for looped in (False, True)
    ]
    assert outcomes == ["no_trace", "uncertain"]


def test_no_trace_states_nothing_about_people() -> None:
    """Neither a low chance of AI nor music in which most is found is asked for."""
    sure = replace(CALIBRATION, intercept=9.0)
    nothing = answer(looked(0.1, PLAIN), playing(), sure, Rates())
    assert (nothing.outcome, nothing.extent, nothing.generator) == ("no_trace", "Unknown", None)
    assert nothing.probability is not None
    assert nothing.probability > 0.9


@pytest.mark.parametrize(
    ("clock", "template", "outcome"),
    [
        (8.0, 8.0, "identified"),
        (9.0, 0.5, "suspected"),  # one witness alone, however strong
        (0.5, 9.0, "suspected"),
        (3.0, 1.0, "uncertain"),
        (0.5, 0.5, "no_trace"),
    ],
)
def test_two_witnesses_identify_and_one_suspects(
    clock: float, template: float, outcome: str
) -> None:
    scores = looked(clock, KNOWN, templates=lines(template))
    assessment = answer(scores, playing(), BOTH, Rates(0.01, 0.002))
    assert assessment.outcome == outcome
    assert assessment.finds_ai is (outcome in TIERS)
    assert assessment.finds_ai or (assessment.extent, assessment.generator) == ("Unknown", None)


def test_a_model_without_a_null_of_two_witnesses_identifies_nothing() -> None:
    scores = looked(8.0, KNOWN, templates=lines(8.0))
    known, unknown = (answer(scores, playing(), one, Rates()) for one in (BOTH, CALIBRATION))
    assert (unknown.outcome, unknown.identified_p_value) == ("suspected", None)
    assert known.identified_p_value == pytest.approx(1 / 1_001, abs=1e-5)


def test_each_tier_has_its_own_rate() -> None:
    scores = looked(3.0, KNOWN, templates=lines(3.0))
    outcomes = [
        answer(scores, playing(), BOTH, Rates(*rates)).outcome
        for rates in ((0.1, 0.1), (0.1, 0.001), (0.001, 0.1), (0.0001, 0.0001))
    ]
    assert outcomes == ["identified", "suspected", "identified", "uncertain"]

"""The answer in whole: what it is called where evidence could mislead."""

import numpy as np
import pytest

from detector.assessment.answer import answer
from detector.assessment.model import Model
from models.augmentation.synthetic_negatives import hats
from models.synthesis.music import RATE_HZ, render
from tests.support.evidence import CALIBRATION, PLAIN, RELEASED, looked, observe


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
        (answer,) = model.assess([observe(samples / np.abs(samples).max())], 0.01)
        assert answer.outcome != "ai_likely"
    (mixed,) = model.assess([observe(over / np.abs(over).max())], 0.01)
    assert mixed.outcome == "not_assessable" or "sample-exact loop" in " ".join(
        one.sentence for one in mixed.evidence
    )


def test_a_loop_is_never_called_human(model: Model) -> None:
    observed = observe(render(3, 26.0).mean(axis=0))
    outcomes = [
        answer(looked(0.1, PLAIN, looped), observed, CALIBRATION, 0.01).outcome
        for looped in (False, True)
    ]
    assert outcomes == ["human_likely", "uncertain"]

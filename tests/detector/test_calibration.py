import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.calibration import Branch, Calibration, HumanScores
from detector.errors import ModelError

SCORES = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


def calibration(scores: list[float]) -> Calibration:
    ordered = np.sort(np.array(scores, np.float32))
    humans = HumanScores(ordered)
    branches = {"clock": Branch(humans, 0.0, 1.0)}
    return Calibration("full_rate", humans, 2.0, -4.0, clip=(0.0, 8.0), branches=branches)


@given(SCORES, st.integers(-60, 60))
def test_the_p_value_counts_human_recordings_and_the_track_itself(
    scores: list[float], score: float
) -> None:
    as_high = sum(other >= score for other in scores)
    found = calibration(scores)
    assert found.humans.p_value(score) == pytest.approx((1 + as_high) / (len(scores) + 1))
    assert found.humans.as_strong(score) == as_high


@given(SCORES, st.sampled_from([0.02, 0.05, 0.1, 0.2]))
def test_at_most_a_share_alpha_of_exchangeable_tracks_is_flagged(
    scores: list[float], alpha: float
) -> None:
    """Each of n + 1 tracks in turn against the n others: the guarantee, exactly."""
    flagged = [
        calibration(scores[:index] + scores[index + 1 :]).humans.p_value(score) <= alpha
        for index, score in enumerate(scores)
        if len(scores) > 1
    ]
    assert sum(flagged) <= alpha * len(scores)


def test_the_probability_rises_with_the_score_and_stays_within_its_clip() -> None:
    found = calibration([0.0])
    steps = [found.probability(score) for score in np.linspace(-3, 12, 60)]
    assert steps == sorted(steps)
    assert found.probability(2.0) == pytest.approx(0.5)
    assert found.probability(-99) == found.probability(0)
    assert found.probability(99) == found.probability(8) < 1


def test_a_rate_that_the_set_cannot_support_is_refused_with_the_number_it_takes() -> None:
    found = calibration([0.0] * 99)
    found.check_alpha(0.01)
    found.check_alpha(0.05)
    with pytest.raises(ModelError, match=r"alpha 0.009 needs at least 111 human .* has 99"):
        found.check_alpha(0.009)
    with pytest.raises(ModelError, match=r"0.001 needs at least 999"):
        found.check_alpha(0.001)


def test_branches_share_a_scale_without_a_bound_for_none() -> None:
    branch = Branch(HumanScores(np.zeros(3, np.float32)), middle=0.5, spread=0.25)
    assert branch.scaled(0.5) == 0
    assert branch.scaled(0.75) == 1
    assert branch.scaled(99) == 10
    assert branch.scaled(-99) == -2

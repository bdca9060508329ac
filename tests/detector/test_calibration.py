from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.calibration import Calibration, HumanScores
from detector.errors import ModelError

SCORES = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


def calibration(scores: list[float]) -> Calibration:
    ordered = np.sort(np.array(scores, np.float32))
    humans = HumanScores(ordered)
    return Calibration("full_rate", humans, 2.0, -4.0, clip=(0.0, 8.0), looks={})


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


def test_surprise_is_minus_the_logarithm_of_the_share_above() -> None:
    humans = HumanScores(np.sort(np.random.default_rng(1).exponential(2.0, 4_000)).astype("f4"))
    for share in (0.5, 0.1, 0.01, 0.001):
        assert humans.surprise(-2 * log(share)) == pytest.approx(-log(share), abs=0.15)
    assert humans.surprise(80.0) == pytest.approx(40, rel=0.1)  # no end to it
    assert humans.surprise(-1.0) == 0


@given(SCORES, st.integers(-60, 60), st.integers(0, 20))
def test_surprise_never_falls(scores: list[float], score: float, more: float) -> None:
    humans = calibration(scores).humans
    assert 0 <= humans.surprise(score) <= humans.surprise(score + more)


@given(st.integers(1, 2_000))
def test_the_smallest_alpha_of_a_set_is_supported(count: int) -> None:
    calibration([0.0] * count).check_alpha(1 / (count + 1))

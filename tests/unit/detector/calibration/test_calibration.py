from dataclasses import replace
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.calibration.calibration import Calibration, HumanScores, LengthScale
from detector.errors import ModelError
from detector.types import Rates

SCORES = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


def calibration(scores: list[float]) -> Calibration:
    humans = HumanScores.of(np.array(scores))
    return Calibration("full_rate", humans, 2.0, -4.0, clip=(0.0, 8.0), looks={})


@given(SCORES, st.integers(-60, 60))
def test_the_p_value_counts_human_recordings_and_the_track_itself(
    scores: list[float], score: float
) -> None:
    as_high = sum(other >= score for other in scores)
    calibrated = calibration(scores)
    assert calibrated.humans.p_value(score, 20) == pytest.approx((1 + as_high) / (len(scores) + 1))
    assert calibrated.humans.as_strong(score, 20) == as_high


def test_a_p_value_is_at_most_one() -> None:
    """Weights of recordings need not add up to a whole number of performances."""
    values, weights = np.array([0.0, 1.0], np.float32), np.array([0.6, 0.6], np.float32)
    assert HumanScores(values, weights, LengthScale(0.0, 1.0, 1.0)).p_value(-5.0, 20) == 1.0


@given(SCORES, st.sampled_from([0.02, 0.05, 0.1, 0.2]))
def test_at_most_a_share_alpha_of_exchangeable_tracks_is_flagged(
    scores: list[float], alpha: float
) -> None:
    """Each of n + 1 tracks in turn against the n others: the guarantee, exactly."""
    flagged = [
        calibration(scores[:index] + scores[index + 1 :]).humans.p_value(score, 20) <= alpha
        for index, score in enumerate(scores)
        if len(scores) > 1
    ]
    assert sum(flagged) <= alpha * len(scores)


def test_the_probability_rises_with_the_score_and_stays_within_its_clip() -> None:
    calibrated = calibration([0.0])
    steps = [calibrated.probability(score) for score in np.linspace(-3, 12, 60)]
    assert steps == sorted(steps)
    assert calibrated.probability(2.0) == pytest.approx(0.5)
    assert calibrated.probability(-99) == calibrated.probability(0)
    assert calibrated.probability(99) == calibrated.probability(8) < 1


def test_a_rate_that_the_set_cannot_support_is_refused_with_the_number_it_takes() -> None:
    calibrated = calibration([0.0] * 99)
    calibrated.check_rates(Rates())
    calibrated.check_rates(Rates(0.05))
    with pytest.raises(ModelError, match=r"alpha 0.009 needs at least 111 human .* has 99"):
        calibrated.check_rates(Rates(0.009))
    with pytest.raises(ModelError, match=r"0.001 needs at least 999"):
        calibrated.check_rates(Rates(0.001))


def test_surprise_is_minus_the_logarithm_of_the_share_above() -> None:
    humans = HumanScores.of(np.random.default_rng(1).exponential(2.0, 4_000))
    for share in (0.5, 0.1, 0.01, 0.001):
        assert humans.surprise(-2 * log(share), 20) == pytest.approx(-log(share), abs=0.15)
    assert humans.surprise(80.0, 20) == pytest.approx(40, rel=0.1)  # no end to it
    assert humans.surprise(-1.0, 20) == 0


@given(SCORES, st.integers(-60, 60), st.integers(0, 20))
def test_surprise_never_falls(scores: list[float], score: float, more: float) -> None:
    humans = calibration(scores).humans
    assert 0 <= humans.surprise(score, 20) <= humans.surprise(score + more, 20)


def test_the_rate_of_what_is_identified_is_checked_where_there_is_a_null_of_it() -> None:
    many, few = calibration([0.0] * 999).humans, calibration([0.0] * 99)
    few.check_rates(Rates(identified=1e-9))
    replace(few, identified=many).check_rates(Rates())
    with pytest.raises(ModelError, match=r"identified alpha 0.0001 needs at least 9999 .* has 999"):
        replace(few, identified=many).check_rates(Rates(identified=0.0001))


@given(st.integers(1, 2_000))
def test_the_smallest_alpha_of_a_set_is_supported(count: int) -> None:
    calibration([0.0] * count).check_rates(Rates(1 / (count + 1)))


def test_scores_are_compared_with_recordings_of_their_length() -> None:
    """Twice the score at four times the length is no more surprising, if that is the rule."""
    scale = LengthScale(1.0, 2.0, 0.5, middle_slope=1.0, high_slope=2.0)
    longer = 20 * exp(1)
    assert scale.standard(2.0, 20) == 1
    assert scale.standard(4.0, longer) == 1
    assert scale.surprise(4.0, longer) == pytest.approx(scale.surprise(2.0, 20)) == log(10)
    assert scale.surprise(4.0, 20) > scale.surprise(4.0, longer)


def test_versions_of_one_performance_are_one_witness() -> None:
    """Nine performances of one recording each, and one of ten: 10 and not 19."""
    values = np.arange(19, dtype=np.float32)
    weights = np.array([1.0] * 9 + [0.1] * 10, np.float32)
    humans = HumanScores(values, weights, LengthScale(0.0, 1.0, 1.0))
    assert humans.performances == 10
    assert humans.as_strong(9, 20) == pytest.approx(1)
    assert humans.p_value(9, 20) == pytest.approx(2 / 11)
    assert humans.p_value(14, 20) == pytest.approx(1.5 / 11)
    assert humans.bar(2 / 11 + 1e-6) == 9
    assert humans.bar(0.05) == inf


def test_what_was_not_calibrated_is_not_covered() -> None:
    known = replace(calibration([0.0]), longest_s=60.0, rates_hz=(16_000, 32_000))
    assert known.covers(200, 16_000)
    assert not known.covers(300, 16_000)
    assert not known.covers(10, 11_025)


def test_too_few_recordings_to_count_let_their_tail_say_what_is_a_finding() -> None:
    humans = HumanScores.of(np.random.default_rng(2).exponential(1.0, 54))
    strongest = float(humans.values[-1]) * (humans.scale.high - humans.scale.middle)
    top = strongest + humans.scale.middle
    assert humans.p_value(99, 20) > 0.01  # 1 / 55
    assert humans.is_finding(top + 5, 20, 0.01)
    assert not humans.is_finding(top - 0.1, 20, 0.01)
    assert humans.is_finding(top + 0.1, 20, 0.02)


def test_a_p_value_compares_with_music_as_even_as_itself() -> None:
    values = np.concatenate((np.arange(99.0), np.arange(99.0) + 100)).astype(np.float32)
    strata = np.repeat(np.array([0, 2], np.int8), 99)
    scale = LengthScale(0.0, 1.0, 1.0)
    humans = HumanScores(values, np.ones(198, np.float32), scale, strata)
    assert humans.like(0.0).p_value(99.5, 20.0) == pytest.approx(0.01)
    assert humans.like(9.0).p_value(99.5, 20.0) == 1
    assert humans.p_value(99.5, 20.0) == pytest.approx(100 / 199)
    assert HumanScores.of(values).like(9.0).p_value(99.5, 20.0) == pytest.approx(100 / 199)


def test_a_stratum_with_too_few_performances_refuses_the_rate_with_the_number() -> None:
    strata = np.repeat(np.array([0, 1, 2], np.int8), (300, 300, 99))
    ordered = np.arange(699, dtype=np.float32)
    humans = HumanScores(ordered, np.ones(699, np.float32), LengthScale(0.0, 1.0, 1.0), strata)
    calibration = Calibration("full_rate", humans, 1.0, 0.0, (0.0, 8.0), {})
    calibration.check_rates(Rates(0.01, 0.001))
    with pytest.raises(ModelError, match=r"199 human .* full_rate, sequenced music; .* has 99"):
        calibration.check_rates(Rates(0.005, 0.001))

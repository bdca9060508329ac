import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import BadInput
from models.learning.data import folds
from models.training.metrics import (
    auroc,
    balanced_weights,
    check_polarity,
    cluster_bootstrap,
    conformal_p,
    expected_calibration_error,
    fit_platt,
    left_out_p,
    logistic,
    tpr_at,
)

SCORES = st.lists(st.integers(-9, 9), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_auroc_counts_pairs(ai: list[int], human: list[int]) -> None:
    pairs = [(a > h) + 0.5 * (a == h) for a in ai for h in human]
    assert auroc(np.array(ai, float), np.array(human, float)) == pytest.approx(np.mean(pairs))


def test_tpr_at_a_false_positive_rate() -> None:
    human = np.arange(100.0)
    assert tpr_at(np.array([98.0, 99.5, 50.0, 97.0]), human, 0.05) == 0.75


def test_left_out_p_never_compares_with_the_own_group() -> None:
    scores = np.array([9.0, 9.0, 1.0, 2.0])
    assert left_out_p(scores, ["a", "a", "b", "b"]).tolist() == pytest.approx([1 / 3, 1 / 3, 1, 1])
    assert conformal_p(scores, scores).tolist() == pytest.approx([3 / 5, 3 / 5, 1, 4 / 5])


def test_swapped_classes_are_refused() -> None:
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    check_polarity(high, low, "x")
    with pytest.raises(BadInput, match="are the labels swapped"):
        check_polarity(low, high, "x")


def test_groups_count_alike_within_their_class() -> None:
    labels = np.array([True, True, True, False, False])
    weights = balanced_weights(labels, ["suno", "suno", "yue", "band", "band"])
    assert weights.tolist() == pytest.approx([0.625, 0.625, 1.25, 1.25, 1.25])


def test_logistic_finds_the_coefficients_it_was_drawn_from() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20_000, 2))
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(x @ [1.5, -0.7] + 0.4)))
    assert logistic(x, labels, np.ones(20_000)) == pytest.approx([1.5, -0.7, 0.4], abs=0.08)


def test_separable_data_stay_finite() -> None:
    platt = fit_platt(
        np.array([0.0, 0.1, 7.0, 8.0]), np.array([False, False, True, True]), ["a", "b", "c", "d"]
    )
    low, high = platt.probability(np.array([0.0, 8.0]))
    assert 0 < low < 0.1
    assert 0.9 < high < 1


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(50_000)
    labels = rng.random(50_000) < p
    ones = np.ones(50_000)
    assert expected_calibration_error(p, labels, ones) < 0.02
    assert expected_calibration_error(np.sqrt(p), labels, ones) > 0.1


def test_intervals_widen_when_tracks_come_from_few_makers() -> None:
    rng = np.random.default_rng(3)
    human, shifts = rng.standard_normal(400), rng.standard_normal(4)
    ai = np.repeat(shifts, 100) + rng.standard_normal(400)
    several = [str(index) for index in range(400)]
    few = [str(index // 100) for index in range(400)]
    widths = [
        np.diff(cluster_bootstrap(ai, groups, human, several, auroc, seed=1, rounds=200)).item()
        for groups in (few, several)
    ]
    assert widths[0] > 2 * widths[1]


@given(st.lists(st.sampled_from("abcdefgh"), min_size=8), st.integers(2, 5))
def test_folds_keep_groups_whole(groups: list[str], count: int) -> None:
    numbers = folds(groups, count)
    assert len({(group, number) for group, number in zip(groups, numbers, strict=True)}) == len(
        set(groups)
    )
    assert all(0 <= number < count for number in numbers)

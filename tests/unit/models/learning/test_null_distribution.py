"""The human side: scales by length, performances."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from detector.evidence.branch import BranchScores
from detector.evidence.clock import ClockFinding, Rate
from detector.evidence.combination import strongest
from models.learning.null_distribution import Witness, null_of, scale_of

PLAIN = Rate(86.13, 0.0, "44100/512")


def witnesses(count: int, rng: np.random.Generator, repository: str = "") -> list[Witness]:
    """Clock scores whose median and spread grow with the logarithm of the length."""
    looks = []
    for index in range(count):
        seconds = float(np.exp(rng.uniform(log(6), log(300))))
        growth = max(log(seconds / 6), 0.1)
        score = float(0.2 * growth + rng.exponential(0.3 * growth))
        scores = BranchScores({"clock": ClockFinding(score, PLAIN)}, seconds)
        looks.append(
            Witness(scores, repository or f"org/{index % 7}", f"{repository} take {index}")
        )
    return looks


def test_the_rate_of_false_positives_is_the_same_at_every_length() -> None:
    rng = np.random.default_rng(3)
    known = null_of("full_rate", witnesses(400, rng), ("clock",)).calibration
    strangers = [one.scores for one in witnesses(3_000, rng)]
    for low, high in ((6, 20), (20, 80), (80, 300)):
        inside = [one for one in strangers if low <= one.seconds < high]
        flagged = [
            known.humans.p_value(strongest(one, known)[0], one.seconds) <= 0.05 for one in inside
        ]
        assert np.mean(flagged) == pytest.approx(0.05, abs=0.025)
    assert known.looks["clock"].scale.high_slope > 0.2


def test_scales_do_not_fall_with_length_and_need_lengths_that_differ() -> None:
    rng = np.random.default_rng(4)
    seconds = np.exp(rng.uniform(log(6), log(300), 200))
    falling = scale_of(5 - np.log(seconds) + rng.exponential(1, 200), seconds, np.ones(200))
    assert (falling.middle_slope, falling.high_slope) == (0, 0)
    alike = scale_of(rng.exponential(1, 200), np.full(200, 30.0), np.ones(200))
    assert (alike.middle_slope, alike.high_slope) == (0, 0)
    assert alike.high > alike.middle


def louder(witness: Witness) -> ClockFinding:
    return ClockFinding((witness.scores.score_of("clock") or 0) + 9, PLAIN)


def test_a_repository_shapes_no_scale_that_its_own_recordings_are_judged_by() -> None:
    rng = np.random.default_rng(5)
    ordinary = witnesses(200, rng)
    loud = [
        replace(one, scores=replace(one.scores, findings={"clock": louder(one)}))
        for one in witnesses(20, rng, "org/loud")
    ]
    null = null_of("full_rate", [*ordinary, *loud], ("clock",))
    assert null.p_values[200:].max() <= 3 / 201  # above nearly all the others


def test_versions_of_a_performance_weigh_as_one_recording() -> None:
    rng = np.random.default_rng(6)
    ordinary = witnesses(50, rng)
    again = [replace(ordinary[0], scores=one.scores) for one in witnesses(30, rng)]
    null = null_of("full_rate", [*ordinary, *again], ("clock",))
    assert null.calibration.humans.performances == 50
    assert null.weights.sum() == pytest.approx(50)

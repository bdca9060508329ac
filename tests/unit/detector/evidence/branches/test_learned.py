"""What a match with a few known tracks counts for, and its sentence."""

from math import log

import pytest

from detector.evidence.branch import LOOPED_MOST
from detector.evidence.branches.learned import BRANCH, LearnedMatch
from tests.support.evidence import CALIBRATION, PLAIN, evidence_of, looked


def test_in_a_loop_it_counts_little() -> None:
    match = LearnedMatch(9.0, "Udio")
    assert BRANCH.nats(match, looked(0.1, PLAIN), CALIBRATION) == 9.0
    assert BRANCH.nats(match, looked(0.1, PLAIN, looped=True), CALIBRATION) == LOOPED_MOST


@pytest.mark.parametrize(("p", "named"), [(0.005, True), (0.02, False)])
def test_the_generator_is_named_from_alpha_on(p: float, named: bool) -> None:
    """The calibration of the test has an alpha of 1 %."""
    scores = looked(0.1, PLAIN, learned=LearnedMatch(-log(p), "Udio"))
    sentence = evidence_of(scores, "learned").sentence
    assert ("Udio" in sentence) == named
    assert ("faintly" in sentence) == (not named)


def test_a_weak_match_has_no_sentence() -> None:
    with pytest.raises(StopIteration):
        evidence_of(looked(0.1, PLAIN, learned=LearnedMatch(-log(0.06), "Udio")), "learned")

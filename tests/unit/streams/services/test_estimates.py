"""False positives and recall, from numbers that are known."""

from itertools import count
from typing import Any

import numpy as np
import pytest

from streams.services.estimates import (
    LEAST_ARTISTS,
    LEAST_MARKED,
    LEAST_RULINGS,
    Estimate,
    recall_by_marks,
    recall_by_sample,
    released_before,
    reviewed,
)
from streams.services.ruled_tracks import Answer, Ruling
from tests.support.ruled import KIND, answer, ruling


def answers(
    silent: int, suspected: int, identified: int = 0, *, asked: bool = True
) -> list[Answer]:
    numbers = count()
    several = [("no_trace", silent), ("suspected", suspected), ("identified", identified)]
    return [
        answer(next(numbers), outcome, asked=asked and outcome == "suspected")
        for outcome, many in several
        for _ in range(many)
    ]


def rulings(people: int, ai: int, first: int = 10_000, **more: Any) -> list[Ruling]:
    return [ruling(first + number, is_ai=number >= people, **more) for number in range(people + ai)]


def only(estimates: list[Estimate], tier: str = "suspected") -> Estimate:
    (estimate,) = (one for one in estimates if one.tier == tier)
    return estimate


def test_false_positives_are_a_share_of_peoples_tracks() -> None:
    """Of 1,000 tracks 100 are suspected, of these 20 % people's: 20 of 920."""
    estimate = only(reviewed("kind", answers(900, 100), rulings(10, 40)))
    assert (estimate.of, estimate.cases, estimate.artists) == (KIND, 50, 50)
    assert estimate.share == pytest.approx(0.02 / 0.92)
    assert estimate.low < 0.02 / 0.92 < estimate.high
    assert estimate.exceeds(0.005)
    assert not estimate.exceeds(0.012)  # the estimate lies above, its interval does not


@pytest.mark.parametrize(
    ("people", "more"),
    [
        (LEAST_RULINGS - 1, {}),
        (LEAST_RULINGS, {"artist": "one and the same"}),
    ],
)
def test_too_few_cases_have_no_share(people: int, more: dict[str, Any]) -> None:
    estimate = only(reviewed("kind", answers(900, 100), rulings(people, 0, **more)))
    assert (estimate.share, estimate.cases, estimate.bounds) == (None, people, ())
    assert not estimate.exceeds(0.0)
    enough = only(reviewed("kind", answers(900, 100), rulings(LEAST_RULINGS, 0)))
    assert enough.share == pytest.approx(0.1)
    few = only(reviewed("kind", answers(80, 10), rulings(LEAST_RULINGS, 0)))
    assert few.share is None, "too few answers to know how often it is suspected"


def test_what_no_person_is_asked_about_raises_no_alarm() -> None:
    """Only the interval's upper bound is higher."""
    ruled = rulings(20, 20)
    asked = only(reviewed("kind", answers(900, 100), ruled))
    mixed = [*answers(900, 100)[:950], *answers(900, 100, asked=False)[950:]]
    half = only(reviewed("kind", mixed, ruled))
    assert half.low < asked.low
    assert half.share == pytest.approx(0.025 / (1 - 0.025))
    assert half.high > 2 * (half.share or 0.0)


def test_a_random_sample_counts_for_what_no_rule_sends() -> None:
    """Identified tracks go to people by a sample alone: all of them are counted by it."""
    shown = answers(900, 0, 100)
    sampled = rulings(5, 45, outcome="identified", asked=False)
    estimate = only(reviewed("kind", shown, sampled), "identified")
    assert estimate.share == pytest.approx(0.01 / (1 - 0.09))


def test_generators_are_counted_by_the_name_that_the_detector_gives() -> None:
    named = [answer(number, "suspected", asked=True, generator="Suno") for number in range(50)]
    ruled = rulings(20, 5, generator="Suno")
    (estimate,) = reviewed("generator", [*answers(950, 0)[50:], *named, *answers(50, 0)], ruled)
    assert (estimate.of, estimate.tier, estimate.cases) == ("Suno", "suspected", 25)
    assert estimate.share == pytest.approx(0.05 * 0.8 / (1 - 0.01))


def test_the_interval_covers_the_truth() -> None:
    """Alpha is kept exactly: its alarm comes in fewer than one of forty worlds."""
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(100):
        flagged = int(random.binomial(2_000, 0.01))  # all of them people's
        shown = answers(2_000 - flagged, flagged)
        reviewed_now = rulings(min(flagged, 40), 0)
        estimate = only(reviewed("kind", shown, reviewed_now))
        alarms += estimate.exceeds(0.01)
    assert alarms <= 2


def test_tracks_older_than_generators_are_people() -> None:
    old = {f"u{number}": f"Artist {number}" for number in range(200, 400)}
    shown = [
        answer(number, "suspected" if number % 20 == 0 else "no_trace") for number in range(400)
    ]
    (share,) = (one for one in released_before(shown, [], old) if one.tier == "suspected")
    assert (share.evidence, share.cases, share.share) == ("old_releases", 200, 0.05)
    wrong = [ruling(number, is_ai=True) for number in range(200, 400, 20)]
    (share,) = (one for one in released_before(shown, wrong, old) if one.tier == "suspected")
    assert (share.cases, share.share) == (190, 0.0)
    one_artist = dict.fromkeys(old, "Ann")
    assert all(one.share is None for one in released_before(shown, [], one_artist))
    assert LEAST_ARTISTS > 1


def test_recall_by_marks() -> None:
    shown = [answer(number, "identified" if number < 15 else "no_trace") for number in range(40)]
    marked = {(f"u{number}", "Suno") for number in range(LEAST_MARKED)} | {("u39", "Udio")}
    suno, udio = recall_by_marks(shown, marked | {("elsewhere", "Suno")})
    assert (suno.of, suno.cases, suno.share) == ("Suno", 20, 0.75)
    assert (udio.of, udio.cases, udio.share) == ("Udio", 1, None)


def test_recall_by_a_sample_of_what_is_not_found() -> None:
    """200 of 1,000 are found, rightly 160; of 800 that are not, 5 % are AI: 160 of 200."""
    flagged = rulings(10, 40)
    missed = rulings(95, 5, first=20_000, outcome="no_trace", asked=False)
    (estimate,) = recall_by_sample(answers(800, 200), [*flagged, *missed])
    assert (estimate.evidence, estimate.cases) == ("sample", 100)
    assert estimate.share == pytest.approx(0.8)
    assert estimate.low < 0.8 < estimate.high
    (few,) = recall_by_sample(answers(800, 200), [*flagged, *missed[:5]])
    assert (few.cases, few.share) == (5, None)
    assert recall_by_sample(answers(800, 200), flagged) == []

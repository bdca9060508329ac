"""What evidence is worth together, and that no kind of it can be taken away unnoticed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detector.calibration.calibration import HumanScores
from detector.evidence.branch import LOOPED_MOST, Recording
from detector.evidence.branches.families import FamiliesMatch
from detector.evidence.branches.learned import LearnedMatch
from detector.evidence.clock import ClockFinding, Rate, standard_lattice
from detector.evidence.combination import (
    WITNESS_MOST,
    can_identify,
    identification,
    main_sum,
    search,
    statistics_of,
    strongest,
)
from detector.evidence.localization import Window
from detector.evidence.registry import MULTIPLICITY_PENALTY
from detector.evidence.templates import PitchFinding
from tests.support.evidence import CALIBRATION, PLAIN, at_speed, beside, lines, looked, playing


def test_clock_and_templates_are_added() -> None:
    assert main_sum(looked(4.0, PLAIN), CALIBRATION) == pytest.approx(4.0, abs=0.3)
    assert main_sum(looked(4.0, PLAIN, templates=lines(5.0)), CALIBRATION) == pytest.approx(
        9, abs=0.5
    )
    assert strongest(looked(4.0, PLAIN), CALIBRATION)[1] == "main"


def test_no_witness_identifies_alone_and_two_that_agree_do() -> None:
    known = Rate(50.0, 0.0, "32000/640", ("a generator",))

    def worth(pulse: float, rate: Rate, **findings: Any) -> float:
        return identification(looked(pulse, rate, **findings), CALIBRATION)

    assert worth(30.0, known) == 0
    assert worth(0.5, known, templates=lines(30.0)) == 0
    assert worth(30.0, PLAIN, templates=lines(30.0)) == 0, "no generator has this rate"
    two = worth(4.0, known, templates=lines(4.0))
    assert two == pytest.approx(8, abs=0.5)
    same = worth(4.0, known, templates=lines(4.0), families=FamiliesMatch(4.0))
    assert same == two, "what reads the same spectrum is one witness"
    assert worth(0.5, known, templates=lines(9.0), families=FamiliesMatch(9.0)) == 0
    most = worth(30.0, known, templates=lines(30.0))
    assert most == pytest.approx(2 * WITNESS_MOST, abs=1e-3)
    part = beside(looked(0.5, PLAIN, families=FamiliesMatch(4.0)), parts=Window(9.0, known, 0))
    assert identification(part, CALIBRATION) == pytest.approx(4 + WITNESS_MOST, abs=0.5)


def test_witnesses_of_one_kind_cannot_identify() -> None:
    assert not can_identify(("clock", "parts"))
    assert can_identify(("clock", "templates"))


def test_every_other_look_pays_its_price_and_the_largest_counts() -> None:
    weak = looked(0.5, PLAIN)
    score, branch = strongest(beside(weak, parts=Window(8.0, PLAIN, 0)), CALIBRATION)
    assert score == pytest.approx(8 - MULTIPLICITY_PENALTY, abs=0.4)
    assert branch == "parts"
    assert strongest(beside(weak, speed=at_speed(9.0)), CALIBRATION)[1] == "speed"
    moved = PitchFinding(9.0, "some decoder", 1.06)
    score, branch = strongest(beside(weak, pitch=moved), CALIBRATION)
    assert score == pytest.approx(9 - MULTIPLICITY_PENALTY, abs=0.5)
    assert branch == "pitch"
    assert strongest(beside(weak, pitch=replace(moved, looped=True)), CALIBRATION)[1] == "main"
    assert strongest(beside(weak, learned=LearnedMatch(9.0, "new")), CALIBRATION)[1] == "learned"
    assert strongest(beside(weak, parts=Window(2.0, PLAIN, 0)), CALIBRATION)[1] == "main"


def test_in_an_exact_loop_no_evidence_but_the_clock_counts_more_than_one_human_in_ten() -> None:
    """The clock is scored without the loop's lines (``detector.evidence.clock``)."""
    looped = looked(
        0.9, PLAIN, True, templates=lines(9.0), learned=LearnedMatch(30.0, "new"),
        parts=Window(30.0, PLAIN, 0), speed=at_speed(30.0, lines=0.5),
        pitch=PitchFinding(30.0, "some decoder", 1.06),
    )  # fmt: skip
    assert main_sum(looped, CALIBRATION) == pytest.approx(0.9 + LOOPED_MOST, abs=0.3)
    assert strongest(looped, CALIBRATION)[0] == pytest.approx(0.9 + LOOPED_MOST, abs=0.6)
    heard_through = beside(looped, clock=ClockFinding(9.0, PLAIN))
    assert main_sum(heard_through, CALIBRATION) == pytest.approx(9.0 + LOOPED_MOST, abs=0.5)


def test_a_conclusive_sum_ends_the_search() -> None:
    observed = playing()

    recordings = [
        Recording(one, standard_lattice(), ClockFinding(score, PLAIN), looped=False)
        for score, one in (
            (1.0, observed), (12.0, observed), (1.0, replace(observed, duration_s=20.0))
        )
    ]  # fmt: skip
    branches = ("clock", "parts", "speed")
    scores = search(recordings, branches, CALIBRATION)
    kinds = [set(own.findings) for own in scores]
    assert kinds == [{"clock", "parts", "speed"}, {"clock"}, {"clock", "speed"}]
    assert scores == [search([one], branches, CALIBRATION)[0] for one in recordings]
    assert search([], branches, CALIBRATION) == []


def test_the_null_of_the_whole_answer_keeps_alpha_however_many_looks_are_taken() -> None:
    """Many independent looks at noise: the largest exceeds its own null in alpha of cases."""
    rng = np.random.default_rng(5)

    def scores(count: int) -> list[float]:
        drawn = rng.exponential(1.0, (count, 7))
        return [
            strongest(looked(
                c, PLAIN, templates=lines(t), learned=LearnedMatch(n, "x"),
                parts=Window(p, PLAIN, 0), speed=at_speed(s, 1.0, k),
                pitch=PitchFinding(f, "x", 1.0),
            ), CALIBRATION)[0]
            for c, t, n, p, s, k, f in drawn.tolist()
        ]  # fmt: skip

    null = HumanScores.of(np.array(scores(1_000)))
    flagged = np.mean([null.p_value(score, 20) <= 0.05 for score in scores(2_000)])
    assert flagged == pytest.approx(0.05, abs=0.02)


def test_every_statistic_has_its_human_scores_in_order() -> None:
    assert statistics_of(("pitch", "speed", "parts", "templates", "clock")) == (
        "clock", "templates", "main", "parts", "speed", "speed_lines", "altered", "pitch",
    )  # fmt: skip
    assert statistics_of(("clock", "speed")) == ("clock", "speed")

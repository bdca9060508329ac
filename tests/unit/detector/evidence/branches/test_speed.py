"""The clock at an altered speed, with the templates at that speed as a second witness."""

from dataclasses import replace

import pytest

from detector.assessment.model import Model
from detector.evidence.branch import LOOPED_MOST, BranchScores
from detector.evidence.branches.speed import BRANCH as SPEED
from detector.evidence.combination import strongest
from detector.evidence.registry import MULTIPLICITY_PENALTY
from detector.types import Rates
from tests.support.evidence import (
    CALIBRATION,
    PLAIN,
    at_speed,
    evidence_of,
    looked,
    sped,
    without,
)


def altered(scores: BranchScores) -> float:
    finding = SPEED.of(scores)
    assert finding is not None
    return SPEED.nats(finding, scores, CALIBRATION)


def test_templates_at_the_altered_speed_are_a_second_witness_of_it() -> None:
    sped = looked(0.5, PLAIN, speed=at_speed(4.0))
    with_lines = looked(0.5, PLAIN, speed=at_speed(4.0, lines=4.0))
    assert altered(sped) == pytest.approx(4, abs=0.3)
    assert altered(with_lines) == pytest.approx(8, abs=0.5)
    score, branch = strongest(with_lines, CALIBRATION)
    assert score == pytest.approx(8 - MULTIPLICITY_PENALTY, abs=0.5)
    assert branch == "speed"
    assert altered(replace(with_lines, looped=True)) <= LOOPED_MOST


def test_an_altered_speed_is_found_by_its_own_look_alone(model: Model) -> None:
    (answer,) = model.assess([sped()], Rates())
    evidence = {one.kind: one for one in answer.evidence}
    assert answer.outcome == "suspected"
    assert "altered by +3.0%" in evidence["speed"].sentence
    assert evidence["speed"].rate_hz == pytest.approx(86.13 * 1.03, rel=1e-3)
    assert answer.coverage == pytest.approx(1, abs=0.2)  # at the rate in the recording
    (blind,) = without(model, "speed").assess([sped()], Rates())
    assert not blind.finds_ai


def test_a_pulse_at_an_altered_speed_is_claimed_only_where_there_is_one() -> None:
    """Lines at that speed may decide by themselves."""
    pulse = looked(0.1, PLAIN, speed=at_speed(9.0, lines=0.1))
    both = looked(0.1, PLAIN, speed=at_speed(9.0, lines=9.0))
    lined = looked(0.1, PLAIN, speed=at_speed(0.7, lines=14.0))
    assert "pulses at 51.50 Hz" in evidence_of(pulse, "speed").sentence
    assert "lines" not in evidence_of(pulse, "speed").sentence
    assert evidence_of(pulse, "speed").rate_hz == pytest.approx(51.5)
    assert "At that speed the fixed lines" in evidence_of(both, "speed").sentence
    assert "pulses at" not in evidence_of(lined, "speed").sentence
    assert "The fixed lines" in evidence_of(lined, "speed").sentence
    assert "+3.0%" in evidence_of(lined, "speed").sentence
    assert evidence_of(lined, "speed").rate_hz is None

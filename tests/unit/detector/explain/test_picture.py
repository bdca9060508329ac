"""What a picture of the evidence holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.assessment.model import Model
from detector.calibration.calibration import HumanScores
from detector.evidence.branch import BranchScores
from detector.evidence.branches.speed import SpeedFinding
from detector.evidence.speed import ScaledPulse
from detector.evidence.templates import PitchFinding, residual
from detector.explain.picture import matches_of, moved_of, picture_of
from detector.explain.plot import write
from detector.observation.observation import Observer
from detector.types import Evidence, FloatArray, Rates
from models.synthesis.music import RATE_HZ
from tests.support.pictures import RELEASED, pictured, text_of


def test_all_evidence_is_said_and_a_second_look_is_drawn(
    model: Model, played: FloatArray, tmp_path: Path
) -> None:
    first = pictured(played.mean(axis=0), model)
    observer = Observer(RATE_HZ)
    observer.feed(played.mean(axis=0))
    observation = observer.finish()
    (answer,) = model.assess([observation], Rates())
    second = Evidence("speed", 6.0, "It pulses at 51.50 Hz: " + "so it was altered. " * 9, 51.5)
    answer = replace(answer, evidence=(*answer.evidence, second))
    humans = HumanScores.of(np.full(99, 99))
    picture = picture_of("x", observation, answer, humans, "full_rate", 0.01)
    assert not first.is_found
    assert picture.is_found
    assert picture.rate_hz == 51.5
    assert picture.sentences == (*first.sentences, second.sentence)
    words = text_of(write(picture, tmp_path, "one")[1])
    assert "No decoder clock was found" in words
    assert "r = 51.50 Hz" in words


def test_the_nearest_templates_are_drawn_where_they_are_a_finding(
    model: Model, played: FloatArray, tmp_path: Path
) -> None:
    template_set = Model.load(RELEASED.parent / "ensemble-5").template_set
    assert template_set is not None
    observer = Observer(RATE_HZ)
    observer.feed(played.mean(axis=0))
    observation = observer.finish()
    usual, never = HumanScores.of(np.linspace(50, 99, 99)), HumanScores.of(np.linspace(-9, -1, 99))
    assert matches_of(observation, template_set, usual, "full_rate", 0.01) == ()
    matches = matches_of(observation, template_set, never, "full_rate", 0.01)
    assert [one.score for one in matches] == sorted((one.score for one in matches), reverse=True)
    assert {one.name for one in matches} <= set(template_set.names)
    plain = pictured(played.mean(axis=0), model)
    words = text_of(write(replace(plain, matches=matches), tmp_path, "one")[1])
    assert "Nearest known decoders" in words
    assert all(one.name in words for one in matches)
    assert "Nearest known decoders" not in text_of(write(plain, tmp_path, "two")[1])


def test_a_rate_that_is_never_scored_can_be_drawn(
    model: Model, played: FloatArray, tmp_path: Path
) -> None:
    """All multiples of 125 Hz are MP3's, too; it is the best rate where every score is nothing."""
    observer = Observer(RATE_HZ)
    observer.feed(played.mean(axis=0))
    observation = observer.finish()
    (assessment,) = model.assess([observation], Rates())
    nothing = replace(assessment, evidence=(Evidence("clock", 0.0, "No clock.", 125.0),))
    humans = model.calibrations["full_rate"].looks["clock"]
    picture = picture_of("song", observation, nothing, humans, "full_rate", 0.01)
    assert picture.segments == ()
    assert picture.lines == ()
    assert "No clock." in text_of(write(picture, tmp_path, "song")[1])


def test_moved_templates_are_drawn_where_they_are_a_finding(
    model: Model, played: FloatArray, tmp_path: Path
) -> None:
    released = Model.load(RELEASED.parent / "ensemble-5")
    template_set, calibration = released.template_set, released.calibrations["full_rate"]
    assert template_set is not None
    observer = Observer(RATE_HZ)
    observer.feed(played.mean(axis=0))
    observation = observer.finish()
    unmoved = BranchScores({}, 30.0)
    assert moved_of(observation, template_set, unmoved, calibration, 0.01) is None
    pitched = BranchScores({"pitch": PitchFinding(30.0, "Suno", 1.06)}, 30.0)
    pulse = ScaledPulse(9.0, 50.0, 0.97)
    sped = BranchScores({"speed": SpeedFinding(pulse, 30.0)}, 30.0)
    faint = BranchScores({"speed": SpeedFinding(pulse, 0.1)}, 30.0)
    assert moved_of(observation, template_set, faint, calibration, 0.01) is None
    by_speed = moved_of(observation, template_set, sped, calibration, 0.01)
    assert by_speed is not None
    assert by_speed.factor == 0.97
    at = int(np.abs(by_speed.factors - 0.97).argmin())
    best = template_set.transposed(template_set.unit(residual(observation)))[
        :, at - 4 : at + 5
    ].max(axis=1)
    assert by_speed.name == template_set.names[int(best.argmax())]
    moved = moved_of(observation, template_set, pitched, calibration, 0.01)
    assert moved is not None
    assert (moved.name, moved.factor) == ("Suno", 1.06)
    plain = pictured(played.mean(axis=0), model)
    words = text_of(write(replace(plain, moved=moved), tmp_path, "one")[1])
    assert "All lines moved as one" in words
    assert "beside Suno:" in words
    assert "moved" not in text_of(write(plain, tmp_path, "two")[1])

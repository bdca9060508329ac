"""What the sentences of all branches have in common."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from detector.assessment.answer import answer
from detector.assessment.model import Model
from detector.calibration.calibration import HumanScores
from detector.evidence.branches.learned import LearnedMatch
from detector.evidence.clock import Rate
from detector.evidence.localization import Window
from detector.evidence.templates import TemplateMatch
from detector.explain.picture import picture_of
from detector.types import Assessment, Evidence, Rates
from tests.support.evidence import CALIBRATION, at_speed, looked, playing


@pytest.mark.parametrize(("alpha", "is_found"), [(0.01, False), (0.05, True)])
def test_names_and_exact_rates_are_said_only_of_a_finding(
    model: Model, alpha: float, is_found: bool
) -> None:
    """Clock, templates, parts and speed each at p = 0.03, between the two alphas."""
    humans = HumanScores.of(np.linspace(0, 1, 99))
    score = 96 / 98 + 0.001  # 2 of 99 are as strong
    calibration = replace(
        CALIBRATION, looks={**CALIBRATION.looks, "clock": humans, "templates": humans,
                            "parts": humans, "speed": humans},
    )  # fmt: skip
    rate = Rate(50.0, 0.0, "test", ("YuE",))
    named = TemplateMatch(score, "Suno", "Suno")
    looks = looked(
        score, rate, templates=named, parts=Window(score, rate, 0),
        speed=at_speed(score, 1.02), learned=LearnedMatch(-log(0.03), "Udio"),
    )  # fmt: skip
    observed = playing()
    assessment = answer(looks, observed, calibration, Rates(alpha))
    sentences = {one.kind: one.sentence for one in assessment.evidence}
    text = " ".join(sentences.values())
    for kind in ("clock", "templates", "parts", "speed"):
        assert "2 of 99 human performances" in sentences[kind]
    assert ("YuE" in text, "Suno" in text, "Udio" in text) == (is_found, is_found, is_found)
    for kind in ("clock", "parts"):
        assert ("pulses at exactly 50.00 Hz" in sentences[kind]) == is_found
        assert ("faint pulse near 50.00 Hz" in sentences[kind]) == (not is_found)
    assert ("if the speed was altered by +2.0%" in sentences["speed"]) == is_found
    assert ("a faint trace" in sentences["speed"].lower()) == (not is_found)
    drawn = {one.kind for one in assessment.evidence if one.rate_hz is not None}
    assert drawn == ({"clock", "parts", "speed"} if is_found else {"clock"})
    picture = picture_of("x", observed, Assessment(
        "uncertain", None, 0.0, 0.5, 0.03, "Unknown", None, (), None,
        (Evidence("clock", score, sentences["clock"], 50.0),),
    ), humans, "full_rate", alpha)  # fmt: skip
    assert picture.is_found == is_found

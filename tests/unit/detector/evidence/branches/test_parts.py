"""A part of a track: found, placed, and its sentence."""

import re
from dataclasses import replace

import numpy as np
import pytest

from detector.assessment.answer import answer
from detector.assessment.model import Model
from detector.evidence.clock import Rate
from detector.evidence.localization import Window
from detector.types import Rates
from tests.support.evidence import (
    CALIBRATION,
    PLAIN,
    looked,
    playing,
    spliced,
    without,
)


def test_a_short_part_of_a_long_track_is_found_by_its_own_look_alone(model: Model) -> None:
    (answer,) = model.assess([spliced()], Rates())
    evidence = {one.kind: one for one in answer.evidence}
    assert (answer.outcome, answer.extent) == ("suspected", "Partly")
    times = re.match(r"In part of the track, 2:(\d\d) to 2:(\d\d)", evidence["parts"].sentence)
    assert times
    assert [int(second) for second in times.groups()] == [
        pytest.approx(0, abs=2),
        pytest.approx(20, abs=3),  # it ends in a fade
    ]
    assert answer.coverage is not None
    assert answer.coverage < 0.3
    (blind,) = without(model, "parts").assess([spliced()], Rates())
    assert not blind.finds_ai


def test_a_part_that_cannot_be_placed_is_still_a_sentence(model: Model) -> None:
    """The best window may speak where no stretch of it stands out by itself."""
    looks = looked(1.0, PLAIN, parts=Window(9.0, Rate(21.0, 0.0, "test"), 0))
    observed = playing()
    flat = replace(observed, timeline_steps=np.zeros_like(observed.timeline_steps))
    assessment = answer(looks, flat, CALIBRATION, Rates())
    assert "In some part of the track the energy" in assessment.evidence[-1].sentence

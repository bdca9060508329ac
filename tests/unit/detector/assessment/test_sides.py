"""One side of a recording may be AI: it is named, and every look pays for all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import log
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from detector.assessment.model import Model, abstain
from detector.assessment.sides import assess
from detector.calibration.calibration import HumanScores
from detector.observation.listen import listen
from detector.observation.observation import Observation
from detector.types import Assessment, Evidence, Rates, channel_side
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through
from tests.support.audio import write_wav
from tests.support.observations import music, observe
from tests.support.paths import MODELS

RATES = Rates(0.01, 0.001)
PERFORMANCES = 999
OBSERVED = observe(music(6))


@cache
def humans() -> HumanScores:
    return HumanScores.of(np.zeros(PERFORMANCES))


@dataclass
class Canned:
    """A model that has its answers ready."""

    answers: list[Assessment]

    @property
    def calibrations(self) -> dict[str, Any]:
        return {"full_rate": SimpleNamespace(humans=humans())}

    def assess(self, observations: Sequence[Observation], rates: Rates) -> list[Assessment]:
        assert len(observations) == len(self.answers)
        return self.answers


def answer(p_value: float, score: float | None = None, sure: float | None = None) -> Assessment:
    made = p_value <= RATES.suspected
    identified = sure is not None and sure <= RATES.identified
    outcome = "suspected" if made else "no_trace" if p_value >= 0.1 else "uncertain"
    return Assessment(
        outcome="identified" if identified else outcome,
        reason=None,
        score=-log(p_value) if score is None else score,
        probability=0.5,
        p_value=p_value,
        extent="All" if made else "Unknown",
        coverage=1.0 if made else None,
        segments=(),
        generator="Songmaker" if made else None,
        evidence=(Evidence("clock", 3.0, "It pulses."),),
        identified_p_value=sure,
    )


def together(mix: Assessment, *sides: Assessment) -> Assessment:
    names = ("left", "right", "difference")[: len(sides)]
    observed = replace(OBSERVED, sides=dict.fromkeys(names, OBSERVED))
    model: Any = Canned([mix, *sides])
    (assessment,) = assess(model, [observed], RATES)
    return assessment


def of_channels(mix: Assessment, *channels: Assessment) -> Assessment:
    names = [channel_side(number) for number, _ in enumerate(channels, 1)]
    observed = replace(OBSERVED, sides=dict.fromkeys(names, OBSERVED))
    model: Any = Canned([mix, *channels])
    (assessment,) = assess(model, [observed], RATES)
    return assessment


def test_without_sides_the_answer_is_the_models() -> None:
    only = answer(0.005)
    model: Any = Canned([only, only])
    assert assess(model, [OBSERVED, OBSERVED], RATES) == [only, only]


def test_the_side_that_has_the_trace_is_named() -> None:
    made = together(answer(0.5), answer(0.6), answer(0.002), answer(0.5))
    assert (made.outcome, made.extent, made.generator) == ("suspected", "Partly", "Songmaker")
    assert made.p_value == pytest.approx(0.008)
    assert made.evidence[0].sentence == "In the right channel: It pulses."


def test_both_sides_are_all_of_it() -> None:
    made = together(answer(0.5), answer(0.002), answer(0.001), answer(0.5))
    assert (made.outcome, made.extent) == ("suspected", "All")


def test_a_side_is_named_where_the_mix_shows_it_too_and_the_other_shows_nothing() -> None:
    made = together(answer(0.001), answer(0.002), answer(0.5), answer(0.5))
    assert (made.extent, made.evidence[0].sentence) == (
        "Partly",
        "In the left channel: It pulses.",
    )
    made = together(answer(0.001), answer(0.002), answer(0.05), answer(0.5))
    assert (made.extent, made.evidence[0].sentence) == ("All", "It pulses.")


def test_the_channels_that_have_the_trace_are_a_part() -> None:
    made = of_channels(answer(0.5), answer(0.6), answer(0.5), answer(0.0019), answer(0.001))
    assert (made.outcome, made.extent) == ("suspected", "Partly")
    assert made.p_value == pytest.approx(0.005)
    assert made.evidence[0].sentence == "In channel 4: It pulses."
    none = of_channels(answer(0.5), answer(0.6), answer(0.5), answer(0.003), answer(0.9))
    assert (none.outcome, none.extent) == ("uncertain", "Unknown")


def test_a_channel_that_is_merely_weaker_makes_no_part() -> None:
    made = of_channels(answer(0.001), answer(0.002), answer(0.05), answer(0.5))
    assert (made.extent, made.evidence[0].sentence) == ("All", "It pulses.")


def test_of_many_channels_the_mix_alone_identifies() -> None:
    weak, strong = answer(0.5), answer(0.001, 20.0, sure=0.0009)
    made = of_channels(strong, weak, weak, answer(0.001, 25.0, sure=0.0009))
    assert (made.outcome, made.identified_p_value) == ("identified", 0.0009)
    assert (made.extent, made.evidence[0].sentence) == ("Partly", "In channel 3: It pulses.")
    made = of_channels(weak, weak, weak, answer(0.001, 20.0, sure=0.0001))
    assert made.outcome == "suspected"


def test_what_only_differs_is_named() -> None:
    made = together(answer(0.5), answer(0.5), answer(0.5), answer(0.001))
    assert made.evidence[0].sentence == "In what differs between the channels: It pulses."


def test_the_mix_has_no_side() -> None:
    made = together(answer(0.001), answer(0.5), answer(0.5), answer(0.5))
    assert (made.extent, made.evidence[0].sentence) == ("All", "It pulses.")


@pytest.mark.parametrize("place", range(4))
def test_every_look_pays_for_all(place: int) -> None:
    """One look in four finds more often: people's recordings have four chances."""
    answers = [answer(0.5)] * 4
    answers[place] = answer(0.004)
    made = together(*answers)
    assert (made.outcome, made.extent, made.generator) == ("uncertain", "Unknown", None)
    assert made.p_value == pytest.approx(0.016)


def test_the_rate_is_kept_among_people() -> None:
    rng = np.random.default_rng(1)
    ranks = rng.integers(1, PERFORMANCES + 2, (4_000, 4)) / (PERFORMANCES + 1)
    one_finds = (ranks <= RATES.suspected).any(axis=1)
    made = [together(*map(answer, row)).finds_ai for row in ranks[one_finds].tolist()]
    assert 0 < sum(made) <= RATES.suspected * len(ranks)
    others = ranks[~one_finds][:100].tolist()  # what none finds alone, they do not together
    assert not any(together(*map(answer, row)).finds_ai for row in others)


def test_beyond_all_people_the_tail_is_what_pays() -> None:
    least = 1 / (PERFORMANCES + 1)
    sure, less = (together(answer(0.5), answer(least, nats)) for nats in (20.0, 5.0))
    assert sure.p_value == pytest.approx(least)
    assert less.p_value == pytest.approx(2 * np.exp(-5.0), abs=1e-5)


def test_identified_pays_as_well() -> None:
    made = together(answer(0.5), answer(0.001, 20.0, sure=0.0004))
    assert made.outcome == "identified"
    assert made.identified_p_value == pytest.approx(0.0008)
    made = together(answer(0.5), answer(0.001, 20.0, sure=0.0006))
    assert made.outcome == "suspected"
    assert made.identified_p_value == pytest.approx(0.0012)


def test_a_side_that_cannot_be_assessed_costs_nothing() -> None:
    silent = abstain("silent")
    assert together(silent, silent, silent) == silent
    assert together(answer(0.008), silent, silent).p_value == pytest.approx(0.008)


def test_an_uncertain_side_leaves_no_clear_answer() -> None:
    assert together(answer(0.5), answer(0.5)).outcome == "no_trace"
    assert together(answer(0.5), answer(0.03)).outcome == "uncertain"


def test_a_decoder_on_one_side_of_a_real_file(tmp_path: Path) -> None:
    piece, other = render(1, 40.0), render(2, 40.0)
    decoded = decode_through(piece, RATE_HZ, (8, 8, 8), seed=1)
    sides = np.stack((decoded.mean(axis=0), other.mean(axis=0)))
    write_wav(tmp_path / "two.wav", sides, RATE_HZ)
    decoded_track = listen(tmp_path / "two.wav", max_duration_s=60)
    model = Model.load(MODELS / "ensemble-5")
    (made,) = assess(model, [Observation.from_bytes(decoded_track.observation)], RATES)
    assert made.finds_ai
    assert made.extent == "Partly"
    assert all(one.sentence.startswith("In the left channel: ") for one in made.evidence)

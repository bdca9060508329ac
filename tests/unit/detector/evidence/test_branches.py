"""What evidence is worth together, and that no kind of it can be taken away unnoticed."""

import re
from dataclasses import replace
from functools import lru_cache
from math import inf, log
from typing import Any

import numpy as np
import pytest
import torch
import torchaudio.functional

from detector.assessment.answer import answer
from detector.assessment.model import Model
from detector.calibration.calibration import Calibration, HumanScores, Recall
from detector.evidence.branch import LOOPED_MOST, BranchScores, Recording
from detector.evidence.branches.clock import COMMON_MOST
from detector.evidence.branches.learned import LearnedMatch
from detector.evidence.branches.speed import BRANCH as SPEED
from detector.evidence.branches.speed import SpeedFinding
from detector.evidence.clock import ClockFinding, Rate, standard_lattice
from detector.evidence.combination import main_sum, search, statistics_of, strongest
from detector.evidence.localization import Window
from detector.evidence.registry import BRANCHES, MULTIPLICITY_PENALTY, checked
from detector.evidence.speed import ScaledPulse
from detector.evidence.templates import PitchFinding, TemplateMatch
from detector.explain.picture import picture_of
from detector.observation.observation import Observation, Observer
from detector.types import Assessment, Evidence, FloatArray
from models.augmentation.synthetic_negatives import hats
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through
from tests.support.paths import MODELS

RELEASED = MODELS / "ensemble-4"
PLAIN, FIFTY = Rate(86.13, 0.0, "44100/512"), Rate(50.0, 0.0, "32000/640")
EXPONENTIAL = HumanScores.of(-np.log(np.arange(1_000, 0, -1) / 1_001))
CALIBRATION = Calibration(
    "full_rate", EXPONENTIAL, 1.0, -4.0, (0.0, 8.0),
    dict.fromkeys(statistics_of(BRANCHES), EXPONENTIAL),
    recall=(Recall(0.0, inf, True, 99, 1.0),),
)  # fmt: skip


def looked(score: float, rate: Rate, looped: bool = False, **findings: Any) -> BranchScores:
    clock = {"clock": ClockFinding(score, rate)}
    return BranchScores(clock | findings, 20.0, looped)


def beside(scores: BranchScores, **findings: Any) -> BranchScores:
    return replace(scores, findings={**scores.findings, **findings})


def at_speed(score: float, scale: float = 1.03, lines: float | None = None) -> SpeedFinding:
    return SpeedFinding(ScaledPulse(score, 50.0, scale), lines)


def altered(scores: BranchScores) -> float:
    finding = SPEED.of(scores)
    assert finding is not None
    return SPEED.nats(finding, scores, CALIBRATION)


def lines(score: float) -> TemplateMatch:
    return TemplateMatch(score, "some decoder", None)


def test_clock_and_templates_are_added() -> None:
    assert main_sum(looked(4.0, PLAIN), CALIBRATION) == pytest.approx(4.0, abs=0.3)
    assert main_sum(looked(4.0, PLAIN, templates=lines(5.0)), CALIBRATION) == pytest.approx(
        9, abs=0.5
    )
    assert strongest(looked(4.0, PLAIN), CALIBRATION)[1] == "main"


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


def test_templates_at_the_altered_speed_are_a_second_witness_of_it() -> None:
    sped = looked(0.5, PLAIN, speed=at_speed(4.0))
    with_lines = looked(0.5, PLAIN, speed=at_speed(4.0, lines=4.0))
    assert altered(sped) == pytest.approx(4, abs=0.3)
    assert altered(with_lines) == pytest.approx(8, abs=0.5)
    score, branch = strongest(with_lines, CALIBRATION)
    assert score == pytest.approx(8 - MULTIPLICITY_PENALTY, abs=0.5)
    assert branch == "speed"
    assert altered(replace(with_lines, looped=True)) <= LOOPED_MOST


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


def test_a_faint_clock_at_50_hz_needs_a_second_witness() -> None:
    assert main_sum(looked(4.5, FIFTY), CALIBRATION) == pytest.approx(COMMON_MOST, abs=0.01)
    assert main_sum(looked(4.5, FIFTY, templates=lines(6.0)), CALIBRATION) > 9.5
    assert main_sum(looked(5.5, FIFTY), CALIBRATION) == pytest.approx(5.5, abs=0.3)
    assert main_sum(looked(4.5, PLAIN), CALIBRATION) == pytest.approx(4.5, abs=0.3)


def test_a_conclusive_sum_ends_the_search() -> None:
    observed = observe(render(3, 26.0).mean(axis=0))

    def searched(score: float, recording: Observation = observed) -> set[str]:
        searched_in = Recording(
            recording, standard_lattice(), ClockFinding(score, PLAIN), looped=False
        )
        return set(search(searched_in, ("clock", "parts", "speed"), CALIBRATION).findings)

    assert searched(12.0) == {"clock"}
    assert searched(1.0) == {"clock", "parts", "speed"}
    assert searched(1.0, replace(observed, duration_s=20.0)) == {"clock", "speed"}


def test_a_model_has_the_clock_and_what_its_branches_need() -> None:
    assert checked(("speed", "templates")) == ("clock", "templates", "speed")
    with pytest.raises(ValueError, match="pitch needs the branch templates"):
        checked(("pitch",))
    with pytest.raises(ValueError, match="the branches are"):
        checked(("learned",))


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


# --- the released model: each branch finds what no other does ---


def observe(samples: FloatArray) -> Observation:
    observer = Observer(RATE_HZ)
    observer.feed(np.ascontiguousarray(samples, dtype=np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(RELEASED)


@lru_cache
def sped() -> Observation:
    painted = decode_through(render(21, 40.0), RATE_HZ, (8, 8, 8), seed=4).mean(axis=0)
    wave = torch.from_numpy(painted)
    return observe(torchaudio.functional.resample(wave, 103, 100).numpy())


@lru_cache
def spliced() -> Observation:
    """20 s half from a decoder between two minutes on either side."""
    around, other = np.tile(render(21, 60.0), 2), render(22, 20.0)
    painted = 0.5 * decode_through(other, RATE_HZ, (8, 8, 8), seed=4) + 0.5 * other
    return observe(np.concatenate((around, painted, around), axis=1).mean(axis=0))


def without(model: Model, branch: str) -> Model:
    return replace(model, branches=tuple(one for one in model.branches if one != branch))


def test_the_released_model_has_these_branches(model: Model) -> None:
    """A branch that is new takes part after the next training."""
    assert model.branches == ("clock", "templates", "parts", "speed", "pitch")
    assert checked(model.branches) == model.branches


def test_an_altered_speed_is_found_by_its_own_look_alone(model: Model) -> None:
    (answer,) = model.assess([sped()], 0.01)
    evidence = {one.kind: one for one in answer.evidence}
    assert answer.outcome == "ai_likely"
    assert "altered by +3.0%" in evidence["speed"].sentence
    assert evidence["speed"].rate_hz == pytest.approx(86.13 * 1.03, rel=1e-3)
    assert answer.coverage == pytest.approx(1, abs=0.2)  # at the rate in the recording
    (blind,) = without(model, "speed").assess([sped()], 0.01)
    assert blind.outcome != "ai_likely"


def test_a_short_part_of_a_long_track_is_found_by_its_own_look_alone(model: Model) -> None:
    (answer,) = model.assess([spliced()], 0.01)
    evidence = {one.kind: one for one in answer.evidence}
    assert (answer.outcome, answer.extent) == ("ai_likely", "Partly")
    times = re.match(r"In part of the track, 2:(\d\d) to 2:(\d\d)", evidence["parts"].sentence)
    assert times
    assert [int(second) for second in times.groups()] == [
        pytest.approx(0, abs=2),
        pytest.approx(20, abs=3),  # it ends in a fade
    ]
    assert answer.coverage is not None
    assert answer.coverage < 0.3
    (blind,) = without(model, "parts").assess([spliced()], 0.01)
    assert blind.outcome != "ai_likely"


@pytest.mark.parametrize("per_minute", [125, 150])
def test_bare_loops_are_not_flagged(model: Model, per_minute: int) -> None:
    """Sample-exact strokes at 16ths of 125 and 150 BPM look like templates of 25 and 50 Hz."""
    rng = np.random.default_rng(7)
    period = round(RATE_HZ * 60 / per_minute / 4)
    strokes = hats(rng, 26 * RATE_HZ, period, 2_000)
    over = render(9, 26.0).mean(axis=0)
    over = over + 0.5 * strokes * over.std() / strokes.std()
    for samples in (strokes, over):
        (answer,) = model.assess([observe(samples / np.abs(samples).max())], 0.01)
        assert answer.outcome != "ai_likely"
    (mixed,) = model.assess([observe(over / np.abs(over).max())], 0.01)
    assert mixed.outcome == "not_assessable" or "sample-exact loop" in " ".join(
        one.sentence for one in mixed.evidence
    )


def test_a_part_that_cannot_be_placed_is_still_a_sentence(model: Model) -> None:
    """The best window may speak where no stretch of it stands out by itself."""
    looks = looked(1.0, PLAIN, parts=Window(9.0, Rate(21.0, 0.0, "test"), 0))
    observed = observe(render(3, 26.0).mean(axis=0))
    flat = replace(observed, timeline_steps=np.zeros_like(observed.timeline_steps))
    assessment = answer(looks, flat, CALIBRATION, 0.01)
    assert "In some part of the track the energy" in assessment.evidence[-1].sentence


def test_a_loop_is_never_called_human(model: Model) -> None:
    observed = observe(render(3, 26.0).mean(axis=0))
    outcomes = [
        answer(looked(0.1, PLAIN, looped), observed, CALIBRATION, 0.01).outcome
        for looped in (False, True)
    ]
    assert outcomes == ["human_likely", "uncertain"]


def evidence_of(scores: BranchScores, kind: str) -> Evidence:
    observed = observe(render(3, 26.0).mean(axis=0))
    assessment = answer(scores, observed, CALIBRATION, 0.01)
    return next(one for one in assessment.evidence if one.kind == kind)


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


def test_in_a_loop_the_sentences_about_altered_speed_and_pitch_say_so() -> None:
    looks = looked(0.1, PLAIN, pitch=PitchFinding(9.0, "some decoder", 2 ** (1 / 12)))
    assert "+5.9% (+1.0 semitones)" in evidence_of(looks, "pitch").sentence
    assert "loop" not in evidence_of(looks, "pitch").sentence
    looped = replace(looks, looped=True)
    assert "a loop or a moved level draws such" in evidence_of(looped, "pitch").sentence
    own = beside(looks, pitch=PitchFinding(9.0, "some decoder", 1.06, True))
    assert "a loop or a moved level draws such" in evidence_of(own, "pitch").sentence


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
    observed = observe(render(3, 26.0).mean(axis=0))
    assessment = answer(looks, observed, calibration, alpha)
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

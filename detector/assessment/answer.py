"""Scores of one recording to the answer that people and policies read."""

from dataclasses import replace
from math import ceil, log
from typing import Final

import numpy as np
import torch

from detector.calibration.calibration import Calibration, HumanScores
from detector.evidence.branches import (
    ALTERED,
    CLOCK,
    LEARNED,
    MAIN,
    PARTS,
    PITCH,
    SCORE_DIGITS,
    SPEED,
    SPEED_LINES,
    TEMPLATES,
    LearnedMatch,
    Looks,
)
from detector.evidence.clock import score_segments
from detector.evidence.localization import (
    COVERAGE_ALL,
    COVERAGE_PARTLY,
    MIN_SEGMENTS,
    PRESENT,
    Window,
    locate,
)
from detector.evidence.speed import SpeedFind
from detector.evidence.templates import PitchFind
from detector.observation.observation import Observation
from detector.types import Assessment, Evidence, SegmentScore

HUMAN_LIKELY_BELOW: Final = 0.2  # probability; and the p-value must not be small either
HUMAN_LIKELY_P: Final = 0.1
SPEAKS: Final = log(20)  # nats from which a second look is worth a sentence


def answer(
    looks: Looks, observed: Observation, calibration: Calibration, alpha: float
) -> Assessment:
    """Return the answer for a recording that can be assessed."""
    found_nats, look = looks.whole(calibration)
    score = round(calibration.humans.surprise(found_nats, looks.seconds), SCORE_DIGITS)
    p_value = calibration.humans.p_value(found_nats, looks.seconds)
    probability = calibration.probability(score)
    if p_value <= alpha:
        outcome, extent = "ai_likely", "All"
    elif (
        p_value >= HUMAN_LIKELY_P
        and probability <= HUMAN_LIKELY_BELOW
        and not looks.looped  # repetition may cover a decoder's clock
        and calibration.finds(observed.duration_s, sum(observed.groups))
    ):
        outcome, extent = "human_likely", "None"
    else:
        outcome, extent = "uncertain", "Unknown"
    found = Assessment(
        outcome=outcome,
        reason=None,
        score=score,
        probability=round(probability, 4),
        p_value=round(p_value, 5),
        extent=extent,
        coverage=None,
        segments=(),
        generator=None,
        evidence=_evidence(
            looks, observed, calibration, alpha, look if outcome == "ai_likely" else None
        ),
    )
    if outcome != "ai_likely":
        return found
    return _located(
        replace(found, generator=_generator(looks, look)),
        looks,
        look,
        observed,
        calibration,
        alpha,
    )


def _generator(looks: Looks, look: str) -> str | None:
    if look == LEARNED and looks.learned is not None:
        return looks.learned.name
    return None if looks.template is None else looks.template.named


def _located(
    found: Assessment,
    looks: Looks,
    look: str,
    observed: Observation,
    calibration: Calibration,
    alpha: float,
) -> Assessment:
    """Add where in the track the trace is, by the clock of the look that decided."""

    def clocked(name: str, score: float) -> bool:
        return calibration.looks[name].is_finding(score, looks.seconds, alpha)

    if look == PARTS and looks.parts is not None:
        parts = locate(observed, looks.parts)
        return replace(
            _timeline(found, observed, looks.parts.rate.hz),
            extent=parts.extent,
            coverage=parts.coverage,
        )
    if look == SPEED and looks.speed is not None and clocked(SPEED, looks.speed.score):
        return _timeline(found, observed, looks.speed.heard_hz)
    if look == MAIN and calibration.looks[CLOCK].p_value(looks.clock, looks.seconds) <= alpha:
        return _timeline(found, observed, looks.rate.hz)
    return replace(found, extent="Unknown")  # only a clock says where in the track


def abstain(reason: str) -> Assessment:
    """Return the answer of a detector that cannot know, with its reason."""
    return Assessment("not_assessable", reason, None, None, None, "Unknown", None, (), None, ())


def _evidence(
    looks: Looks,
    observed: Observation,
    calibration: Calibration,
    alpha: float,
    decided: str | None,
) -> tuple[Evidence, ...]:
    """Return one sentence of each kind: clock and templates always, the others if they speak.

    Clock and templates name a generator or an exact rate only where their own p-value is at
    most ``alpha``: many human recordings have a pulse that is fainter. So do the second looks.
    Beside what ``decided`` that it is AI, moved templates are no further sentence.
    """
    evidence = [_clock_evidence(looks, calibration, alpha)]
    if looks.template is not None:
        evidence.append(_template_evidence(looks, calibration, alpha))
    if looks.learned is not None and looks.learned.surprise >= SPEAKS:
        evidence.append(_learned_evidence(looks.learned, alpha))
    seconds = looks.seconds
    if looks.parts is not None and _speaks(calibration.looks[PARTS], looks.parts.score, seconds):
        evidence.append(_parts_evidence(looks.parts, observed, calibration, alpha))
    if looks.speed is not None and looks.altered(calibration) >= SPEAKS:
        evidence.append(_speed_evidence(looks, looks.speed, calibration, alpha))
    if looks.pitch is not None and decided in (None, PITCH):
        humans = calibration.looks[PITCH]
        if _speaks(humans, looks.pitch.score, seconds):
            evidence.append(_pitch_evidence(looks, looks.pitch, humans, alpha))
    return tuple(evidence)


def _speaks(humans: HumanScores, score: float, seconds: float) -> bool:
    return humans.surprise(score, seconds) >= SPEAKS


def _learned_evidence(match: LearnedMatch, alpha: float) -> Evidence:
    """Return the sentence; the null of a lesson is small, so its tail says what is a finding."""
    sentence = (
        f"The fixed lines of the spectrum match those of the few known tracks of {match.name}."
        if match.surprise >= -log(alpha)
        else "The fixed lines of the spectrum faintly resemble those of a few known tracks, not "
        "above what human recordings show."
    )
    return Evidence(LEARNED, round(match.surprise, SCORE_DIGITS), sentence)


def _speed_evidence(
    looks: Looks, find: SpeedFind, calibration: Calibration, alpha: float
) -> Evidence:
    """Return the sentence; the templates at that speed are its second witness."""
    seconds, pulse = looks.seconds, calibration.looks[SPEED]
    if looks.speed_lines is None:
        humans, score = pulse, find.score
    else:
        humans, score = calibration.looks[ALTERED], looks.altered_sum(calibration)
    compared = _compared(humans, score, seconds, "fit as well")
    found = humans.is_finding(score, seconds, alpha)
    pulsing = found and pulse.is_finding(find.score, seconds, alpha)
    lined = looks.speed_lines is not None and calibration.looks[SPEED_LINES].is_finding(
        looks.speed_lines, seconds, alpha
    )
    if found and looks.looped:
        said = (
            "Pulse and fixed lines fit a decoder's at an altered speed, but a loop or a moved "
            "level makes such, too;"
        )
    elif pulsing and lined:
        said = (
            f"{find.sentence} At that speed the fixed lines of the spectrum resemble a known "
            "decoder's, too."
        )
    elif pulsing:
        said = find.sentence
    elif found:
        said = (
            "The fixed lines of the spectrum resemble a known decoder's if the speed was altered "
            f"by {find.scale - 1:+.1%}, and a faint pulse fits that;"
        )
    else:
        said = (
            f"A faint trace was found where an altered speed might put a decoder's (a pulse at "
            f"{find.heard_hz:.2f} Hz, or lines), not above what human recordings show;"
        )
    return Evidence(SPEED, find.score, f"{said} {compared}", find.heard_hz if pulsing else None)


def _pitch_evidence(looks: Looks, find: PitchFind, humans: HumanScores, alpha: float) -> Evidence:
    seconds = looks.seconds
    compared = _compared(humans, find.score, seconds, "match a known decoder, moved, equally well")
    found = humans.is_finding(find.score, seconds, alpha)
    if found and (looks.looped or find.looped):
        sentence = (
            f"The fixed lines of the spectrum resemble those of {find.nearest}, all moved by "
            f"{find.moved}, but a loop or a moved level draws such lines too; {compared}"
        )
    elif found:
        sentence = (
            f"The fixed lines of the spectrum resemble those of {find.nearest}, all moved by "
            f"{find.moved}, as an altered pitch or speed moves them, or a relative of that decoder "
            f"at another sample rate; {compared}"
        )
    else:
        sentence = (
            "The fixed lines of the spectrum faintly resemble a known decoder's, moved in pitch, "
            f"not above what human recordings show; {compared}"
        )
    return Evidence(PITCH, find.score, sentence)


def _compared(humans: HumanScores, score: float, seconds: float, what: str) -> str:
    as_strong = ceil(humans.as_strong(score, seconds))
    return f"{as_strong} of {humans.performances} human performances {what}."


def _clock_evidence(looks: Looks, calibration: Calibration, alpha: float) -> Evidence:
    humans, rate = calibration.looks[CLOCK], looks.rate
    p_value = humans.p_value(looks.clock, looks.seconds)
    compared = _compared(humans, looks.clock, looks.seconds, "have a pulse as strong")
    if looks.looped and p_value > alpha:
        sentence = (
            "The energy above 4.5 kHz pulses as a sample-exact loop or a moved level (tremolo, "
            f"gate) makes it pulse; that is no decoder's clock. {compared}"
        )
    elif p_value > alpha and p_value >= HUMAN_LIKELY_P:
        sentence = f"No decoder clock was found in the energy above 4.5 kHz; {compared}"
    elif p_value > alpha:
        sentence = (
            f"A faint pulse near {rate.hz:.2f} Hz was found in the energy above 4.5 kHz, not "
            f"above what human recordings show; {compared}"
        )
    else:
        known = (
            f"the frame rate of {_listed(rate.known_for)}"
            if rate.known_for
            else f"a rate that decoders can have ({rate.origin})"
        )
        beside = "Beside what a loop or a moved level leaves, the" if looks.looped else "The"
        sentence = (
            f"{beside} energy above 4.5 kHz pulses at exactly {rate.hz:.2f} Hz and its multiples, "
            f"{known}; {compared}"
        )
        if looks.common_and_faint:
            sentence += " So faint, old game machines and trackers pulse there too."
    return Evidence(CLOCK, looks.clock, sentence, rate.hz)


def _template_evidence(looks: Looks, calibration: Calibration, alpha: float) -> Evidence:
    match = looks.template
    assert match is not None  # noqa: S101 - the caller has seen it
    humans = calibration.looks[TEMPLATES]
    p_value = humans.p_value(match.score, looks.seconds)
    compared = _compared(humans, match.score, looks.seconds, "match a known decoder equally well")
    if p_value > alpha and p_value >= HUMAN_LIKELY_P:
        sentence = f"The fixed lines of the spectrum match no known decoder; {compared}"
    elif p_value > alpha:
        sentence = (
            "The fixed lines of the spectrum faintly resemble those of a known decoder, not "
            f"above what human recordings show; {compared}"
        )
    elif looks.looped:
        sentence = (
            f"The fixed lines of the spectrum resemble those of {match.nearest}, but a loop or a "
            f"moved level draws such lines too; {compared}"
        )
    elif match.named is not None:
        sentence = f"The fixed lines of the spectrum match those of {match.named}; {compared}"
    else:
        sentence = (
            f"The fixed lines of the spectrum resemble those of {match.nearest}, not clearly "
            f"enough to name it; {compared}"
        )
    return Evidence(TEMPLATES, match.score, sentence)


def _parts_evidence(
    window: Window, observed: Observation, calibration: Calibration, alpha: float
) -> Evidence:
    stretches = [one for one in locate(observed, window).segments if one.score > 0]
    times = tuple(f"{_clock_time(a.start_s)} to {_clock_time(a.end_s)}" for a in stretches)
    where = f"In part of the track, {_listed(times)}," if times else "In some part of the track"
    humans = calibration.looks[PARTS]
    seconds = observed.duration_s
    compared = _compared(humans, window.score, seconds, "have a stretch with a pulse as strong")
    found = humans.is_finding(window.score, seconds, alpha)
    pulse = (
        f"the energy above 4.5 kHz pulses at exactly {window.rate.hz:.2f} Hz and its multiples"
        if found
        else f"a faint pulse near {window.rate.hz:.2f} Hz was found in the energy above 4.5 kHz, "
        "not above what human recordings show"
    )
    rate_hz = window.rate.hz if found else None
    return Evidence(PARTS, window.score, f"{where} {pulse}; {compared}", rate_hz)


def _clock_time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence lists them; of many, the three best known."""
    if len(names) > 3:
        names = (*names[:3], "others")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _timeline(found: Assessment, observed: Observation, hz: float) -> Assessment:
    """Add the segments' scores at one rate, and what they say about the extent."""
    scores = score_segments(torch.from_numpy(observed.timeline), hz, observed.geometry)
    heights = scores.tolist()
    smooth = [float(np.median(heights[max(0, i - 1) : i + 2])) for i in range(len(heights))]
    coverage = float(np.mean([height > PRESENT for height in smooth]))
    extent = found.extent
    if len(smooth) >= MIN_SEGMENTS:  # shorter tracks are one stretch
        extent = (
            "All"
            if coverage >= COVERAGE_ALL
            else "Partly"
            if coverage < COVERAGE_PARTLY
            else "Unknown"
        )
    segments = tuple(
        SegmentScore(round(start, 2), round(end, 2), round(height, 3))
        for (start, end), height in zip(segment_times(observed), heights, strict=True)
    )
    return replace(found, extent=extent, coverage=round(coverage, 3), segments=segments)


def segment_times(observed: Observation) -> list[tuple[float, float]]:
    """Return start and end of each timeline segment in seconds; they overlap by half."""
    half = observed.geometry.segment_s / 2
    return [
        (index * half, min((index + 2) * half, observed.duration_s))
        for index in range(len(observed.timeline))
    ]

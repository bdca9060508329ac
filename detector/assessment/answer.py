"""Scores of one recording to the answer that people and policies read."""

from dataclasses import replace
from typing import Any

import numpy as np

from detector.calibration.calibration import Calibration
from detector.evidence.branch import NO_TRACE_P, SCORE_DIGITS, BranchScores, Context
from detector.evidence.clock import score_segments
from detector.evidence.combination import deciding, evidence, identification, strongest, summed
from detector.evidence.localization import (
    COVERAGE_ALL,
    COVERAGE_PARTLY,
    MIN_SEGMENTS,
    PRESENT,
)
from detector.observation.observation import Observation
from detector.types import TIERS, Assessment, Rates, SegmentScore


def answer(
    scores: BranchScores, observed: Observation, calibration: Calibration, rates: Rates
) -> Assessment:
    """Return the answer for a recording that can be assessed.

    ``calibration`` is that of its population, ``rates`` the false-positive rates accepted.
    """
    nats, name = strongest(scores, calibration)
    score = round(calibration.humans.surprise(nats, scores.seconds), SCORE_DIGITS)
    p_value = calibration.humans.like(scores.even).p_value(nats, scores.seconds)
    identified_p_value = _identified_p_value(scores, calibration)
    if identified_p_value is not None and identified_p_value <= rates.identified:
        outcome = "identified"
    elif p_value <= rates.suspected:
        outcome = "suspected"
    elif p_value >= NO_TRACE_P and not scores.looped:  # repetition may cover a decoder's clock
        outcome = "no_trace"
    else:
        outcome = "uncertain"
    decided = name if outcome in TIERS else None
    context = Context(scores, observed, calibration, rates.suspected, decided)
    assessment = Assessment(
        outcome=outcome,
        reason=None,
        score=score,
        probability=round(calibration.probability(score), 4),
        p_value=round(p_value, 5),
        extent="All" if decided else "Unknown",
        coverage=None,
        segments=(),
        generator=None,
        evidence=evidence(context),
        identified_p_value=None if identified_p_value is None else round(identified_p_value, 5),
    )
    return assessment if decided is None else _located(assessment, context, decided)


def _identified_p_value(scores: BranchScores, calibration: Calibration) -> float | None:
    humans = calibration.identified
    if humans is None:
        return None
    return humans.p_value(identification(scores, calibration), scores.seconds)


def _located(assessment: Assessment, context: Context, decided: str) -> Assessment:
    """Add the generator, and where in the track the trace is, by the branch that decided."""
    branch = deciding(decided)
    finding = branch.of(context.scores)
    named = replace(assessment, generator=_generator(context.scores, decided))
    place = None if finding is None else branch.place(finding, context)
    if place is None:  # only a pulse shows where in the track
        return replace(named, extent="Unknown")
    timeline = _timeline(named, context.observed, place.rate_hz)
    if place.extent is None:
        return timeline
    return replace(timeline, extent=place.extent, coverage=place.coverage)


def _generator(scores: BranchScores, decided: str) -> str | None:
    """Return the generator that the deciding branch names, else one of the sum's branches."""
    for branch in (deciding(decided), *summed()):
        finding: Any = branch.of(scores)
        if finding is not None and (name := branch.generator(finding)) is not None:
            return name
    return None


def abstain(reason: str) -> Assessment:
    """Return the answer of a detector that cannot know, with its reason."""
    return Assessment("not_assessable", reason, None, None, None, "Unknown", None, (), None, ())


def _timeline(assessment: Assessment, observed: Observation, hz: float) -> Assessment:
    """Add the segments' scores at one rate, and the extent by them."""
    scores = score_segments(observed.timeline, hz, observed.geometry)
    heights = scores.tolist()
    smooth = [float(np.median(heights[max(0, i - 1) : i + 2])) for i in range(len(heights))]
    coverage = float(np.mean([height > PRESENT for height in smooth]))
    extent = assessment.extent
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
    return replace(assessment, extent=extent, coverage=round(coverage, 3), segments=segments)


def segment_times(observed: Observation) -> list[tuple[float, float]]:
    """Return start and end of each timeline segment in seconds; they overlap by half."""
    half = observed.geometry.segment_s / 2
    return [
        (index * half, min((index + 2) * half, observed.duration_s))
        for index in range(len(observed.timeline))
    ]

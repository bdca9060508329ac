"""Scores of one recording to the answer that people and policies read."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch

from detector.calibration.calibration import Calibration
from detector.evidence.branch import HUMAN_LIKELY_P, SCORE_DIGITS, BranchScores, Context
from detector.evidence.clock import score_segments
from detector.evidence.combination import deciding, evidence, strongest, summed
from detector.evidence.localization import (
    COVERAGE_ALL,
    COVERAGE_PARTLY,
    MIN_SEGMENTS,
    PRESENT,
)
from detector.observation.observation import Observation
from detector.types import Assessment, SegmentScore

HUMAN_LIKELY_BELOW: Final = 0.2  # probability; and the p-value must not be small either


def answer(
    scores: BranchScores, observed: Observation, calibration: Calibration, alpha: float
) -> Assessment:
    """Return the answer for a recording that can be assessed.

    ``calibration`` is that of its population, ``alpha`` the false-positive rate accepted.
    """
    nats, name = strongest(scores, calibration)
    score = round(calibration.humans.surprise(nats, scores.seconds), SCORE_DIGITS)
    p_value = calibration.humans.p_value(nats, scores.seconds)
    probability = calibration.probability(score)
    if p_value <= alpha:
        outcome, extent = "ai_likely", "All"
    elif (
        p_value >= HUMAN_LIKELY_P
        and probability <= HUMAN_LIKELY_BELOW
        and not scores.looped  # repetition may cover a decoder's clock
        and calibration.finds(observed.duration_s, sum(observed.groups))
    ):
        outcome, extent = "human_likely", "None"
    else:
        outcome, extent = "uncertain", "Unknown"
    decided = name if outcome == "ai_likely" else None
    context = Context(scores, observed, calibration, alpha, decided)
    assessment = Assessment(
        outcome=outcome,
        reason=None,
        score=score,
        probability=round(probability, 4),
        p_value=round(p_value, 5),
        extent=extent,
        coverage=None,
        segments=(),
        generator=None,
        evidence=evidence(context),
    )
    return assessment if decided is None else _located(assessment, context, decided)


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
    scores = score_segments(torch.from_numpy(observed.timeline), hz, observed.geometry)
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

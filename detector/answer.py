"""Scores of one recording to the answer that people and policies read."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from detector.calibration import Calibration
from detector.clock import Rate, score_segments
from detector.observation import Observation
from detector.types import Assessment, Evidence, SegmentScore

HUMAN_LIKELY_BELOW: Final = 0.2  # probability; and the p-value must not be small either
HUMAN_LIKELY_P: Final = 0.1
SEGMENT_PRESENT: Final = 1.0  # S at one fixed rate: 99 % of human segments lie below 0.6
COVERAGE_ALL: Final = 0.7
COVERAGE_PARTLY: Final = 0.45
SCORE_DIGITS: Final = 4  # the last bits depend on the batch and the device; answers must not


@dataclass(frozen=True)
class TemplateMatch:
    """The best template's score, whose it is, and whether it is clear enough to name."""

    score: float
    nearest: str
    named: str | None


@dataclass(frozen=True)
class Scores:
    """What the branches found in one recording; ``template`` is None without that branch."""

    clock: float
    rate: Rate
    template: TemplateMatch | None = None

    def fused(self, calibration: Calibration) -> float:
        """Return the score that the calibration is of."""
        if self.template is None:
            return self.clock
        clock, templates = (calibration.branches[name] for name in ("clock", "templates"))
        return round(clock.scaled(self.clock) + templates.scaled(self.template.score), SCORE_DIGITS)


def answer(
    scores: Scores, observed: Observation, calibration: Calibration, alpha: float
) -> Assessment:
    """Return the answer for a recording that can be assessed."""
    score = scores.fused(calibration)
    p_value = calibration.humans.p_value(score)
    probability = calibration.probability(score)
    if p_value <= alpha:
        outcome, extent = "ai_likely", "All"
    elif p_value >= HUMAN_LIKELY_P and probability <= HUMAN_LIKELY_BELOW:
        outcome, extent = "human_likely", "None"
    else:
        outcome, extent = "uncertain", "Unknown"
    evidence = [_clock_evidence(scores, calibration)]
    if scores.template is not None:
        evidence.append(_template_evidence(scores.template, calibration))
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
        evidence=tuple(evidence),
    )
    if outcome != "ai_likely":
        return found
    if scores.template is not None:
        found = replace(found, generator=scores.template.named)
    if calibration.branches["clock"].humans.p_value(scores.clock) > alpha:
        return replace(found, extent="Unknown")  # only a clock says where in the track
    return _locate(found, observed, scores.rate)


def abstain(reason: str) -> Assessment:
    """Return the answer of a detector that cannot know, with its reason."""
    return Assessment("not_assessable", reason, None, None, None, "Unknown", None, (), None, ())


def _clock_evidence(scores: Scores, calibration: Calibration) -> Evidence:
    humans, rate = calibration.branches["clock"].humans, scores.rate
    strong, count = humans.as_strong(scores.clock), len(humans.values)
    compared = f"{strong} of {count} human recordings have a pulse as strong"
    if humans.p_value(scores.clock) >= HUMAN_LIKELY_P:
        sentence = f"No decoder clock was found in the energy above 4.5 kHz; {compared}."
    else:
        known = (
            f"the frame rate of {_listed(rate.known_for)}"
            if rate.known_for
            else f"a rate that decoders can have ({rate.origin})"
        )
        sentence = (
            f"The energy above 4.5 kHz pulses at exactly {rate.hz:.2f} Hz and its multiples, "
            f"{known}; {compared}."
        )
    return Evidence("clock", scores.clock, sentence, rate.hz)


def _template_evidence(match: TemplateMatch, calibration: Calibration) -> Evidence:
    humans = calibration.branches["templates"].humans
    strong, count = humans.as_strong(match.score), len(humans.values)
    compared = f"{strong} of {count} human recordings match a known generator as well"
    if humans.p_value(match.score) >= HUMAN_LIKELY_P:
        sentence = f"The fixed lines of the spectrum match no known generator; {compared}."
    elif match.named is not None:
        sentence = f"The fixed lines of the spectrum match those of {match.named}; {compared}."
    else:
        sentence = (
            f"The fixed lines of the spectrum resemble those of {match.nearest}, not clearly "
            f"enough to name it; {compared}."
        )
    return Evidence("templates", match.score, sentence)


def _listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence lists them; of many, the three best known."""
    if len(names) > 3:
        names = (*names[:3], "others")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _locate(found: Assessment, observed: Observation, rate: Rate) -> Assessment:
    """Add the segments at the winning rate, and what they say about the extent."""
    scores = score_segments(torch.from_numpy(observed.timeline), rate.hz, observed.geometry)
    heights = scores.tolist()
    smooth = [float(np.median(heights[max(0, i - 1) : i + 2])) for i in range(len(heights))]
    coverage = float(np.mean([height > SEGMENT_PRESENT for height in smooth]))
    extent = found.extent
    if len(smooth) >= 3:  # shorter tracks are one stretch
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

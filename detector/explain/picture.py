"""The evidence about one recording as data, before it is drawn.

The same numbers are written as JSON, so that a picture can be checked. Line heights are those of
``clock.line_heights``, in the mean of the bands with energy.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from detector.calibration.calibration import Calibration, HumanScores
from detector.evidence.branch import BranchScores, Context
from detector.evidence.clock import (
    HIGH_HZ,
    LOW_HZ,
    MIN_LINES,
    allowed_bins,
    lattice_bins,
    mean_heights,
    score_segments,
)
from detector.evidence.combination import moved_lines
from detector.evidence.shift_search import factors, near
from detector.evidence.templates import TemplateSet, residual
from detector.observation.observation import Observation
from detector.types import Assessment, FloatArray, SegmentScore

# Line heights of the calibration set's human recordings, from 150 to 1,500 Hz.
HUMAN_MEDIAN: Final = 0.0
HUMAN_99_HEIGHT: Final = {"full_rate": 1.05, "low_rate": 1.53}  # of a single frequency
HUMAN_99_COMB: Final = {"full_rate": 2.74, "low_rate": 3.40}  # of sqrt(n) times a mean of n
FOLD_HZ: Final = 12.0
NEAREST: Final = 5  # templates that are shown


@dataclass(frozen=True)
class Line:
    """One multiple of the rate; ``stands_out``: above 99 % of human recordings."""

    order: int
    hz: float
    height: float
    stands_out: bool


@dataclass(frozen=True)
class Match:
    """Score of one known decoder; 1 is the 95 % point of human recordings."""

    name: str
    score: float


@dataclass(frozen=True)
class Moved:
    """The match with one known decoder, all lines moved by one factor: best at ``factor``.

    ``match`` [n] at each of ``factors`` [n] is in standard deviations over all factors.
    """

    name: str
    factor: float
    factors: FloatArray
    match: FloatArray


def _nothing() -> FloatArray:
    return np.empty(0, np.float32)


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn; without a clock to show ``rate_hz`` is None and arrays are empty.

    ``is_found`` is whether there is evidence of a clock at ``rate_hz``, whose multiples are
    ``lines``. ``spectrum`` [bins] is the modulation spectrum from 0 to 1,500 Hz in standard
    deviations, ``fold`` [n] the mean height at each distance ``fold_hz`` from the multiples,
    ``segments`` S over time. ``matches`` (the nearest templates, best first) and ``moved`` are
    given where they are a finding.
    """

    title: str
    outcome: str
    p_value: float | None
    probability: float | None
    sentences: tuple[str, ...]
    is_found: bool
    duration_s: float
    human_height: float
    rate_hz: float | None = None
    spectrum_hz: FloatArray = field(default_factory=_nothing)
    spectrum: FloatArray = field(default_factory=_nothing)
    lines: tuple[Line, ...] = ()
    fold_hz: FloatArray = field(default_factory=_nothing)
    fold: FloatArray = field(default_factory=_nothing)
    fold_human: float = 0.0
    segments: tuple[SegmentScore, ...] = ()
    matches: tuple[Match, ...] = ()
    moved: Moved | None = None


def moved_of(
    observation: Observation,
    template_set: TemplateSet,
    scores: BranchScores,
    calibration: Calibration,
    alpha: float,
) -> Moved | None:
    """Return the template that fits moved lines best, where those are a finding."""
    lines = moved_lines(Context(scores, observation, calibration, alpha))
    if lines is None:
        return None
    cosines = template_set.transposed(template_set.unit(residual(observation)))
    factor = lines.factor
    name = lines.nearest or template_set.names[int(near(cosines, factor).argmax())]
    curve = cosines[template_set.names.index(name)]
    match: FloatArray = ((curve - curve.mean()) / curve.std()).round(3)
    return Moved(name, factor, factors().round(5).astype(np.float32), match)


def matches_of(
    observation: Observation,
    template_set: TemplateSet,
    humans: HumanScores,
    population: str,
    alpha: float,
) -> tuple[Match, ...]:
    """Return the nearest templates; none where the best is no finding at ``alpha``."""
    scores = template_set.scores(template_set.unit(residual(observation)), population)
    if humans.p_value(float(scores.max()), observation.duration_s) > alpha:
        return ()
    best = np.argsort(-scores, kind="stable")[:NEAREST].tolist()
    return tuple(Match(template_set.names[index], round(float(scores[index]), 3)) for index in best)


def picture_of(
    title: str,
    observation: Observation,
    answer: Assessment,
    humans: HumanScores | None,
    population: str,
    alpha: float,
) -> Picture:
    """Return what to draw about the recording ``title``, and the ``answer`` at ``alpha``.

    ``humans`` are the clock's human scores of the ``population``, None where it has none.
    """
    shown_clock = _clock(answer, humans, alpha, observation.duration_s)
    human_height = HUMAN_99_HEIGHT[population]
    if shown_clock is None:
        reason = (answer.reason or "no clock evidence").replace("_", " ")
        return Picture(
            title, answer.outcome, None, None, (f"This recording cannot be assessed: {reason}.",),
            False, observation.duration_s, human_height,
        )  # fmt: skip
    is_found, hz = shown_clock
    geometry = observation.geometry
    z = mean_heights(observation.clock, observation.groups, geometry)
    shown = z[: int(HIGH_HZ / geometry.bin_hz)]
    lines = tuple(
        Line(
            order=round(at * geometry.bin_hz / hz),
            hz=round(at * geometry.bin_hz, 3),
            height=round(float(z[at]), 3),
            stands_out=bool(z[at] > human_height),
        )
        for at in lattice_bins(geometry, allowed_bins(geometry), hz, 1)
    )
    fold_hz, fold = _fold(z, observation, hz)
    return Picture(
        title=title,
        outcome=answer.outcome,
        p_value=answer.p_value,
        probability=answer.probability,
        sentences=tuple(one.sentence for one in answer.evidence),
        is_found=is_found,
        duration_s=observation.duration_s,
        human_height=human_height,
        rate_hz=hz,
        spectrum_hz=(np.arange(len(shown)) * geometry.bin_hz).astype(np.float32),
        spectrum=shown,
        lines=lines,
        fold_hz=fold_hz,
        fold=fold,
        fold_human=HUMAN_99_COMB[population] / max(len(lines), 1) ** 0.5,
        # MP3's frames pulse at nearly all multiples of some rates, which are never scored
        segments=_segments(observation, hz) if len(lines) >= MIN_LINES else (),
    )


def _clock(
    answer: Assessment, humans: HumanScores | None, alpha: float, seconds: float
) -> tuple[bool, float] | None:
    """Return whether there is a clock, and its rate in Hz; None where none was searched for.

    Without a finding of the clock, that of a second search (parts, speed) is drawn.
    """
    rated = [(item, item.rate_hz) for item in answer.evidence if item.rate_hz is not None]
    clock = next(((item, hz) for item, hz in rated if item.kind == "clock"), None)
    if clock is None or humans is None:
        return None
    if humans.p_value(clock[0].score, seconds) <= alpha:
        return True, clock[1]
    second = next((hz for item, hz in rated if item is not clock[0]), None)
    return (False, clock[1]) if second is None else (True, second)


def _fold(z: FloatArray, observation: Observation, hz: float) -> tuple[FloatArray, FloatArray]:
    """Return (distances in Hz, mean height over all multiples at each distance)."""
    geometry = observation.geometry
    reach = int(min(FOLD_HZ, hz / 2) / geometry.bin_hz)
    offsets = np.arange(-reach, reach + 1)
    first, last = int(np.ceil(LOW_HZ / hz)), int(HIGH_HZ / hz)
    centres = np.rint(np.arange(first, last + 1) * hz / geometry.bin_hz).astype(int)
    at = (centres[:, None] + offsets).clip(0, len(z) - 1)
    return (offsets * geometry.bin_hz).astype(np.float32), z[at].mean(axis=0)


def _segments(observation: Observation, hz: float) -> tuple[SegmentScore, ...]:
    """Return S at ``hz`` of each segment, over the stretch nearest to its centre."""
    geometry = observation.geometry
    half = geometry.segment_s / 2
    scores = score_segments(observation.timeline, hz, geometry).tolist()
    edges = [0.0, *((index + 0.5) * half for index in range(1, len(scores)))]
    edges.append(min((len(scores) + 1) * half, observation.duration_s))
    return tuple(
        SegmentScore(start, min(end, observation.duration_s), round(score, 3))
        for (start, end), score in zip(pairwise(edges), scores, strict=False)
    )

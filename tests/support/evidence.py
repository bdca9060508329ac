"""Findings of branches and their calibration, for the tests of what they are worth."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torchaudio.functional

from detector.assessment.answer import answer
from detector.assessment.model import Model
from detector.calibration.calibration import Calibration, HumanScores
from detector.evidence.branch import BranchScores
from detector.evidence.branches.speed import SpeedFinding
from detector.evidence.clock import ClockFinding, Rate
from detector.evidence.combination import statistics_of
from detector.evidence.registry import BRANCHES
from detector.evidence.speed import ScaledPulse
from detector.evidence.templates import TemplateMatch
from detector.observation.observation import Observation, Observer
from detector.types import Evidence, FloatArray, Rates
from models.synthesis.music import RATE_HZ, render
from models.synthesis.simulated_decoder import decode_through
from tests.support.paths import MODELS

RELEASED = MODELS / "ensemble-5"
PLAIN, FIFTY = Rate(86.13, 0.0, "44100/512"), Rate(50.0, 0.0, "32000/640")
KNOWN = Rate(50.0, 0.0, "32000/640", ("a generator",))
EXPONENTIAL = HumanScores.of(-np.log(np.arange(1_000, 0, -1) / 1_001))
CALIBRATION = Calibration(
    "full_rate", EXPONENTIAL, 1.0, -4.0, (0.0, 8.0),
    dict.fromkeys(statistics_of(BRANCHES), EXPONENTIAL),
)  # fmt: skip


def looked(score: float, rate: Rate, looped: bool = False, **findings: Any) -> BranchScores:
    clock = {"clock": ClockFinding(score, rate)}
    return BranchScores(clock | findings, 20.0, looped)


def beside(scores: BranchScores, **findings: Any) -> BranchScores:
    return replace(scores, findings={**scores.findings, **findings})


def at_speed(score: float, scale: float = 1.03, lines: float | None = None) -> SpeedFinding:
    return SpeedFinding(ScaledPulse(score, 50.0, scale), lines)


def lines(score: float) -> TemplateMatch:
    return TemplateMatch(score, "some decoder", None)


def observe(samples: FloatArray) -> Observation:
    observer = Observer(RATE_HZ)
    observer.feed(np.ascontiguousarray(samples, dtype=np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


@lru_cache
def playing() -> Observation:
    """A piece that people could have played: no branch finds anything."""
    return observe(render(3, 26.0).mean(axis=0))


@lru_cache
def sped() -> Observation:
    painted = decode_through(render(21, 40.0), RATE_HZ, (8, 8, 8), seed=4).mean(axis=0)
    wave = torch.from_numpy(painted)
    return observe(torchaudio.functional.resample(wave, 103, 100).numpy())


@lru_cache
def spliced() -> Observation:
    """20 s mostly from a decoder between two minutes on either side."""
    around, other = np.tile(render(21, 60.0), 2), render(22, 20.0)
    painted = 0.65 * decode_through(other, RATE_HZ, (8, 8, 8), seed=4) + 0.35 * other
    return observe(np.concatenate((around, painted, around), axis=1).mean(axis=0))


def without(model: Model, branch: str) -> Model:
    return replace(model, branches=tuple(one for one in model.branches if one != branch))


def evidence_of(scores: BranchScores, kind: str) -> Evidence:
    assessment = answer(scores, playing(), CALIBRATION, Rates())
    return next(one for one in assessment.evidence if one.kind == kind)

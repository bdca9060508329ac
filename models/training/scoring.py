"""Raw scores of many recordings, as the released model computes them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.assessment.model import population
from detector.calibration.applicability import abstention_reason
from detector.evidence.branch import SCORE_DIGITS
from detector.evidence.clock import Lattice, Rate, score_tracks
from detector.evidence.combination import MAIN
from detector.observation.geometry import Geometry
from detector.types import BoolVector, FloatVector
from models.learning.data import AI
from models.learning.observations import Observed

_BATCH: Final = 32


@dataclass(frozen=True)
class Scored:
    """One recording with its score; ``reason`` is why it abstains, or None.

    ``score`` is what is calibrated: the clock's until ``models.training.fusion`` has put all looks
    together. ``template`` is then the best template's, its maker left out; ``look`` the one
    that decided; ``p`` the p-value among human recordings of other makers, ``identified_p`` that
    of the witnesses of a known decoder.
    """

    observed: Observed
    score: float
    clock: float
    rate: Rate
    looped: bool
    reason: str | None
    template: float = 0.0
    look: str = MAIN
    p: float | None = None
    identified_p: float | None = None

    @property
    def rate_hz(self) -> float:
        """The clock's rate."""
        return self.rate.hz

    @property
    def population(self) -> str:
        """Which calibration applies."""
        return population(self.observed.observation.sample_rate_hz)

    @property
    def is_ai(self) -> bool:
        """The label."""
        return self.observed.track.label == AI

    @property
    def group(self) -> str:
        """What is never split."""
        return self.observed.track.group

    @property
    def maker(self) -> str:
        """Generator or source."""
        return self.observed.track.maker


def score_all(observed: Sequence[Observed], lattice: Lattice) -> list[Scored]:
    """Score every recording by its clock, in order."""
    by_geometry: dict[Geometry, list[int]] = defaultdict(list)
    for index, item in enumerate(observed):
        by_geometry[item.observation.geometry].append(index)
    scored: dict[int, Scored] = {}
    for geometry, indexes in by_geometry.items():
        for start in range(0, len(indexes), _BATCH):
            part = indexes[start : start + _BATCH]
            members = [observed[index].observation for index in part]
            scores = score_tracks(
                np.stack([item.clock for item in members]),
                np.array([item.groups for item in members]),
                geometry,
                lattice,
            )
            for index, score, best, looped in zip(
                part,
                scores.score.tolist(),
                scores.best.tolist(),
                scores.looped.tolist(),
                strict=True,
            ):
                rounded = round(score, SCORE_DIGITS)
                scored[index] = Scored(
                    observed[index],
                    rounded,
                    rounded,
                    lattice.rates[best],
                    looped,
                    abstention_reason(observed[index].observation),
                )
    return [scored[index] for index in range(len(observed))]


@dataclass(frozen=True)
class Population:
    """The assessable recordings of one population, as arrays."""

    name: str
    tracks: tuple[Scored, ...]

    @property
    def scores(self) -> FloatVector:
        """Score of each track."""
        return np.array([one.score for one in self.tracks])

    @property
    def labels(self) -> BoolVector:
        """True where AI."""
        return np.array([one.is_ai for one in self.tracks], bool)

    @property
    def groups(self) -> list[str]:
        """Group of each track."""
        return [one.group for one in self.tracks]

    def side(self, *, ai: bool) -> "Population":
        """Return one class alone."""
        return Population(self.name, tuple(one for one in self.tracks if one.is_ai is ai))


def assessable(scored: Sequence[Scored], name: str) -> Population:
    """Return those that can be assessed."""
    return Population(name, tuple(one for one in scored if one.reason is None))


def populations(scored: Sequence[Scored]) -> list[Population]:
    """Return the populations that are present, by name, with what can be assessed."""
    names = sorted({one.population for one in scored if one.reason is None})
    return [assessable([one for one in scored if one.population == name], name) for name in names]

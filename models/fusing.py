"""All kinds of evidence put together, and the human scores of each: what a release needs.

The same steps as in service (``detector.looks``), with the templates' scores out of fold.
Every human track is looked at with every look that the answer would take, so the null of
the whole answer is that of the answer that is given.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.calibration import Calibration, HumanScores
from detector.clock import Lattice
from detector.fitness import reason_against
from detector.looks import (
    BRANCHES,
    CLOCK,
    MAIN,
    PARTS,
    SPEED,
    TEMPLATES,
    Looks,
    TemplateMatch,
    look_again,
)
from detector.observation import Observation
from detector.partly import MIN_PART_S, best_window
from detector.speed import search
from detector.templates import Bank
from models.bank import Lines, attribution_figures, fit, manifest_of, out_of_fold, tensors_of
from models.observing import Observed
from models.scoring import Population, Scored, populations


@dataclass(frozen=True)
class Fused:
    """Out-of-fold scores of the whole answer, and what a release needs of them.

    ``looks`` is by population, then by look. Without templates there is no bank.
    """

    scored: list[Scored]
    branches: tuple[str, ...]
    looks: dict[str, dict[str, HumanScores]]
    bank: Bank | None = None
    lines: Lines | None = None
    attribution: dict[str, float] | None = None

    def manifest(self) -> dict[str, Any]:
        """Return what a manifest says about the templates; empty without them."""
        if self.bank is None or self.lines is None or self.attribution is None:
            return {}
        return {"templates": manifest_of(self.bank, self.lines, self.attribution)}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what the weights hold: human scores of each look, and the templates."""
        found: dict[str, NDArray[Any]] = {
            f"human_scores.{population}.{name}": humans.values
            for population, looks in self.looks.items()
            for name, humans in looks.items()
        }
        return found if self.bank is None else found | tensors_of(self.bank)


def fuse(
    scored: Sequence[Scored],
    traces: Sequence[Observed] = (),
    *,
    lattice: Lattice,
    branches: Collection[str] = BRANCHES,
) -> Fused:
    """Return the score of the whole answer for every track that can be assessed.

    Args:
        scored: AI and human tracks with their clock.
        traces: recordings for templates alone (``models.data.traces``).
        lattice: whose rates the clock was scored with; windows are scored with it too.
        branches: which kinds of evidence take part; ``clock`` always does.
    """
    ordered = tuple(name for name in BRANCHES if name in {CLOCK, *branches})
    members = [one for one in scored if one.reason is None]
    bank, lines, attribution = None, None, None
    if TEMPLATES in ordered:
        known = [one for one in traces if reason_against(one.observation) is None]
        lines = Lines.of([*(one.observed for one in members), *known])
        found = out_of_fold(lines)[: len(members)]
        members = [
            replace(one, template=round(float(score), 4))
            for one, score in zip(members, found, strict=True)
        ]
        bank = fit(lines, np.ones(len(lines.human), bool))
        attribution = attribution_figures(lines)
    looks: dict[str, dict[str, HumanScores]] = {}
    whole: dict[int, Scored] = {}
    for heard in populations(members):
        calibration = _calibration(heard, ordered, lattice)
        looks[heard.name] = calibration.looks
        for one in heard.tracks:
            first = look_again(
                _first(one, ordered), one.observed.observation, lattice, ordered, calibration
            )
            score, look = first.whole(calibration)
            whole[id(one.observed)] = replace(one, score=score, look=look)
    together = [whole.get(id(one.observed), one) for one in scored]
    return Fused(together, ordered, looks, bank, lines, attribution)


def _first(one: Scored, branches: Collection[str]) -> Looks:
    """Return what clock and templates found; which template it was does not count here."""
    template = TemplateMatch(one.template, "", None) if TEMPLATES in branches else None
    return Looks(one.clock, one.rate, one.looped, template)


def _calibration(heard: Population, branches: Collection[str], lattice: Lattice) -> Calibration:
    """Return the human scores of each look; what is calibrated of the whole is not yet there."""
    humans = heard.side(ai=False).tracks
    looks = {CLOCK: human_scores([one.clock for one in humans])}
    nobody = HumanScores(np.zeros(1, np.float32))
    calibration = Calibration(heard.name, nobody, 0.0, 0.0, (0.0, 0.0), looks)
    if TEMPLATES in branches:
        looks[TEMPLATES] = human_scores([one.template for one in humans])
        looks[MAIN] = human_scores([_first(one, branches).sum(calibration) for one in humans])
    observed = [one.observed.observation for one in humans]
    if PARTS in branches:
        looks[PARTS] = part_scores(observed, lattice)
    if SPEED in branches:
        looks[SPEED] = human_scores([search(one).score for one in observed])
    return calibration


def part_scores(observed: Sequence[Observation], lattice: Lattice) -> HumanScores:
    """Return the best-window scores of whole human tracks.

    Windows are many in long tracks, so excerpts would make a null that is too low: only
    tracks of ``MIN_PART_S`` and more count. A set without any says nothing: then nothing is
    more surprising than the median.
    """
    long = [one for one in observed if one.duration_s >= MIN_PART_S]
    return human_scores([best_window(one, lattice).score for one in long] or [1e9])


def human_scores(scores: Sequence[float]) -> HumanScores:
    """Return scores in order."""
    return HumanScores(np.sort(np.array(scores, np.float32)))

"""All kinds of evidence put together, and the human scores of each: what a release needs.

The same steps as in service (``detector.looks``), with the templates' scores out of fold.
Every human track is looked at with every look that the answer would take, so the null of
the whole answer is that of the answer that is given (``models.nulls``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.calibration import HumanScores
from detector.clock import Lattice
from detector.fitness import reason_against
from detector.looks import (
    BRANCHES,
    CLOCK,
    PARTS,
    SCORE_DIGITS,
    SPEED,
    TEMPLATES,
    Looks,
    TemplateMatch,
    look_again,
)
from detector.partly import MIN_PART_S, best_window
from detector.speed import search
from detector.templates import Bank
from models.bank import Lines, attribution_figures, fit, manifest_of, out_of_fold, tensors_of
from models.nulls import Null, Witness, null_of
from models.observing import Observed
from models.references import pack
from models.scoring import Scored, populations, score_all


@dataclass(frozen=True)
class Fused:
    """Out-of-fold scores of the whole answer, and what a release needs of them.

    ``nulls`` are by population; ``lines`` those of the tracks that can be assessed, then of
    ``deliveries``, the human recordings' deliveries that can be, then of traces. Without
    templates there is no bank.
    """

    scored: list[Scored]
    branches: tuple[str, ...]
    nulls: dict[str, Null]
    deliveries: tuple[Scored, ...] = ()
    bank: Bank | None = None
    lines: Lines | None = None
    attribution: dict[str, float] | None = None

    def manifest(self) -> dict[str, Any]:
        """Return what a manifest says about the templates; empty without them."""
        if self.bank is None or self.lines is None or self.attribution is None:
            return {}
        return {"templates": manifest_of(self.bank, self.lines, self.attribution)}

    def references(self) -> bytes:
        """Return ``references.zst``: the human recordings in the order of the nulls."""
        assert self.bank is not None  # noqa: S101 - only a model with templates has references
        assert self.lines is not None  # noqa: S101 - likewise
        members = [one for one in self.scored if one.reason is None]
        human = [index for index, one in enumerate(members) if not one.is_ai]
        heard = [members[index] for index in human] + list(self.deliveries)
        rows = human + [len(members) + index for index in range(len(self.deliveries))]
        by_population: dict[str, list[int]] = {name: [] for name in self.nulls}
        rates_hz: dict[str, list[int]] = {name: [] for name in self.nulls}
        for row, one in zip(rows, heard, strict=True):
            by_population[one.population].append(row)
            rates_hz[one.population].append(one.observed.observation.sample_rate_hz)
        return pack(self.bank, self.lines, by_population, rates_hz, self.nulls)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what the weights hold: human scores of each look, and the templates."""
        found: dict[str, NDArray[Any]] = {}
        for population, null in self.nulls.items():
            found |= tensors_of_scores(population, null.calibration.humans)
            for name, humans in null.calibration.looks.items():
                found |= tensors_of_scores(f"{population}.{name}", humans)
        return found if self.bank is None else found | tensors_of(self.bank)


def tensors_of_scores(name: str, humans: HumanScores) -> dict[str, NDArray[Any]]:
    """Return human scores as weights hold them; their scale is in the manifest."""
    return {f"human_scores.{name}": humans.values, f"human_weights.{name}": humans.weights}


def fuse(
    scored: Sequence[Scored],
    traces: Sequence[Observed] = (),
    delivered: Sequence[Observed] = (),
    *,
    lattice: Lattice,
    branches: Collection[str] = BRANCHES,
) -> Fused:
    """Return the score of the whole answer for every track that can be assessed.

    Args:
        scored: AI and human tracks with their clock.
        traces: recordings for templates alone (``models.data.traces``).
        delivered: human recordings as deliveries leave them (``models.delivered``).
        lattice: whose rates the clock was scored with; windows are scored with it too.
        branches: which kinds of evidence take part; ``clock`` always does.
    """
    ordered = tuple(name for name in BRANCHES if name in {CLOCK, *branches})
    members = [one for one in scored if one.reason is None]
    known_in = {one.name for one in populations(members)}
    beside = [
        one
        for one in score_all(delivered, lattice)
        if one.reason is None and one.population in known_in
    ]
    bank, lines, attribution = None, None, None
    if TEMPLATES in ordered:
        known = [one for one in traces if reason_against(one.observation) is None]
        subjects = [*members, *beside]
        lines = Lines.of([*(one.observed for one in subjects), *known])
        found = out_of_fold(lines)[: len(subjects)]
        subjects = [
            replace(one, template=round(float(score), 4))
            for one, score in zip(subjects, found, strict=True)
        ]
        members, beside = subjects[: len(members)], subjects[len(members) :]
        bank = fit(lines, np.ones(len(lines.human), bool))
        attribution = attribution_figures(lines)
    nulls: dict[str, Null] = {}
    whole: dict[int, Scored] = {}
    for heard in populations(members):
        humans = [
            *heard.side(ai=False).tracks,
            *(one for one in beside if one.population == heard.name),
        ]
        witnesses = [_witness(one, ordered, lattice) for one in humans]
        null = nulls[heard.name] = null_of(heard.name, witnesses, ordered)
        for one, score, p, witness in zip(
            humans, null.scores.tolist(), null.p_values.tolist(), witnesses, strict=True
        ):
            look = witness.looks.whole(null.calibration)[1]
            whole[id(one.observed)] = replace(one, score=score, p=p, look=look)
        for one in heard.side(ai=True).tracks:
            whole[id(one.observed)] = _answered(one, null, ordered, lattice)
    together = [whole.get(id(one.observed), one) for one in scored]
    others = tuple(whole[id(one.observed)] for one in beside)
    return Fused(together, ordered, nulls, others, bank, lines, attribution)


def _first(one: Scored, branches: Collection[str]) -> Looks:
    """Return what clock and templates found; which template it was does not count here."""
    template = TemplateMatch(one.template, "", None) if TEMPLATES in branches else None
    seconds = one.observed.observation.duration_s
    return Looks(one.clock, one.rate, one.looped, template, seconds=seconds)


def _witness(one: Scored, branches: Collection[str], lattice: Lattice) -> Witness:
    """Return a human recording with every look taken, whatever the first ones found."""
    observed, track = one.observed.observation, one.observed.track
    parts = PARTS in branches and observed.duration_s >= MIN_PART_S
    looks = replace(
        _first(one, branches),
        parts=best_window(observed, lattice) if parts else None,
        speed=search(observed) if SPEED in branches else None,
    )
    return Witness(looks, track.repository, track.performance)


def _answered(one: Scored, null: Null, branches: Collection[str], lattice: Lattice) -> Scored:
    """Return an AI track with the score of its answer."""
    first = _first(one, branches)
    looks = look_again(first, one.observed.observation, lattice, branches, null.calibration)
    found, look = looks.whole(null.calibration)
    humans = null.calibration.humans
    score = round(humans.surprise(found, looks.seconds), SCORE_DIGITS)
    return replace(one, score=score, p=humans.p_value(found, looks.seconds), look=look)

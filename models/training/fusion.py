"""All kinds of evidence put together, and the human scores of each: what a release needs.

The same steps as in service (``detector.evidence.combination``), with the templates' scores out of
fold. Every human track is looked at with every look that the answer would take, so the null of
the whole answer is that of the answer that is given (``models.learning.null_distribution``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.calibration.applicability import abstention_reason
from detector.errors import BadInput
from detector.evidence.branch import SCORE_DIGITS, BranchScores, Recording
from detector.evidence.clock import ClockFinding, Lattice
from detector.evidence.combination import first_only, is_conclusive, search_all, strongest
from detector.evidence.registry import BRANCHES, checked
from detector.evidence.templates import FixedLines, TemplateSet
from models.learning.folder import tensors_of_scores
from models.learning.null_distribution import Null, Witness, null_of
from models.learning.observations import Observed
from models.training.references import pack
from models.training.scoring import Scored, populations, score_all
from models.training.template_fitting import (
    Lines,
    attribution_figures,
    fit,
    folds,
    manifest_of,
    tensors_of,
    with_peaks,
)


@dataclass(frozen=True)
class Fused:
    """Out-of-fold scores of the whole answer, and what a release needs of them.

    ``nulls`` are by population; ``lines`` those of the tracks that can be assessed, then of
    ``deliveries``, the human recordings' deliveries that can be, then of traces. Without
    templates there is no template_set.
    """

    scored: list[Scored]
    branches: tuple[str, ...]
    nulls: dict[str, Null]
    deliveries: tuple[Scored, ...] = ()
    template_set: TemplateSet | None = None
    lines: Lines | None = None
    attribution: dict[str, float] | None = None

    def manifest(self) -> dict[str, Any]:
        """Return what a manifest says about the templates; empty without them."""
        if self.template_set is None or self.lines is None or self.attribution is None:
            return {}
        return {"templates": manifest_of(self.template_set, self.lines, self.attribution)}

    def references(self) -> bytes:
        """Return ``references.zst``: the human recordings in the order of the nulls."""
        assert self.template_set is not None  # noqa: S101 - only a model with templates has references
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
        return pack(self.template_set, self.lines, by_population, rates_hz, self.nulls)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what the weights hold: human scores of each look, and the templates."""
        found: dict[str, NDArray[Any]] = {}
        for population, null in self.nulls.items():
            found |= tensors_of_scores(population, null.calibration.humans)
            for name, humans in null.calibration.looks.items():
                found |= tensors_of_scores(f"{population}.{name}", humans)
        return found if self.template_set is None else found | tensors_of(self.template_set)


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
        traces: recordings for templates alone (``models.learning.data.traces``).
        delivered: human recordings as deliveries leave them (``models.training.augmented_humans``).
        lattice: whose rates the clock was scored with; windows are scored with it too.
        branches: which kinds of evidence take part; ``clock`` always does.

    Raises:
        BadInput: ``manifest``, for templates without what they take; ``branches``.
    """
    try:
        ordered = checked(branches)
    except ValueError as error:
        raise BadInput("branches", str(error)) from error
    members = [one for one in scored if one.reason is None]
    known_in = {one.name for one in populations(members)}
    beside = [
        one
        for one in score_all(delivered, lattice)
        if one.reason is None and one.population in known_in
    ]
    subjects = [*members, *beside]
    template_set, lines, attribution = None, None, None
    if "templates" in ordered:
        known = [one for one in traces if abstention_reason(one.observation) is None]
        lines = Lines.of([*(one.observed for one in subjects), *known])
        looked = _looked_out_of_fold(subjects, lines, ordered, lattice)
        everything = np.ones(len(lines.human), bool)
        template_set = fit(lines, everything)
        if "pitch" in ordered:
            template_set = with_peaks(template_set, lines, everything)
        attribution = attribution_figures(lines)
    else:
        looked = [search_all(_recording(one, lattice), ordered) for one in subjects]
    subjects = [
        replace(one, template=scores.score_of("templates") or 0.0)
        for one, scores in zip(subjects, looked, strict=True)
    ]
    members, beside = subjects[: len(members)], subjects[len(members) :]
    scores_by = {id(one.observed): scores for one, scores in zip(subjects, looked, strict=True)}
    nulls: dict[str, Null] = {}
    whole: dict[int, Scored] = {}
    for heard in populations(members):
        humans = [
            *heard.side(ai=False).tracks,
            *(one for one in beside if one.population == heard.name),
        ]
        witnesses = [
            Witness(
                scores_by[id(one.observed)],
                one.observed.track.repository,
                one.observed.track.performance,
            )
            for one in humans
        ]
        null = nulls[heard.name] = null_of(heard.name, witnesses, ordered)
        for one, score, p, witness in zip(
            humans, null.scores.tolist(), null.p_values.tolist(), witnesses, strict=True
        ):
            look = strongest(witness.scores, null.calibration)[1]
            whole[id(one.observed)] = replace(one, score=score, p=p, look=look)
        for one in heard.side(ai=True).tracks:
            whole[id(one.observed)] = _answered(one, scores_by[id(one.observed)], null)
    together = [whole.get(id(one.observed), one) for one in scored]
    others = tuple(whole[id(one.observed)] for one in beside)
    return Fused(together, ordered, nulls, others, template_set, lines, attribution)


def _recording(one: Scored, lattice: Lattice, lines: FixedLines | None = None) -> Recording:
    clock = ClockFinding(one.clock, one.rate)
    return Recording(one.observed.observation, lattice, clock, one.looped, lines)


def _looked_out_of_fold(
    subjects: Sequence[Scored], lines: Lines, branches: Collection[str], lattice: Lattice
) -> list[BranchScores]:
    """Return every look at every subject, whatever the first ones found, its maker unknown.

    ``lines`` are those of the subjects, then others. Which template fits does not count here.
    """
    looked: dict[int, BranchScores] = {}
    for own, others in folds(lines):
        template_set = fit(lines, others)
        if "pitch" in branches:
            template_set = with_peaks(template_set, lines, others)
        for index in np.flatnonzero(own).tolist():
            one = subjects[index]
            fixed = FixedLines(
                template_set, template_set.unit(lines.vectors[index]), one.population
            )
            looked[index] = search_all(_recording(one, lattice, fixed), branches)
    return [looked[index] for index in range(len(subjects))]


def _answered(one: Scored, scores: BranchScores, null: Null) -> Scored:
    """Return an AI track with the score of its answer: a conclusive sum ends the search."""
    if is_conclusive(scores, null.calibration):
        scores = first_only(scores)
    nats, branch = strongest(scores, null.calibration)
    humans = null.calibration.humans
    score = round(humans.surprise(nats, scores.seconds), SCORE_DIGITS)
    return replace(one, score=score, p=humans.p_value(nats, scores.seconds), look=branch)

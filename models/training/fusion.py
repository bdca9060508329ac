"""All kinds of evidence put together, and the human scores of each: what a release needs.

The steps are those of ``detector.evidence.combination``, with the templates' scores out of fold.
Every human track is scored with every look that the answer takes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.assessment.model import population
from detector.calibration.applicability import abstention_reason
from detector.errors import BadInput
from detector.evidence.branch import SCORE_DIGITS, BranchScores, Recording
from detector.evidence.clock import ClockFinding, Lattice
from detector.evidence.combination import (
    first_only,
    identification,
    is_conclusive,
    search_all,
    strongest,
)
from detector.evidence.families import Families
from detector.evidence.registry import BRANCHES, checked
from detector.evidence.templates import FULL_RATE, FixedLines, TemplateSet
from models.learning.data import folds as group_folds
from models.learning.folder import tensors_of_scores
from models.learning.null_distribution import Null, Witness, null_of
from models.learning.observations import Observed
from models.training.family_fitting import Examples
from models.training.family_fitting import fit as fit_families
from models.training.known_rates import with_known
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

FAMILY_FOLDS: Final = 10


@dataclass(frozen=True)
class Fused:
    """Out-of-fold scores of the whole answer, and what a release needs of them.

    ``nulls`` are by population; ``lines`` those of the tracks that can be assessed, then of
    ``deliveries``, the human recordings' deliveries that can be, then of traces. Without
    templates there is no template_set, without families no ``families``.
    ``lattice`` names who is known for each rate.
    """

    scored: list[Scored]
    branches: tuple[str, ...]
    nulls: dict[str, Null]
    deliveries: tuple[Scored, ...] = ()
    template_set: TemplateSet | None = None
    lines: Lines | None = None
    attribution: dict[str, float] | None = None
    families: Families | None = None
    lattice: Lattice = field(default_factory=lambda: Lattice(()))

    def manifest(self) -> dict[str, Any]:
        """Return the manifest's parts about templates and families; empty without them."""
        parts: dict[str, Any] = {}
        if self.template_set is not None and self.lines is not None:
            attribution = self.attribution or {}
            parts["templates"] = manifest_of(self.template_set, self.lines, attribution)
        if self.families is not None:
            families = self.families
            parts["families"] = {"bias": families.bias, "population": families.population}
        return parts

    def references(self) -> bytes:
        """Return ``references.zst``: the human recordings in the order of the nulls."""
        assert self.template_set is not None  # noqa: S101 - only a model with templates has references
        assert self.lines is not None  # noqa: S101 - likewise
        members = [recording for recording in self.scored if recording.reason is None]
        human = [index for index, recording in enumerate(members) if not recording.is_ai]
        recordings = [members[index] for index in human] + list(self.deliveries)
        rows = human + [len(members) + index for index in range(len(self.deliveries))]
        by_population: dict[str, list[int]] = {name: [] for name in self.nulls}
        rates_hz: dict[str, list[int]] = {name: [] for name in self.nulls}
        for row, recording in zip(rows, recordings, strict=True):
            by_population[recording.population].append(row)
            rates_hz[recording.population].append(recording.observed.observation.sample_rate_hz)
        return pack(self.template_set, self.lines, by_population, rates_hz, self.nulls)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what the weights hold: human scores of each look, and the templates."""
        tensors: dict[str, NDArray[Any]] = {}
        for name, null in self.nulls.items():
            tensors |= tensors_of_scores(name, null.calibration.humans)
            for look, humans in null.calibration.looks.items():
                tensors |= tensors_of_scores(f"{name}.{look}", humans)
            if null.calibration.identified is not None:
                tensors |= tensors_of_scores(f"{name}.identified", null.calibration.identified)
        if self.families is not None:
            tensors["families.weights"] = self.families.weights.astype(np.float16)
        return tensors if self.template_set is None else tensors | tensors_of(self.template_set)


def fuse(
    scored: Sequence[Scored],
    traces: Sequence[Observed] = (),
    augmented: Sequence[Observed] = (),
    examples: Sequence[Observed] = (),
    *,
    lattice: Lattice,
    branches: Collection[str] = BRANCHES,
) -> Fused:
    """Return the score of the whole answer for every track that can be assessed.

    Args:
        scored: AI and human tracks with their clock.
        traces: recordings for templates alone (``models.learning.data.traces``).
        augmented: human recordings as deliveries leave them (``models.training.augmented``).
        examples: AI tracks as deliveries leave them: for families alone.
        lattice: whose rates the clock was scored with; windows are scored with it too. Who is
            known for a rate is found anew.
        branches: which kinds of evidence take part; ``clock`` always does.

    Raises:
        BadInput: ``manifest``, for templates without what they take; ``branches``.
    """
    try:
        ordered = checked(branches)
    except ValueError as error:
        raise BadInput("branches", str(error)) from error
    members = [track for track in scored if track.reason is None]
    lattice = with_known(lattice, populations(members))
    rates = {rate.hz: rate for rate in lattice.rates}
    members = [replace(track, rate=rates[track.rate.hz]) for track in members]
    known_in = {track.name for track in populations(members)}
    trace_subjects = [
        track
        for track in score_all(augmented, lattice)
        if track.reason is None and track.population in known_in
    ]
    subjects = [*members, *trace_subjects]
    template_set, lines, attribution = None, None, None
    families, matches = _families_out_of_fold(subjects, examples if "families" in ordered else None)
    if "templates" in ordered:
        known = [track for track in traces if abstention_reason(track.observation) is None]
        lines = Lines.of([*(track.observed for track in subjects), *known])
        looked = _looked_out_of_fold(subjects, lines, matches, ordered, lattice)
        everything = np.ones(len(lines.human), bool)
        template_set = fit(lines, everything)
        if "pitch" in ordered:
            template_set = with_peaks(template_set, lines, everything)
        attribution = attribution_figures(lines)
    else:
        looked = [
            search_all(_recording(track, lattice, None, own), ordered)
            for track, own in zip(subjects, matches, strict=True)
        ]
    subjects = [
        replace(track, template=scores.score_of("templates") or 0.0)
        for track, scores in zip(subjects, looked, strict=True)
    ]
    members, trace_subjects = subjects[: len(members)], subjects[len(members) :]
    scores_by = {id(track.observed): scores for track, scores in zip(subjects, looked, strict=True)}
    nulls: dict[str, Null] = {}
    combined: dict[int, Scored] = {}
    for present in populations(members):
        humans = [
            *present.side(ai=False).tracks,
            *(track for track in trace_subjects if track.population == present.name),
        ]
        witnesses = [
            Witness(
                scores_by[id(track.observed)],
                track.observed.track.repository,
                track.observed.track.performance,
            )
            for track in humans
        ]
        null = nulls[present.name] = null_of(present.name, witnesses, ordered)
        columns = (null.scores, null.p_values, null.identified_p_values)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for track, (score, p, identified_p), witness in zip(humans, rows, witnesses, strict=True):
            look = strongest(witness.scores, null.calibration)[1]
            combined[id(track.observed)] = replace(
                track, score=score, p=p, identified_p=identified_p, look=look
            )
        for track in present.side(ai=True).tracks:
            combined[id(track.observed)] = _answered(track, scores_by[id(track.observed)], null)
    together = [combined.get(id(track.observed), track) for track in scored]
    fused_traces = tuple(combined[id(track.observed)] for track in trace_subjects)
    return Fused(
        together, ordered, nulls, fused_traces, template_set, lines, attribution, families, lattice
    )


def _recording(
    track: Scored, lattice: Lattice, lines: FixedLines | None, families: Families | None
) -> Recording:
    clock = ClockFinding(track.clock, track.rate)
    return Recording(track.observed.observation, lattice, clock, track.looped, lines, families)


def _families_out_of_fold(
    subjects: Sequence[Scored], examples: Sequence[Observed] | None
) -> tuple[Families | None, list[Families | None]]:
    """Return the model of all, and for each subject that of the folds without its maker."""
    nothing: list[Families | None] = [None] * len(subjects)
    known = [index for index, one in enumerate(subjects) if one.population == FULL_RATE]
    if examples is None or not known:
        return None, nothing
    learned_of = [subjects[index].observed for index in known]
    extra = [one for one in examples if population(one.observation.sample_rate_hz) == FULL_RATE]
    all_examples = Examples.of([*learned_of, *extra])
    products = all_examples.products
    everything = np.ones(len(all_examples.ai), bool)
    families = fit_families(all_examples, products, everything)
    fold = np.array(group_folds([str(group) for group in all_examples.groups], FAMILY_FOLDS))
    models = {
        number: fit_families(all_examples, products, fold != number)
        for number in sorted(set(fold[: len(known)].tolist()))
    }
    for at, index in enumerate(known):
        nothing[index] = models[int(fold[at])]
    return families, nothing


def _looked_out_of_fold(
    subjects: Sequence[Scored],
    lines: Lines,
    families: Sequence[Families | None],
    branches: Collection[str],
    lattice: Lattice,
) -> list[BranchScores]:
    """Return the scores of all branches for each track; ``lines``: the subjects', then others'."""
    looked: dict[int, BranchScores] = {}
    for own, template_set in folds(lines, peaked="pitch" in branches):
        for index in np.flatnonzero(own).tolist():
            subject = subjects[index]
            fixed = FixedLines(
                template_set, template_set.unit(lines.vectors[index]), subject.population
            )
            recording = _recording(subject, lattice, fixed, families[index])
            looked[index] = search_all(recording, branches)
    return [looked[index] for index in range(len(subjects))]


def _answered(track: Scored, scores: BranchScores, null: Null) -> Scored:
    """Return an AI track with the score of its answer: a conclusive sum ends the search."""
    if is_conclusive(scores, null.calibration):
        scores = first_only(scores)
    nats, branch = strongest(scores, null.calibration)
    humans, identified = null.calibration.humans, null.calibration.identified
    pair = identification(scores, null.calibration)
    return replace(
        track,
        score=round(humans.surprise(nats, scores.seconds), SCORE_DIGITS),
        p=humans.like(scores.even).p_value(nats, scores.seconds),
        identified_p=None if identified is None else identified.p_value(pair, scores.seconds),
        look=branch,
    )

"""Measures a model under augmentations, in windows and splices, and on hard negatives.

Released models answer at their frozen thresholds. A model with templates answers twice: as released
(``known``), and without the templates of all makers in the track's repositories.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from detector.assessment.model import Model, population
from detector.evidence.localization import find_parts
from detector.types import TIERS, Assessment, FloatArray, Rates, SegmentScore
from models.augmentation.hard_negatives import KINDS
from models.evaluation import splices
from models.evaluation.held_out_scores import human_rows
from models.evaluation.splices import Located, Splice
from models.learning.data import AI, HUMAN, Track, digest, read_manifest, traces, usable
from models.training.augmentation_cache import (
    Case,
    Negative,
    Recording,
    Subject,
    fill_cache,
    observations_of,
)
from models.training.metrics import cluster_bootstrap, rounded
from models.training.sampling import EXCERPT_S, probe, sample


@dataclass(frozen=True)
class Answered:
    """What a model answers about a case of a maker or a kind of hard negative.

    ``outcome`` is without the templates of the maker, ``known`` with them.
    """

    case: Case
    label: str
    group: str
    outcome: str
    known: str


@dataclass(frozen=True)
class Judge:
    """A model that answers as if it had not met a maker, at one false-positive rate.

    ``held_out`` are the rows of ``humans_csv`` about this model, where there are any.
    """

    model: Model
    alpha: float
    related_makers: Mapping[str, frozenset[str]]
    held_out: Sequence[Mapping[str, str]] | None

    def unmet(self, maker: str) -> Model:
        """Return the model without the templates of a maker and of those beside it."""
        known, gone = self.model.template_set, self.related_makers.get(maker, frozenset())
        if known is None or gone.isdisjoint(known.names):
            return self.model
        indices = [index for index, name in enumerate(known.names) if name not in gone]
        return replace(self.model, template_set=known.only(indices))

    def outcome(self, answer: Assessment, rate_hz: int, repositories: Collection[str]) -> str:
        """Return the outcome with the human scores of ``repositories`` left out.

        What is no longer suspected becomes uncertain.
        """
        if self.held_out is None or answer.score is None:
            return answer.outcome
        pairs = [
            (float(row["score"]), float(row["weight"]))
            for row in self.held_out
            if row["population"] == population(rate_hz) and row["repository"] not in repositories
        ]
        scores, weights = np.array(pairs).reshape(-1, 2).T
        p_value = (1 + weights[scores >= answer.score].sum()) / (weights.sum() + 1)
        if p_value <= self.alpha:
            return answer.outcome if answer.finds_ai else "suspected"
        return "uncertain" if answer.outcome == "suspected" else answer.outcome


def measure(
    manifest: Path,
    audio_root: Path,
    folders: Sequence[Path],
    *,
    cells: Path,
    report: Path | None = None,
    per_maker: int,
    seeds: int,
    alpha: float,
    seed: int,
    workers: int,
) -> dict[str, Any]:
    """Return all figures as plain data.

    ``per_maker`` recordings of each maker and ``seeds`` of each kind of hard negative are drawn.
    Without a ``report`` of `earmark evaluate` about the same model, human figures are in sample.
    """
    listed = read_manifest(manifest, audio_root)
    tracks = usable(listed)
    chosen = sample(tracks, per_maker, seed)
    subjects = subjects_of(chosen, seeds=seeds, seed=seed)
    known = [(track, *probe(track.path)) for track in tracks]
    long = [(track, seconds) for track, hz, seconds in known if population(hz) == "full_rate"]
    spliced = splices.choose(long, per_maker, seed)
    fill_cache([*subjects, *spliced], cells, workers)
    related_makers = makers_beside([*tracks, *traces(listed)])
    models = {}
    for model in map(Model.load, folders):
        held_out = human_rows(report, model) if report else None
        judge = Judge(model, alpha, related_makers, held_out)
        answers = answers_of(subjects, judge, cells)
        models[model.name] = {
            "version": model.version,
            "digest": model.digest,
            "human_scores": "in sample" if held_out is None else "left out",
            "cells": table(answers, "delivery", seed),
            "windows": table(answers, "window", seed),
            "splices": splices.table(located_by(judge, spliced, cells)),
            "families": families(answers, seed),
            "negatives": {
                kind: _outcomes(members)
                for kind, members in _grouped(answers, "negative", lambda case: case.cell).items()
            },
        }
    excerpts = [track for track, _ in chosen]
    return {
        "alpha": alpha,
        "seed": seed,
        "excerpt_s": EXCERPT_S,
        "data": {
            "digest": digest(excerpts),
            AI: _counts(excerpts, AI),
            HUMAN: _counts(excerpts, HUMAN),
        },
        "models": models,
        "skipped": {kind.name: kind.missing for kind in KINDS if kind.missing is not None},
    }


def _counts(tracks: Iterable[Track], label: str) -> dict[str, int]:
    return dict(sorted(Counter(one.maker for one in tracks if one.label == label).items()))


def subjects_of(chosen: Sequence[tuple[Track, float]], *, seeds: int, seed: int) -> list[Subject]:
    """Return the recordings ``chosen`` (with their seconds) and the hard negatives."""
    recordings = [Recording(track, seconds, EXCERPT_S, seed) for track, seconds in chosen]
    negatives = [
        Negative(kind.name, seed * 1_000 + number)
        for number in range(seeds)
        for kind in KINDS
        if kind.missing is None
    ]
    return [*recordings, *negatives]


def makers_beside(tracks: Iterable[Track]) -> Mapping[str, frozenset[str]]:
    """Return for each maker of what is no recording all such makers in its repositories."""
    by_repository: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        if track.label != HUMAN:
            by_repository[track.repository].add(track.maker)
    beside: dict[str, frozenset[str]] = defaultdict(frozenset)
    for makers in by_repository.values():
        for maker in makers:
            beside[maker] |= makers
    return beside


def answers_of(subjects: Sequence[Subject], judge: Judge, cells: Path) -> list[Answered]:
    """Return the model's answers about the cached observations."""
    answers = []
    for subject in subjects:
        cases = observations_of(subject, cells)
        observations = [observation for _, observation in cases]
        model, unmet = judge.model, judge.unmet(subject.group)
        assessed = unmet.assess(observations, Rates(judge.alpha))
        known = assessed if unmet is model else model.assess(observations, Rates(judge.alpha))
        for (case, observation), answer, met in zip(cases, assessed, known, strict=True):
            outcome = answer.outcome
            if subject.label == HUMAN:
                outcome = judge.outcome(answer, observation.sample_rate_hz, [subject.group])
            answers.append(Answered(case, subject.label, subject.group, outcome, met.outcome))
    return answers


def located_by(judge: Judge, spliced: Sequence[Splice], cells: Path) -> list[Located]:
    """Return the model's answers about splices, makers unseen, and the located parts."""
    located = []
    for splice in spliced:
        ((_, observation),) = observations_of(splice, cells)
        (answer,) = judge.unmet(splice.group).assess([observation], Rates(judge.alpha))
        neighbours = [splice.around.repository, splice.part.repository]
        outcome = judge.outcome(answer, observation.sample_rate_hz, neighbours)
        answer = replace(answer, outcome=outcome)
        stretches: tuple[SegmentScore, ...] = ()
        if answer.finds_ai:
            stretches = find_parts(observation, judge.model.lattice, -inf).segments
        located.append(Located(splice, answer, stretches))
    return located


def table(answers: Iterable[Answered], part: str, seed: int) -> list[dict[str, Any]]:
    """Return one row per cell: TPR, FPR, how many are left uncertain, TPR with makers known."""
    rows = []
    for cell, members in _grouped(answers, part, lambda case: case.cell).items():
        ai, human = ([one for one in members if one.label == label] for label in (AI, HUMAN))
        known = rounded(np.mean([one.known in TIERS for one in ai])) if ai else None
        tpr, fpr = _share(ai, seed), _share(human, seed)
        rows.append({"cell": cell, "tpr": tpr, "fpr": fpr, "known": known})
    return rows


def families(answers: Sequence[Answered], seed: int) -> list[dict[str, Any]]:
    """Return one row per family of hard negatives: its measured false positives."""
    rows = _grouped(answers, "negative", lambda _: "all kinds")
    rows |= _grouped(answers, "negative", lambda case: case.family)
    return [{"family": family} | _share(rows[family], seed) for family in sorted(rows)]


def _grouped(
    answers: Iterable[Answered], part: str, key: Callable[[Case], str]
) -> dict[str, list[Answered]]:
    rows: dict[str, list[Answered]] = defaultdict(list)
    for answer in answers:
        if answer.case.part == part:
            rows[key(answer.case)].append(answer)
    return rows


def _share(members: Sequence[Answered], seed: int) -> dict[str, Any]:
    """Return the share flagged with its interval, and the shares of the other outcomes."""
    if not members:
        return {"n": 0, "share": None, "interval": None, "uncertain": None, "abstained": None}
    flagged = np.array([float(one.outcome in TIERS) for one in members])
    bounds = interval(flagged, [one.group for one in members], seed)
    outcomes = _outcomes(members)
    return {"n": len(members), "share": outcomes.pop("flagged"), "interval": bounds, **outcomes}


def _outcomes(members: Sequence[Answered]) -> dict[str, float]:
    names = {"flagged": TIERS, "uncertain": ("uncertain",), "abstained": ("not_assessable",)}
    return {
        name: rounded(np.mean([one.outcome in outcomes for one in members]))
        for name, outcomes in names.items()
    }


def interval(flagged: FloatArray, groups: Sequence[str], seed: int) -> list[float]:
    """Return a 95 % interval of a share, by resampled groups.

    Where none or all are flagged, it is the exact binomial interval of independent tracks.
    """
    count, total = int(flagged.sum()), len(flagged)
    if count in (0, total):
        return [rounded(edge) for edge in binomtest(count, total).proportion_ci(method="exact")]
    side = flagged.astype(np.float64), groups
    bounds = cluster_bootstrap(*side, *side, lambda drawn, _: float(drawn.mean()), seed=seed)
    return [rounded(bound) for bound in bounds]

"""Measures a model under augmentations, in windows and splices, and on hard negatives.

Released models answer at their frozen thresholds. A model with templates answers twice: as released
(``known``), and without the templates of all makers in the track's repositories.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from detector.assessment.model import Model, population
from detector.evidence.localization import find_parts
from detector.types import Assessment, FloatArray, SegmentScore
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
from models.training.fpr_by_stratum import FLAGGED
from models.training.metrics import cluster_bootstrap, rounded
from models.training.sampling import EXCERPT_S, probe, sample


@dataclass(frozen=True)
class Answered:
    """One answer of a model about a case of a maker or a kind of hard negative."""

    case: Case
    model: str
    label: str
    group: str
    outcome: str
    score: float | None


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

        An answer that is no longer flagged becomes uncertain.
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
            return FLAGGED
        return "uncertain" if answer.outcome == FLAGGED else answer.outcome


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
    judges = {}
    for model in map(Model.load, folders):
        held_out = human_rows(report, model) if report else None
        judges[model.name] = Judge(model, alpha, related_makers, held_out)
    answers = answers_of(subjects, list(judges.values()), cells)
    excerpts = [track for track, _ in chosen]
    return {
        "alpha": alpha,
        "seed": seed,
        "excerpt_s": EXCERPT_S,
        "models": {
            name: {"version": judge.model.version, "digest": judge.model.digest}
            for name, judge in judges.items()
        },
        "data": {
            "digest": digest(excerpts),
            AI: _counts(excerpts, AI),
            HUMAN: _counts(excerpts, HUMAN),
        },
        "cells": table(answers, "delivery", seed),
        "windows": table(answers, "window", seed),
        "families": families(answers, seed),
        "negatives": negatives_table(answers, seeds),
        "skipped": {kind.name: kind.missing for kind in KINDS if kind.missing is not None},
        "splices": {
            name: splices.table(located_by(judge, spliced, cells)) for name, judge in judges.items()
        },
        "human_scores": {
            name: "in sample" if judge.held_out is None else "left out"
            for name, judge in judges.items()
        },
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


def answers_of(subjects: Sequence[Subject], judges: Sequence[Judge], cells: Path) -> list[Answered]:
    """Return every model's answers about the cached observations."""
    answers = []
    for subject in subjects:
        cases = observations_of(subject, cells)
        observations = [observation for _, observation in cases]
        for judge in judges:
            model, unmet = judge.model, judge.unmet(subject.group)
            assessed = {model.name: unmet.assess(observations, judge.alpha)}
            if model.template_set is not None and subject.label in (AI, HUMAN):
                again = model.assess(observations, judge.alpha) if model is not unmet else None
                assessed[f"{model.name}, generators known"] = again or assessed[model.name]
            for name, assessments in assessed.items():
                for (case, observation), answer in zip(cases, assessments, strict=True):
                    outcome = answer.outcome
                    if subject.label == HUMAN:
                        rate_hz = observation.sample_rate_hz
                        outcome = judge.outcome(answer, rate_hz, [subject.group])
                    row = Answered(case, name, subject.label, subject.group, outcome, answer.score)
                    answers.append(row)
    return answers


def located_by(judge: Judge, spliced: Sequence[Splice], cells: Path) -> list[Located]:
    """Return the model's answers about splices, makers unseen, and the located parts."""
    located = []
    for splice in spliced:
        ((_, observation),) = observations_of(splice, cells)
        (answer,) = judge.unmet(splice.group).assess([observation], judge.alpha)
        neighbours = [splice.around.repository, splice.part.repository]
        outcome = judge.outcome(answer, observation.sample_rate_hz, neighbours)
        answer = replace(answer, outcome=outcome)
        stretches: tuple[SegmentScore, ...] = ()
        if answer.outcome == FLAGGED:
            stretches = find_parts(observation, judge.model.lattice, -inf).segments
        located.append(Located(splice, answer, stretches))
    return located


def table(answers: Iterable[Answered], part: str, seed: int) -> list[dict[str, Any]]:
    """Return one row per cell and model: TPR, FPR and how many are left uncertain."""
    return [
        {"cell": cell, "model": model}
        | {
            name: _share([answer for answer in members if answer.label == label], seed)
            for name, label in (("tpr", AI), ("fpr", HUMAN))
        }
        for (cell, model), members in _grouped(answers, part, lambda one: one.case.cell)
    ]


def families(answers: Sequence[Answered], seed: int) -> list[dict[str, Any]]:
    """Return one row per family of hard negatives and model: its measured false positives."""
    rows = [
        *_grouped(answers, "negative", lambda one: one.case.family),
        *_grouped(answers, "negative", lambda _: "all kinds"),
    ]
    return [
        {"family": family, "model": model} | _share(members, seed)
        for (family, model), members in sorted(rows, key=itemgetter(0))
    ]


def negatives_table(answers: Iterable[Answered], seeds: int) -> list[dict[str, Any]]:
    """Return one row per kind and model: the shares of its seeds' outcomes, highest score."""
    return [
        {
            "kind": kind,
            "model": model,
            "made": seeds,
            **_outcomes(members),
            "highest_score": max(
                (one.score for one in members if one.score is not None), default=None
            ),
        }
        for (kind, model), members in _grouped(answers, "negative", lambda one: one.case.cell)
    ]


def _grouped(
    answers: Iterable[Answered], part: str, key: Callable[[Answered], str]
) -> list[tuple[tuple[str, str], list[Answered]]]:
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for answer in answers:
        if answer.case.part == part:
            rows[key(answer), answer.model].append(answer)
    return list(rows.items())


def _share(members: Sequence[Answered], seed: int) -> dict[str, Any]:
    """Return the share flagged with its interval, and the shares of the other outcomes."""
    if not members:
        return {"n": 0, "share": None, "interval": None, "uncertain": None, "abstained": None}
    flagged = np.array([float(one.outcome == FLAGGED) for one in members])
    bounds = interval(flagged, [one.group for one in members], seed)
    outcomes = _outcomes(members)
    return {"n": len(members), "share": outcomes.pop("flagged"), "interval": bounds, **outcomes}


def _outcomes(members: Sequence[Answered]) -> dict[str, float]:
    names = {"flagged": FLAGGED, "uncertain": "uncertain", "abstained": "not_assessable"}
    return {
        name: rounded(np.mean([one.outcome == outcome for one in members]))
        for name, outcome in names.items()
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

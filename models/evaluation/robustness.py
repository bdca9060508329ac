"""Measures a model under augmentations, in windows and splices, and on hard negatives.

Nothing is fitted here. A released model answers at its frozen threshold, and each augmentation
is counted apart. ``models.training.sampling`` draws as many excerpts of each generator and
human source. Intervals resample generators and repositories.

A model with templates knows the generators, so it answers twice: as released (``known``), and
without the templates of the track's maker and of all makers in its repositories. Human
excerpts are judged against other repositories' scores where these are known
(``models.evaluation.held_out_scores``). Observations are cached, so all models answer about
the same samples.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import beta

from detector.assessment.model import Model, population
from detector.evidence.localization import find_parts
from detector.observation.observation import Observation
from detector.types import Assessment, FloatArray, SegmentScore
from models.augmentation.hard_negatives import KINDS
from models.evaluation import splices
from models.evaluation.held_out_scores import HeldOutScores
from models.evaluation.splices import Located, Splice
from models.learning.data import AI, HUMAN, Track, digest, read_manifest, traces, usable
from models.training.augmentation_cache import (
    Negative,
    Recording,
    Subject,
    fill_cache,
    observations_of,
)
from models.training.fpr_by_stratum import FLAGGED
from models.training.metrics import cluster_bootstrap, rounded
from models.training.sampling import EXCERPT_S, probe, sample

KNOWN: Final = ", generators known"


@dataclass(frozen=True)
class Answered:
    """One answer: to what (``cell`` of ``part``), by which model, about whose recording."""

    part: str
    cell: str
    family: str
    model: str
    label: str
    group: str
    outcome: str
    score: float | None


@dataclass(frozen=True)
class Judge:
    """A model that answers as if it had not met a maker, at one false-positive rate."""

    model: Model
    alpha: float
    related_makers: Mapping[str, frozenset[str]]
    held_out: HeldOutScores | None

    def unmet(self, maker: str) -> Model:
        """Return the model without the templates of a maker and of those beside it."""
        return without(self.model, self.related_makers.get(maker, ()))

    def outcome(
        self, answer: Assessment, observation: Observation, repositories: Sequence[str]
    ) -> str:
        """Return an outcome by the human scores of other repositories, where these are known."""
        if self.held_out is None:
            return answer.outcome
        name = population(observation.sample_rate_hz)
        return self.held_out.outcome(answer, name, repositories, self.alpha)


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

    Args:
        manifest: labelled recordings, see ``models.learning.data``.
        audio_root: where its paths start.
        folders: released models.
        cells: cache of observations.
        report: folder of ``earmark evaluate``, for human scores out of fold. The human figures of
            models that it is not about are in sample, and marked so.
        per_maker: how many of each generator and human source, of 44.1 kHz and up.
        seeds: how many of each kind of hard negative.
        alpha: the operator's false-positive rate.
        seed: of the sample, of noise and cuts, and of the bootstrap.
        workers: processes that decode.
    """
    listed = read_manifest(manifest, audio_root)
    tracks = usable(listed)
    chosen = sample(tracks, per_maker, seed)
    subjects = subjects_of(chosen, seeds=seeds, seed=seed)
    spliced = splices_of(tracks, per_maker, seed)
    fill_cache([*subjects, *spliced], cells, workers)
    related_makers = makers_beside([*tracks, *traces(listed)])
    models = [Model.load(folder) for folder in folders]
    judges = {
        one.name: Judge(
            one, alpha, related_makers, HeldOutScores.read(report, one) if report else None
        )
        for one in models
    }
    answers = answers_of(subjects, list(judges.values()), cells)
    excerpts = [track for track, _ in chosen]
    return {
        "alpha": alpha,
        "seed": seed,
        "excerpt_s": EXCERPT_S,
        "models": {one.name: {"version": one.version, "digest": one.digest} for one in models},
        "data": {
            "digest": digest(excerpts),
            **{
                label: dict(
                    sorted(Counter(one.maker for one in excerpts if one.label == label).items())
                )
                for label in (AI, HUMAN)
            },
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
            name: "left out" if judge.held_out else "in sample" for name, judge in judges.items()
        },
    }


def subjects_of(chosen: Sequence[tuple[Track, float]], *, seeds: int, seed: int) -> list[Subject]:
    """Return the sounds to observe; ``chosen`` with their seconds."""
    recordings = [Recording(track, seconds, EXCERPT_S, seed) for track, seconds in chosen]
    negatives = [
        Negative(kind.name, seed * 1_000 + number)
        for number in range(seeds)
        for kind in KINDS
        if kind.missing is None
    ]
    return [*recordings, *negatives]


def splices_of(tracks: Iterable[Track], per_maker: int, seed: int) -> list[Splice]:
    """Return splices of tracks of 44.1 kHz and up."""
    known = ((track, probe(track.path)) for track in tracks)
    long = [(track, seconds) for track, (hz, seconds) in known if population(hz) == "full_rate"]
    return splices.choose(long, per_maker, seed)


def makers_beside(tracks: Iterable[Track]) -> dict[str, frozenset[str]]:
    """Return for each maker of what is no recording all such makers in its repositories."""
    by_repository: dict[str, set[str]] = defaultdict(set)
    by_maker: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        if track.label != HUMAN:
            by_repository[track.repository].add(track.maker)
            by_maker[track.maker].add(track.repository)
    return {
        maker: frozenset().union(*(by_repository[name] for name in repositories))
        for maker, repositories in by_maker.items()
    }


def without(model: Model, makers: Collection[str]) -> Model:
    """Return a released model without the templates of some makers.

    Everything else stays as released, thresholds above all.
    """
    template_set = model.template_set
    if template_set is None or not set(makers) & set(template_set.names):
        return model
    indices = [index for index, name in enumerate(template_set.names) if name not in makers]
    return replace(model, template_set=template_set.only(indices))


def answers_of(subjects: Sequence[Subject], judges: Sequence[Judge], cells: Path) -> list[Answered]:
    """Return every model's answers about the cached observations."""
    answers = []
    for subject in subjects:
        cases = observations_of(subject, cells)
        observations = [observation for _, observation in cases]
        for judge in judges:
            model, human = judge.model, subject.label == HUMAN
            unmet = judge.unmet(subject.group)
            variants = {model.name: unmet}
            if model.template_set is not None and subject.label in (AI, HUMAN):
                variants[f"{model.name}{KNOWN}"] = model
            assessed = unmet.assess(observations, judge.alpha)
            for name, variant in variants.items():
                if variant is not unmet:
                    assessed = variant.assess(observations, judge.alpha)
                answers += [
                    Answered(
                        case.part, case.cell, case.family, name, subject.label, subject.group,
                        judge.outcome(answer, observation, [subject.group])
                        if human else answer.outcome,
                        answer.score,
                    )
                    for (case, observation), answer in zip(cases, assessed, strict=True)
                ]  # fmt: skip
    return answers


def located_by(judge: Judge, spliced: Sequence[Splice], cells: Path) -> list[Located]:
    """Return the model's answers about splices, makers unseen, and where it puts the part."""
    located = []
    for splice in spliced:
        ((_, observation),) = observations_of(splice, cells)
        (answer,) = judge.unmet(splice.group).assess([observation], judge.alpha)
        neighbours = [splice.around.repository, splice.part.repository]
        answer = replace(answer, outcome=judge.outcome(answer, observation, neighbours))
        stretches: tuple[SegmentScore, ...] = ()
        if answer.outcome == FLAGGED:
            stretches = find_parts(observation, judge.model.lattice, -inf).segments
        located.append(Located(splice, answer, stretches))
    return located


def table(answers: Iterable[Answered], part: str, seed: int) -> list[dict[str, Any]]:
    """Return one row per cell and model: TPR, FPR and how many are left uncertain."""
    return [
        {"cell": cell, "family": members[0].family, "model": model}
        | {
            name: _share([answer for answer in members if answer.label == label], seed)
            for name, label in (("tpr", AI), ("fpr", HUMAN))
        }
        for (cell, model), members in _grouped(answers, part, lambda one: one.cell)
    ]


def families(answers: Sequence[Answered], seed: int) -> list[dict[str, Any]]:
    """Return one row per family of hard negatives and model: its measured false positives."""
    rows = [
        *_grouped(answers, "negative", lambda one: one.family),
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
            "family": members[0].family,
            "model": model,
            "made": seeds,
            "flagged": _outcomes(members, FLAGGED),
            "uncertain": _outcomes(members, "uncertain"),
            "abstained": _outcomes(members, "not_assessable"),
            "highest_score": max(
                (one.score for one in members if one.score is not None), default=None
            ),
        }
        for (kind, model), members in _grouped(answers, "negative", lambda one: one.cell)
    ]


def _grouped(
    answers: Iterable[Answered], part: str, key: Callable[[Answered], str]
) -> list[tuple[tuple[str, str], list[Answered]]]:
    """Return the answers of a part by key and model, in order of appearance."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for answer in answers:
        if answer.part == part:
            rows[key(answer), answer.model].append(answer)
    return list(rows.items())


def _share(members: Sequence[Answered], seed: int) -> dict[str, Any]:
    """Return the share flagged with its interval, and the shares of the other outcomes."""
    if not members:
        return {"n": 0, "share": None, "interval": None, "uncertain": None, "abstained": None}
    flagged = np.array([float(one.outcome == FLAGGED) for one in members])
    return {
        "n": len(members),
        "share": _outcomes(members, FLAGGED),
        "interval": interval(flagged, [one.group for one in members], seed),
        "uncertain": _outcomes(members, "uncertain"),
        "abstained": _outcomes(members, "not_assessable"),
    }


def _outcomes(members: Sequence[Answered], outcome: str) -> float:
    return rounded(np.mean([one.outcome == outcome for one in members]))


def interval(flagged: FloatArray, groups: Sequence[str], seed: int) -> list[float]:
    """Return a 95 % interval of a share: resampled groups, at least as wide as by chance alone.

    Where none or all are flagged, resampling gives no width. Then it is the exact binomial
    interval, as if tracks were independent (with few groups it is wider in truth).
    """
    count, total = int(flagged.sum()), len(flagged)
    if count in (0, total):
        low = float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0
        high = float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0
        return [rounded(low), rounded(high)]
    values = flagged.astype(np.float64)
    low, high = cluster_bootstrap(
        values, groups, values, groups, lambda drawn, _: float(drawn.mean()), seed=seed
    )
    return [rounded(low), rounded(high)]

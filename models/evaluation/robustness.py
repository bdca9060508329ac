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

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, Final

from detector.assessment.model import Model, population
from detector.evidence.localization import find_parts
from detector.observation.observation import Observation
from detector.types import Assessment, SegmentScore
from models.augmentation.hard_negatives import KINDS
from models.evaluation import splices
from models.evaluation.held_out_scores import HeldOutScores
from models.evaluation.leave_one_out import without
from models.evaluation.robustness_tables import Answered, families, negatives_table, table
from models.evaluation.splices import FLAGGED, Located, Splice
from models.learning.data import AI, HUMAN, Track, digest, read_manifest, traces, usable
from models.training.augmentation_cache import (
    Negative,
    Recording,
    Subject,
    fill_cache,
    observations_of,
)
from models.training.sampling import EXCERPT_S, probe, sample

KNOWN: Final = ", generators known"
NEGATIVE: Final = "negative"


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
        cells: folder in which what was heard is kept.
        report: folder of ``earmark evaluate``, for human scores out of fold; if it is about
            another model, that model's human figures are in sample, and say so.
        per_maker: how many of each generator and human source, of 44.1 kHz and up.
        seeds: how many of each kind of hard negative.
        alpha: the operator's false-positive rate.
        seed: of the sample, of noise and cuts, and of the bootstrap.
        workers: processes that hear.
    """
    listed = read_manifest(manifest, audio_root)
    tracks = usable(listed)
    chosen = sample(tracks, per_maker, seed)
    subjects = subjects_of(chosen, seeds=seeds, seed=seed)
    fill_cache(subjects, cells, workers)
    models = [Model.load(folder) for folder in folders]
    related_makers = makers_beside([*tracks, *traces(listed)])
    held_out = {one.name: HeldOutScores.read(report, one) if report else None for one in models}
    answers = answers_of(subjects, models, cells, alpha, related_makers, held_out)
    spliced = splices_of(tracks, per_maker, seed)
    fill_cache(spliced, cells, workers)
    figures = figures_of(
        answers, [track for track, _ in chosen], models, seeds=seeds, alpha=alpha, seed=seed
    )
    located = {
        one.name: splices.table(
            located_by(one, spliced, cells, alpha, related_makers, held_out[one.name])
        )
        for one in models
    }
    judged = {name: "left out" if one else "in sample" for name, one in held_out.items()}
    return figures | {"splices": located, "human_scores": judged}


def subjects_of(chosen: Sequence[tuple[Track, float]], *, seeds: int, seed: int) -> list[Subject]:
    """Return what there is to hear, each of it on its own; ``chosen`` with their seconds."""
    recordings = [Recording(track, seconds, EXCERPT_S, seed) for track, seconds in chosen]
    negatives = [
        Negative(kind.name, seed * 1_000 + number)
        for number in range(seeds)
        for kind in KINDS
        if kind.missing is None
    ]
    return [*recordings, *negatives]


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


def answers_of(
    subjects: Sequence[Subject],
    models: Sequence[Model],
    cells: Path,
    alpha: float,
    related_makers: Mapping[str, frozenset[str]],
    held_out: Mapping[str, HeldOutScores | None],
) -> list[Answered]:
    """Return every model's answers to what was heard."""
    answers = []
    for subject in subjects:
        cases = observations_of(subject, cells)
        observations = [observation for _, observation in cases]
        for model in models:
            variants = {model.name: without(model, related_makers.get(subject.group, ()))}
            if model.template_set is not None and subject.label != NEGATIVE:
                variants[f"{model.name}{KNOWN}"] = model
            assessments = {
                id(variant): variant.assess(observations, alpha) for variant in variants.values()
            }
            for name, variant in variants.items():
                humans = held_out.get(model.name) if subject.label == HUMAN else None
                answers += [
                    Answered(
                        case.part, case.cell, case.family, name, subject.label, subject.group,
                        _outcome(answer, observation, humans, [subject.group], alpha), answer.score,
                    )
                    for (case, observation), answer in zip(
                        cases, assessments[id(variant)], strict=True
                    )
                ]  # fmt: skip
    return answers


def _outcome(
    assessment: Assessment,
    observation: Observation,
    humans: HeldOutScores | None,
    repositories: Sequence[str],
    alpha: float,
) -> str:
    if humans is None:
        return assessment.outcome
    return humans.outcome(assessment, population(observation.sample_rate_hz), repositories, alpha)


def splices_of(tracks: Iterable[Track], per_maker: int, seed: int) -> list[Splice]:
    """Return splices of tracks of 44.1 kHz and up."""
    known = ((track, probe(track.path)) for track in tracks)
    long = [(track, seconds) for track, (hz, seconds) in known if population(hz) == "full_rate"]
    return splices.choose(long, per_maker, seed)


def located_by(
    model: Model,
    spliced: Sequence[Splice],
    cells: Path,
    alpha: float,
    related_makers: Mapping[str, frozenset[str]],
    held_out: HeldOutScores | None,
) -> list[Located]:
    """Return the model's answers about splices, makers unseen, and where it puts the part."""
    located = []
    for splice in spliced:
        ((_, observation),) = observations_of(splice, cells)
        unmet = without(model, related_makers.get(splice.group, ()))
        (answer,) = unmet.assess([observation], alpha)
        neighbours = [splice.around.repository, splice.part.repository]
        outcome = _outcome(answer, observation, held_out, neighbours, alpha)
        answer = replace(answer, outcome=outcome)
        stretches: tuple[SegmentScore, ...] = ()
        if answer.outcome == FLAGGED:
            stretches = find_parts(observation, model.lattice, -inf).segments
        located.append(Located(splice, answer, stretches))
    return located


def figures_of(
    answers: Sequence[Answered],
    chosen: Sequence[Track],
    models: Sequence[Model],
    *,
    seeds: int,
    alpha: float,
    seed: int,
) -> dict[str, Any]:
    """Return the figures of answers to the recordings ``chosen`` and to hard negatives."""
    return {
        "alpha": alpha,
        "seed": seed,
        "excerpt_s": EXCERPT_S,
        "models": {
            model.name: {"version": model.version, "digest": model.digest} for model in models
        },
        "data": {
            "digest": digest(chosen),
            "ai": _counts(chosen, AI),
            "human": _counts(chosen, HUMAN),
        },
        "cells": table(answers, "delivery", seed),
        "windows": table(answers, "window", seed),
        "families": families(answers, seed),
        "negatives": negatives_table(answers, seeds),
        "skipped": {kind.name: kind.missing for kind in KINDS if kind.missing is not None},
    }


def _counts(tracks: Sequence[Track], label: str) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for track in tracks:
        if track.label == label:
            counts[track.maker] += 1
    return dict(sorted(counts.items()))

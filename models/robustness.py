"""What deliveries do to the answers, and which sounds fool them: cells, windows, negatives.

Nothing is fitted here: a released model answers at its frozen threshold, and each cell of
the delivery simulator is counted apart. Excerpts come from every generator and human source
that the manifest has, as many of each (``sample``), so no maker's habits decide a row;
intervals resample generators and repositories. What is heard is kept (``rehearing``), so
all models answer about the same samples, and another model costs a minute.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from scipy.stats import beta

from detector.model import Model, population
from detector.types import FloatArray
from models.data import AI, HUMAN, Track, digest, read_manifest, usable
from models.figures import cluster_bootstrap, rounded
from models.negatives import KINDS
from models.rehearing import Negative, Recording, Subject, hear, heard

EXCERPT_S: Final = 40.0
MIN_TRACK_S: Final = 9.9  # ten seconds, as cut by any tool
FLAGGED: Final = "ai_likely"


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


def measure(
    manifest: Path,
    audio_root: Path,
    folders: Sequence[Path],
    *,
    cells: Path,
    per_maker: int,
    seeds: int,
    alpha: float,
    seed: int,
    workers: int,
) -> dict[str, Any]:
    """Return all figures as plain data.

    Args:
        manifest: labelled recordings, see ``models.data``.
        audio_root: where its paths start.
        folders: released models.
        cells: folder in which what was heard is kept.
        per_maker: how many of each generator and human source, of 44.1 kHz and up.
        seeds: how many of each kind of hard negative.
        alpha: the operator's false-positive rate.
        seed: of the sample, of noise and cuts, and of the bootstrap.
        workers: processes that hear.
    """
    chosen = sample(usable(read_manifest(manifest, audio_root)), per_maker, seed)
    subjects = subjects_of(chosen, seeds=seeds, seed=seed)
    hear(subjects, cells, workers)
    answers = answers_of(subjects, [Model.load(folder) for folder in folders], cells, alpha)
    tracks = [track for track, _ in chosen]
    return figures_of(answers, tracks, folders, seeds=seeds, alpha=alpha, seed=seed)


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


def answers_of(
    subjects: Sequence[Subject], models: Sequence[Model], cells: Path, alpha: float
) -> list[Answered]:
    """Return every model's answers to what was heard."""
    answers = []
    for subject in subjects:
        cases = heard(subject, cells)
        for model in models:
            given = model.assess([observation for _, observation in cases], alpha)
            answers += [
                Answered(
                    case.part, case.cell, case.family, model.name, subject.label, subject.group,
                    one.outcome, one.score,
                )
                for (case, _), one in zip(cases, given, strict=True)
            ]  # fmt: skip
    return answers


def figures_of(
    answers: Sequence[Answered],
    chosen: Sequence[Track],
    folders: Sequence[Path],
    *,
    seeds: int,
    alpha: float,
    seed: int,
) -> dict[str, Any]:
    """Return the figures of answers to the recordings ``chosen`` and to hard negatives."""
    models = [Model.load(folder) for folder in folders]
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


def sample(tracks: Iterable[Track], per_maker: int, seed: int) -> list[tuple[Track, float]]:
    """Return as many tracks of each generator and human source, with their seconds.

    Drawn by ``seed`` from those of 44.1 kHz and up and ten seconds or more; makers that
    have fewer give all.
    """
    rng = np.random.default_rng(seed)
    by_maker: dict[tuple[str, str], list[tuple[Track, float]]] = defaultdict(list)
    for track in tracks:
        rate_hz, duration_s = probe(track.path)
        if population(rate_hz) == "full_rate" and duration_s >= MIN_TRACK_S:
            by_maker[track.label, track.maker].append((track, duration_s))
    return [
        members[index]
        for _, members in sorted(by_maker.items())
        for index in rng.permutation(len(members))[:per_maker]
    ]


def probe(path: Path) -> tuple[int, float]:
    """Return sample rate and duration as the file's header states them; zeros where it does not."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.audio[0]
            return stream.codec_context.sample_rate, (container.duration or 0) / 1e6
    except (av.error.FFmpegError, IndexError):
        return 0, 0.0


def table(answers: Sequence[Answered], part: str, seed: int) -> list[dict[str, Any]]:
    """Return one row per cell and model: TPR, FPR and how many are left uncertain."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for one in answers:
        if one.part == part:
            rows[one.cell, one.model].append(one)
    return [
        {"cell": cell, "family": members[0].family, "model": model}
        | {
            name: _share([one for one in members if one.label == label], seed)
            for name, label in (("tpr", AI), ("fpr", HUMAN))
        }
        for (cell, model), members in rows.items()
    ]


def _share(members: Sequence[Answered], seed: int) -> dict[str, Any]:
    """Return the share flagged with its interval, and the shares of the other outcomes."""
    if not members:
        return {"n": 0, "share": None, "interval": None, "uncertain": None, "abstained": None}
    flagged = np.array([float(one.outcome == FLAGGED) for one in members])
    return {
        "n": len(members),
        "share": rounded(flagged.mean()),
        "interval": interval(flagged, [one.group for one in members], seed),
        "uncertain": rounded(np.mean([one.outcome == "uncertain" for one in members])),
        "abstained": rounded(np.mean([one.outcome == "not_assessable" for one in members])),
    }


def interval(flagged: FloatArray, groups: Sequence[str], seed: int) -> list[float]:
    """Return a 95 % interval of a share: resampled groups, at least as wide as by chance alone.

    Where none or all are flagged, resampling has nothing to say: then the exact binomial
    interval holds, as if tracks were independent (with few groups it is wider in truth).
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


def families(answers: Sequence[Answered], seed: int) -> list[dict[str, Any]]:
    """Return one row per family of hard negatives and model: its measured false positives."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for one in answers:
        if one.part == "negative":
            rows[one.family, one.model].append(one)
            rows["all kinds", one.model].append(one)
    return [
        {"family": family, "model": model} | _share(members, seed)
        for (family, model), members in sorted(rows.items())
    ]


def negatives_table(answers: Sequence[Answered], seeds: int) -> list[dict[str, Any]]:
    """Return one row per kind and model: how many of its seeds are flagged, highest score."""
    rows: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    for one in answers:
        if one.part == "negative":
            rows[one.cell, one.model].append(one)
    return [
        {
            "kind": kind,
            "family": members[0].family,
            "model": model,
            "made": seeds,
            "flagged": rounded(np.mean([one.outcome == FLAGGED for one in members])),
            "uncertain": rounded(np.mean([one.outcome == "uncertain" for one in members])),
            "abstained": rounded(np.mean([one.outcome == "not_assessable" for one in members])),
            "highest_score": max(
                (one.score for one in members if one.score is not None), default=None
            ),
        }
        for (kind, model), members in rows.items()
    ]


def _counts(tracks: Sequence[Track], label: str) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for track in tracks:
        if track.label == label:
            counts[track.maker] += 1
    return dict(sorted(counts.items()))

"""What deliveries do to the answers, and which sounds fool them: cells, windows, negatives.

Nothing is fitted here: a released model answers at its frozen threshold, and each cell of
the delivery simulator is counted apart. Excerpts come from as many generators and human
repositories as the manifest has; intervals resample those. One decoding serves all cells
and all models, so models are compared on the same samples.
"""

import multiprocessing
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import torch
from scipy.stats import beta

from detector.decode import Decoder
from detector.model import Model, population
from detector.observation import Observation, Observer
from detector.types import FloatArray
from models.data import AI, HUMAN, Track, digest, read_manifest, usable
from models.deliver import CELLS, deliver
from models.figures import cluster_bootstrap
from models.negatives import KINDS, negative
from models.tables import rounded

EXCERPT_S: Final = 30.0
MIN_TRACK_S: Final = 10.0
WINDOWS_S: Final = (6, 12, 24, 48, 120)
FLAGGED: Final = "ai_likely"
MAX_DURATION_S: Final = 3_600.0


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
    tracks: int,
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
        tracks: how many of each class, of 44.1 kHz and up.
        seeds: how many of each kind of hard negative.
        alpha: the operator's false-positive rate.
        seed: of the sample, of noise and cuts, and of the bootstrap.
        workers: processes.
    """
    chosen = sample(usable(read_manifest(manifest, audio_root)), tracks, seed)
    jobs = jobs_of(chosen, folders, seeds=seeds, alpha=alpha, seed=seed)
    answers: list[Answered] = []
    if workers > 1:
        context = multiprocessing.get_context("spawn")  # a forked child of threads may hang
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for part in pool.map(answer, jobs):
                answers += part
    else:
        for job in jobs:
            answers += answer(job)
    return figures_of(answers, chosen, folders, seeds=seeds, alpha=alpha, seed=seed)


@dataclass(frozen=True)
class Job:
    """One recording in all cells and windows, or one hard negative; for one process."""

    subject: Track | str
    folders: tuple[Path, ...]
    alpha: float
    seed: int


def jobs_of(
    chosen: Sequence[Track], folders: Sequence[Path], *, seeds: int, alpha: float, seed: int
) -> list[Job]:
    """Return what there is to do, each of it on its own."""
    recordings = [Job(track, tuple(folders), alpha, seed) for track in chosen]
    negatives = [
        Job(kind.name, tuple(folders), alpha, seed * 1_000 + number)
        for number in range(seeds)
        for kind in KINDS
        if kind.missing is None
    ]
    return recordings + negatives


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
        "negatives": negatives_table(answers, seeds),
        "skipped": {kind.name: kind.missing for kind in KINDS if kind.missing is not None},
    }


def sample(tracks: Iterable[Track], count: int, seed: int) -> list[Track]:
    """Return ``count`` tracks of each class in turn from all groups, at 44.1 kHz and up."""
    chosen: list[Track] = []
    rng = np.random.default_rng(seed)
    by_label: dict[str, dict[str, list[Track]]] = defaultdict(lambda: defaultdict(list))
    for track in tracks:
        rate_hz, duration_s = probe(track.path)
        if population(rate_hz) == "full_rate" and duration_s >= MIN_TRACK_S:
            by_label[track.label][track.group].append(track)
    for label in sorted(by_label):
        queues = [
            [members[index] for index in rng.permutation(len(members))]
            for _, members in sorted(by_label[label].items())
        ]
        drawn: list[Track] = []
        while len(drawn) < count and any(queues):
            drawn += [queue.pop() for queue in queues if queue][: count - len(drawn)]
        chosen += drawn
    return chosen


def probe(path: Path) -> tuple[int, float]:
    """Return sample rate and duration as the file's header states them; zeros where it does not."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.audio[0]
            return stream.codec_context.sample_rate, (container.duration or 0) / 1e6
    except (av.error.FFmpegError, IndexError):
        return 0, 0.0


def excerpt(audio: FloatArray, rate_hz: int, seconds: float) -> FloatArray:
    """Return the middle of the audio [channels, n], at most ``seconds`` of it."""
    count = min(int(seconds * rate_hz), audio.shape[1])
    start = (audio.shape[1] - count) // 2
    return audio[:, start : start + count]


def answer(job: Job) -> list[Answered]:
    """Answer for one recording in all cells and windows, or for one hard negative."""
    torch.set_num_threads(1)
    models = [_loaded(folder) for folder in job.folders]
    cases: list[tuple[str, str, str, Observation]] = []
    if isinstance(job.subject, str):
        kind = next(one for one in KINDS if one.name == job.subject)
        cases.append(("negative", kind.name, kind.family, observe(*negative(kind, job.seed))))
        label, group = "negative", kind.name
    else:
        label, group = job.subject.label, job.subject.group
        whole, rate_hz = _decoded(job.subject.path)
        part = excerpt(whole, rate_hz, EXCERPT_S)
        for cell in CELLS:
            heard = observe(*deliver(cell, part, rate_hz, job.seed))
            cases.append(("delivery", cell.name, cell.family, heard))
        for seconds in WINDOWS_S:
            if whole.shape[1] >= seconds * rate_hz:
                heard = observe(excerpt(whole, rate_hz, seconds), rate_hz)
                cases.append(("window", f"{seconds} s", "window", heard))
    return [
        Answered(where, cell, family, model.name, label, group, given.outcome, given.score)
        for model in models
        for (where, cell, family, heard) in cases
        for given in model.assess([heard], job.alpha)
    ]


def observe(audio: FloatArray, rate_hz: int) -> Observation:
    """Return the observation as stored, with the rounding that the service sees."""
    observer = Observer(rate_hz)
    observer.feed(np.ascontiguousarray(audio.mean(axis=0), dtype=np.float32))
    return Observation.from_bytes(observer.finish().to_bytes())


def _decoded(path: Path) -> tuple[FloatArray, int]:
    decoder = Decoder(path, MAX_DURATION_S)
    audio = np.concatenate(list(decoder.chunks()), axis=1)
    return audio[:2], decoder.sample_rate_hz  # coders take one channel or two


_MODELS: dict[Path, Model] = {}


def _loaded(folder: Path) -> Model:
    """Return a model, read once in each process."""
    if folder not in _MODELS:
        _MODELS[folder] = Model.load(folder)
    return _MODELS[folder]


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
            counts[track.group] += 1
    return dict(sorted(counts.items()))

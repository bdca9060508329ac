"""Trains a model folder from labelled recordings.

Every score that is calibrated or reported leaves the track's own maker out. Every generator and
every human source weighs the same in the probability. Equal inputs on one machine give equal bytes,
and so an equal digest.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import safetensors.numpy

from detector.assessment.model import RATES, WEIGHTS
from detector.calibration.calibration import Calibration, HumanScores
from detector.calibration.strata import STRATA
from detector.errors import BadInput
from detector.evidence.clock import standard_lattice
from detector.evidence.rates import write_rates
from detector.evidence.registry import BRANCHES
from detector.observation import observation as observing
from models.learning.data import (
    AI,
    HUMAN,
    TRACES,
    Track,
    describe,
    digest,
    read_manifest,
    traces,
    usable,
)
from models.learning.folder import write
from models.learning.observations import Observed, observe
from models.learning.references import REFERENCES
from models.training import ood_fitting
from models.training.augmented import augment_ai, augment_humans
from models.training.detection_tables import (
    HEADING,
    by_kind,
    by_maker,
    p_values,
    realised_fpr,
    rounded,
    rows,
)
from models.training.fpr_by_stratum import recall_of
from models.training.fusion import Fused, fuse
from models.training.metrics import (
    PLATT_CLIP,
    auroc,
    check_polarity,
    fit_platt,
    tpr_at,
)
from models.training.scoring import Population, Scored, assessable, populations, score_all

CODE: Final = (  # packages, with those inside them, whose code decides what a model is
    "detector.kernels",
    "detector.audio",
    "detector.observation",
    "detector.evidence",
    "detector.calibration",
    "detector.assessment",
    "models.synthesis",
    "models.augmentation",
    "models.learning",
    "models.training",
)
REFERENCE_EDGES: Final = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 25.0)
FEW: Final = 0.05  # of the recordings, at lower rates than the lowest that was calibrated


@dataclass(frozen=True)
class Trained:
    """What training made: the folder, the model's digest, a report for people."""

    folder: Path
    digest: str
    report: str


def train(
    manifest: Path,
    audio_root: Path,
    out: Path,
    *,
    name: str,
    version: str,
    seed: int,
    cache: Path,
    cells: Path,
    workers: int,
    branches: Sequence[str] = BRANCHES,
) -> Trained:
    """Train and write the model folder ``out``.

    Raises:
        BadInput: ``manifest`` (files, columns, too few makers) or ``polarity``.
    """
    tracks = read_manifest(manifest, audio_root)
    observed, rejected = observe(usable(tracks), cache, workers)
    observed_traces, rejected_traces = observe(traces(tracks), cache, workers)
    fused = fuse(
        score_all(observed, standard_lattice()),
        observed_traces,
        augment_humans(observed, cells, workers),
        augment_ai(observed, cells, workers),
        lattice=standard_lattice(),
        branches=branches,
    )
    trained = save(fused, observed_traces, out, name=name, version=version, seed=seed)
    notes = [
        f"could not be decoded: {one.track.path.name}: {one.reason}"
        for one in (*rejected, *rejected_traces)
    ]
    return replace(trained, report="\n".join([describe(tracks), *notes, trained.report]))


def save(
    fused: Fused,
    observed_traces: Sequence[Observed],
    out: Path,
    *,
    name: str,
    version: str,
    seed: int,
) -> Trained:
    """Calibrate scores and write the model folder; with the traces that were fused."""
    description, parts = describe_model(
        fused, observed_traces, name=name, version=version, seed=seed
    )
    return Trained(out, write(out, description, parts), _report(description))


def describe_model(
    fused: Fused, observed_traces: Sequence[Observed], *, name: str, version: str, seed: int
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return a model's manifest, but for the digests of its files, and those files."""
    scored = fused.scored
    present = populations(scored)
    for population in present:
        _check(population)
    figures = {
        population.name: figures_of(
            [track for track in scored if track.population == population.name]
        )
        for population in present
    }
    tracks = [one.observed.track for one in scored]
    learned_of = [*tracks, *(one.track for one in observed_traces)]
    parts = {
        WEIGHTS: safetensors.numpy.save(fused.tensors()),
        RATES: write_rates(fused.lattice).encode(),
    }
    if fused.template_set is not None:
        parts[REFERENCES] = fused.references()
    description: dict[str, Any] = {
        "name": name,
        "version": version,
        "observation_version": observing.VERSION,
        "branches": list(fused.branches),
        "calibration": {population.name: _calibration(population, fused) for population in present},
        "data": {
            "digest": digest(learned_of),
            "abstained": dict(sorted(Counter(one.reason for one in scored if one.reason).items())),
            "generators": _groups(tracks, AI),
            "human_repositories": _groups(tracks, HUMAN),
            "traces": sorted({one.maker for one in learned_of if one.label in TRACES}),
            "deliveries": dict(
                sorted(Counter(one.observed.delivery for one in fused.deliveries).items())
            ),
        },
        "code_digest": code_digest(),
        "features_digest": features_digest(fused),
        "reference": {population.name: histogram(population) for population in present},
        "seed": seed,
        "figures": figures,
    }
    assessed = [one for one in scored if one.reason is None]
    return description | fused.manifest() | ood_fitting.manifest_of(
        ood_fitting.fit(assessed)
    ), parts


def _check(population: Population) -> None:
    """Refuse what cannot be calibrated, and classes that were taken for each other."""
    ai, human = population.side(ai=True), population.side(ai=False)
    if len(set(ai.groups)) < 2 or len(set(human.groups)) < 2:
        raise BadInput(
            "manifest",
            f"population {population.name} needs two generators and two human repositories, "
            f"has {len(set(ai.groups))} and {len(set(human.groups))}",
        )
    check_polarity(ai.scores, human.scores, f"population {population.name}")


def _calibration(population: Population, fused: Fused) -> dict[str, Any]:
    platt = fit_platt(population.scores, population.labels, population.groups)
    human = population.side(ai=False)
    null = fused.nulls[population.name]
    calibration = null.calibration
    rates = [track.observed.observation.sample_rate_hz for track in human.tracks]
    return {
        "slope": round(platt.slope, 6),
        "intercept": round(platt.intercept, 6),
        "clip": list(PLATT_CLIP),
        "humans": len(human.tracks),
        "performances": calibration.humans.performances,
        "strata": _strata(calibration.humans),
        "hearings": len(null.witnesses),
        "human_repositories": len(set(human.groups)),
        "smallest_alpha": _smallest(calibration.humans),
        "longest_s": round(max(witness.scores.seconds for witness in null.witnesses), 1),
        "rates_hz": [int(np.quantile(rates, FEW, method="higher")), max(rates)],
        "scale": asdict(calibration.humans.scale),
        **_identified(calibration),
        "looks": {name: asdict(humans.scale) for name, humans in sorted(calibration.looks.items())},
        "recall": recall_of(population),
    }


def _strata(humans: HumanScores) -> dict[str, int]:
    """Return the performances of each stratum; empty where all are compared together."""
    if humans.strata is None:
        return {}
    counts = (one.performances for one in humans.by_stratum)
    return dict(zip(STRATA, counts, strict=True))


def _smallest(humans: HumanScores) -> float:
    """Return the smallest rate that every stratum supports."""
    return ceil(1e6 / (min(one.performances for one in humans.by_stratum) + 1)) / 1e6


def _identified(calibration: Calibration) -> dict[str, Any]:
    humans = calibration.identified
    if humans is None:
        return {}
    return {"identified": asdict(humans.scale), "smallest_identified_alpha": _smallest(humans)}


def figures_of(members: Sequence[Scored]) -> dict[str, Any]:
    """Return the figures of a population, its tracks that abstain included.

    Scores are out of fold, so each generator is unseen and each human source unknown.
    """
    population = assessable(members, "")
    ai, human = population.side(ai=True), population.side(ai=False)
    p = p_values(members)
    return {
        "ai": sum(one.is_ai for one in members),
        "human": sum(not one.is_ai for one in members),
        "auroc": rounded(auroc(ai.scores, human.scores)),
        "tpr_at_fpr": {
            str(fpr): rounded(tpr_at(ai.scores, human.scores, fpr)) for fpr in (0.01, 0.05)
        },
        "realised_fpr": {
            str(alpha): realised_fpr(members, p, alpha) for alpha in (0.01, 0.02, 0.05)
        },
        "generators": by_maker(members, p, ai=True),
        "human_sources": by_maker(members, p, ai=False),
        "kinds": by_kind(members, p),
    }


def features_digest(fused: Fused) -> str:
    """Return the SHA-256 of what was learned from: lines, clocks and scores of every track."""
    total = hashlib.sha256()
    for track in fused.scored:
        numbers = (track.clock, track.rate_hz, track.template, track.score)
        total.update(orjson.dumps([track.observed.track.sha256, track.reason, numbers]))
    if fused.lines is not None:
        total.update(np.ascontiguousarray(fused.lines.vectors).tobytes())
    return total.hexdigest()


def histogram(population: Population) -> dict[str, Any]:
    """Return how the scores of both classes lie: what scores in service are compared with."""
    edges = [*REFERENCE_EDGES, np.inf]
    return {
        "edges": list(REFERENCE_EDGES),
        **{
            name: np.histogram(population.side(ai=ai).scores, edges)[0].tolist()
            for name, ai in (("ai", True), ("human", False))
        },
    }


def _groups(tracks: Sequence[Track], label: str) -> list[str]:
    return sorted({track.group for track in tracks if track.label == label})


def code_digest() -> str:
    """Return the SHA-256 of the code that decodes, scores and calibrates.

    Comments, docstrings and layout do not count. One version of Python gives one digest.
    """
    total = hashlib.sha256()
    for package in CODE:
        folder = Path(str(files(package)))
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder).as_posix()
            total.update(f"{package}/{name}\n{normalized(path.read_text())}\n".encode())
    return total.hexdigest()


@cache
def normalized(source: str) -> str:
    """Return the syntax tree of a module as text, without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            del node.body[0]
    return ast.dump(tree)


def _report(description: dict[str, Any]) -> str:
    lines = []
    for name, figures in description["figures"].items():
        calibration = description["calibration"][name]
        lines += [
            "",
            f"{name}: AUROC {figures['auroc']:.3f}, TPR {figures['tpr_at_fpr']['0.01']:.2f} at 1 % "
            f"and {figures['tpr_at_fpr']['0.05']:.2f} at 5 % FPR",
            f"  {calibration['humans']} human recordings of {calibration['performances']} "
            f"performances and {calibration['human_repositories']} repositories support alpha >= "
            f"{calibration['smallest_alpha']:.4f}",
            f"  {'generator (unseen)':32s}{HEADING}",
            *rows(figures["generators"]),
            f"  {'human source (left out)':32s}{HEADING}",
            *rows(figures["human_sources"]),
        ]
    return "\n".join(lines)

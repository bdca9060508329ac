"""The command ``earmark calibrate``: people's music that people ruled to be theirs joins the null.

Such tracks came to people because the detector flagged them, so they are the strongest of a
platform's music and no fair sample of it. Each therefore joins with the weight of the share of
people's music that it stands for: as many performances as a sample of the size of the release's
would have shown. The scales by length, the looks and the witnesses stay as they are.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import safetensors.numpy

from detector.assessment.answer import answer
from detector.assessment.model import MANIFEST, RATES, WEIGHTS, Model, population
from detector.calibration.calibration import Calibration, HumanScores, LengthScale
from detector.calibration.strata import STRATA, stratum_of
from detector.errors import BadInput
from detector.evidence.branch import BranchScores
from detector.evidence.combination import identification, strongest
from detector.explain.compared import compared_with, parts_of
from detector.observation.observation import Observation
from detector.types import TIERS, Rates
from models.learning.folder import tensors_of_scores, write

REPORT: Final = "REVIEWS.txt"


@dataclass(frozen=True)
class Ruled:
    """A track that people ruled about.

    ``share`` is the part of people's music of its kind that it stands for; 0: it is compared only.
    """

    observation: Observation
    is_ai: bool
    share: float = 0.0


@dataclass(frozen=True)
class Stored:
    """A stored answer, to count what flips: ``kind`` as ``detector.explain.compared``."""

    kind: str
    outcome: str
    score: float


@dataclass(frozen=True)
class Changed:
    """What changes of one kind of music: performances, tracks that joined, thresholds, flips.

    Thresholds are on the scale of human recordings of the same length: 0 is their median, 1 their
    90 % point; infinite where the null is too small for the rate.
    """

    kind: str
    performances: tuple[int, int]
    joined: int
    threshold: tuple[float, float]
    stored: int = 0
    detected: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Recalibrated:
    """The candidate with what changes, by kind and for the tracks that people ruled about.

    ``ruled`` counts findings before and after by what people hold the tracks to be.
    """

    model: Model
    rates: Rates
    kinds: tuple[Changed, ...]
    ruled: Mapping[str, tuple[int, int, int]]

    def report(self) -> str:
        """Return it for people."""
        head = f"{'music of people':32}{'performances':>16}{'joined':>8}{'threshold':>18}"
        lines = [f"at alpha {self.rates.suspected:g}", f"{head}{'stored tracks found':>24}"]
        for row in self.kinds:
            performances = f"{row.performances[0]} -> {row.performances[1]}"
            threshold = f"{row.threshold[0]:.3f} -> {row.threshold[1]:.3f}"
            stored = (
                f"{row.detected[0]} -> {row.detected[1]} of {row.stored}" if row.stored else "-"
            )
            lines.append(
                f"{row.kind:32}{performances:>16}{row.joined:8}{threshold:>18}{stored:>24}"
            )
        lines.append("found among tracks that people ruled about")
        for name, (tracks, before, after) in self.ruled.items():
            lines.append(f"  {name:30}{before} -> {after} of {tracks}")
        return "\n".join(lines)


def recalibrated(
    model: Model, tracks: Sequence[Ruled], stored: Collection[Stored], rates: Rates
) -> Recalibrated:
    """Return a model whose null contains what people ruled to be made by people.

    Args:
        model: the released one; it is not changed.
        tracks: people's rulings; those by people with a share join the null.
        stored: newest answers of the model, to count what flips.
        rates: at which thresholds and findings are compared.
    """
    scored: dict[str, list[tuple[Ruled, BranchScores]]] = defaultdict(list)
    for track in tracks:
        name = population(track.observation.sample_rate_hz)
        if name in model.calibrations:
            observed, calibration = track.observation, model.calibrations[name]
            (scores,) = model.scores([observed], observed.geometry, calibration)
            scored[name].append((track, scores))
    calibrations = dict(model.calibrations)
    for name, members in scored.items():
        joining = [(track, scores) for track, scores in members if track.share > 0]
        if joining:
            calibrations[name] = _joined(calibrations[name], joining)
    candidate = replace(model, calibrations=calibrations)
    kinds = tuple(
        _changed(kind, before, after, scored[name], stored, rates, calibration.humans)
        for name, calibration in model.calibrations.items()
        for (kind, before), after in zip(
            parts_of(name, calibration.humans).items(),
            parts_of(name, calibrations[name].humans).values(),
            strict=True,
        )
    )
    return Recalibrated(candidate, rates, kinds, _ruled(model, candidate, scored, rates))


def _joined(calibration: Calibration, joining: Sequence[tuple[Ruled, BranchScores]]) -> Calibration:
    humans = calibration.humans
    strata = np.array([stratum_of(scores.even) for _, scores in joining], np.int8)
    sizes = [
        (humans if humans.strata is None else humans.by_stratum[stratum]).performances
        for stratum in strata.tolist()
    ]
    weights = np.array(
        [track.share * size for (track, _), size in zip(joining, sizes, strict=True)]
    )
    values = np.array(
        [
            humans.scale.standard(strongest(scores, calibration)[0], scores.seconds)
            for _, scores in joining
        ]
    )
    identified = calibration.identified
    if identified is not None:
        pairs = np.array(
            [
                identified.scale.standard(identification(scores, calibration), scores.seconds)
                for _, scores in joining
            ]
        )
        identified = with_more(identified, pairs, weights, None)
    known_strata = None if humans.strata is None else strata
    return replace(
        calibration, humans=with_more(humans, values, weights, known_strata), identified=identified
    )


def with_more(
    humans: HumanScores,
    values: np.ndarray[Any, Any],
    weights: np.ndarray[Any, Any],
    strata: np.ndarray[Any, Any] | None,
) -> HumanScores:
    """Return human scores with more ``values`` [n], their ``weights`` and ``strata``."""
    all_values = np.concatenate((humans.values, values.astype(np.float32)))
    all_weights = np.concatenate((humans.weights, weights.astype(np.float32)))
    order = np.argsort(all_values, kind="stable")
    kinds = None
    if humans.strata is not None and strata is not None:
        kinds = np.concatenate((humans.strata, strata))[order]
    return HumanScores(all_values[order], all_weights[order], humans.scale, kinds)


def _changed(
    kind: str,
    before: HumanScores,
    after: HumanScores,
    scored: Sequence[tuple[Ruled, BranchScores]],
    stored: Collection[Stored],
    rates: Rates,
    humans: HumanScores,
) -> Changed:
    bars = before.bar(rates.suspected), after.bar(rates.suspected)
    name = kind.partition("/")[0]
    joined = sum(
        track.share > 0 and compared_with(name, humans, scores.even) == kind
        for track, scores in scored
    )
    own = [one for one in stored if one.kind == kind]
    detected = sum(one.outcome in TIERS for one in own)
    lost = sum(
        one.outcome == "suspected" and standard_of(one.score, before.scale) < bars[1] for one in own
    )
    performances = before.performances, after.performances
    return Changed(kind, performances, joined, bars, len(own), (detected, detected - lost))


def standard_of(score: float, scale: LengthScale) -> float:
    """Return the place on the scale of its length of a stored score, in nats of surprise."""
    if score >= log(10):
        return 1 + (score - log(10)) * scale.excess
    return (score - log(2)) / log(5)


def _ruled(
    model: Model,
    candidate: Model,
    scored: Mapping[str, Sequence[tuple[Ruled, BranchScores]]],
    rates: Rates,
) -> dict[str, tuple[int, int, int]]:
    counts: dict[str, list[int]] = {"made by people": [0, 0, 0], "made with AI": [0, 0, 0]}
    for name, members in scored.items():
        for track, scores in members:
            row = counts["made with AI" if track.is_ai else "made by people"]
            row[0] += 1
            for place, version in enumerate((model, candidate), 1):
                calibration = version.calibrations[name]
                row[place] += answer(scores, track.observation, calibration, rates).finds_ai
    return {name: (row[0], row[1], row[2]) for name, row in counts.items()}


def write_candidate(made: Recalibrated, folder: Path, out: Path) -> str:
    """Write the candidate: the old folder with a larger null; return its digest.

    It has no references, so nothing can be taught to it: teach first, then calibrate.

    Raises:
        BadInput: reason ``exists``, where ``out`` is there already.
    """
    if out.exists():
        raise BadInput("exists", f"{out} is there already; nothing is overwritten")
    manifest: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
    tensors = safetensors.numpy.load((folder / WEIGHTS).read_bytes())
    for name, calibration in made.model.calibrations.items():
        figures = manifest["calibration"][name]
        tensors |= tensors_of_scores(name, calibration.humans)
        figures["performances"] = calibration.humans.performances
        figures["smallest_alpha"] = _smallest(calibration.humans)
        if calibration.humans.strata is not None:
            several = calibration.humans.by_stratum
            counts = (one.performances for one in several)
            figures["strata"] = dict(zip(STRATA, counts, strict=True))
        if calibration.identified is not None:
            tensors |= tensors_of_scores(f"{name}.identified", calibration.identified)
            figures["smallest_identified_alpha"] = _smallest(calibration.identified)
    manifest["calibrated_from"] = {
        "name": manifest["name"],
        "digest": hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        "joined": {row.kind: row.joined for row in made.kinds if row.joined},
    }
    manifest["name"] = out.name
    parts = {
        WEIGHTS: safetensors.numpy.save(tensors),
        RATES: (folder / RATES).read_bytes(),
        REPORT: f"{made.report()}\n".encode(),
    }
    return write(out, manifest, parts)


def _smallest(humans: HumanScores) -> float:
    return ceil(1e6 / (min(one.performances for one in humans.by_stratum) + 1)) / 1e6

"""How well generators are learned from a few tracks: each left out, then taught as a new one.

Some tracks are learned, with human recordings of the same repositories as controls; the others are
judged. The other human recordings show whether the source was learned instead.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.evidence.registry import LEARNED_PENALTY
from detector.types import BoolVector, FloatArray, FloatVector
from models.learning.few_shot_learning import (
    band_of,
    left_out_cosines,
    noise_of,
    null,
    speaks_of,
    template,
    those_at,
)
from models.learning.references import References
from models.training.fusion import Fused
from models.training.metrics import rounded, weighted_tpr_at
from models.training.scoring import Scored
from models.training.template_fitting import Lines, fit

SHOTS: Final = (3, 5)
MIN_TRACKS: Final = 8
CONTROLS: Final = 10
DRAWS: Final = 4
FPR: Final = 0.01
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class _Known:
    """All tracks with their lines, whole scores, seconds, weights and sample rates, in order."""

    tracks: Sequence[Scored]
    lines: Lines
    scores: FloatVector
    seconds: FloatVector
    weights: FloatVector
    rates_hz: NDArray[np.int32]


def measure(fused: Fused, lines: Lines, seed: int) -> dict[str, Any]:
    """Return the shares found and falsely found at 1 % FPR, by number of tracks learned from."""
    known = _known(fused, lines)
    counts = Counter(lines.makers[lines.ai].tolist())
    makers = sorted(name for name, count in counts.items() if count >= MIN_TRACKS)
    rows = {
        name: _generator(known, name, np.random.default_rng((seed, number)))
        for number, name in enumerate(makers)
    }
    every = list(rows.values())
    full_rate = [row for row in every if row["population"] == "full_rate"]
    mean: dict[str, Any] = {
        shots: {
            "all": _mean(row[shots]["found"] for row in every),
            "full_rate": _mean(row[shots]["found"] for row in full_rate),
            "controls": _mean(row[shots]["controls"] for row in every),
        }
        for shots in map(str, SHOTS)
    }
    mean["unlearned_controls"] = _mean(row["unlearned_controls"] for row in every)
    return {"generators": rows, "mean": mean}


def _known(fused: Fused, lines: Lines) -> _Known:
    members = [*(one for one in fused.scored if one.reason is None), *fused.deliveries]
    versions = Counter(one.observed.track.performance for one in members if not one.is_ai)
    rows = []
    for track in members:
        observation = track.observed.observation
        weight = 1 if track.is_ai else 1 / versions[track.observed.track.performance]
        rows.append((track.score, observation.duration_s, weight, observation.sample_rate_hz))
    rest = [(1.0, 1.0, 1.0, 0)] * (len(lines.human) - len(members))
    scores, seconds, weights, rates_hz = np.array([*rows, *rest]).T
    return _Known(members, lines, scores, seconds, weights, rates_hz.astype(np.int32))


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return rounded(np.mean(there)) if there else None


def _generator(known: _Known, name: str, rng: np.random.Generator) -> dict[str, Any]:
    lines = known.lines
    own = lines.ai & (lines.makers == name)
    names, counts = np.unique(lines.populations[own], return_counts=True)
    population_name = str(names[counts.argmax()])
    here = lines.populations == population_name
    same_repository = np.isin(lines.repositories, lines.repositories[own]) & ~own
    units = fit(lines, ~(own | same_repository)).unit(lines.vectors)
    humans = lines.human & here & ~same_repository
    tracks = np.flatnonzero(own & here)
    neighbours = np.flatnonzero(lines.recorded & here & same_repository)

    def share(scores: FloatVector, judged: Indices) -> float | None:
        if not len(judged):
            return None
        ones = np.ones(len(judged))
        return weighted_tpr_at(scores[judged], ones, scores[humans], known.weights[humans], FPR)

    row: dict[str, Any] = {
        "population": population_name,
        "tracks": len(tracks),
        "neighbours": len(neighbours),
        "unlearned": _mean([share(known.scores, tracks)]),
        "unlearned_controls": _mean([share(known.scores, neighbours)]),
    }
    for shots in SHOTS:
        hits, false = [], []
        for _ in range(DRAWS):
            taught = rng.choice(tracks, min(shots, len(tracks) - 1), replace=False)
            controls = rng.choice(neighbours, min(CONTROLS, len(neighbours) // 2), replace=False)
            scores = _taught(known, units, humans, taught, controls)
            hits.append(share(scores, np.setdiff1d(tracks, taught)))
            false.append(share(scores, np.setdiff1d(neighbours, controls)))
        row[str(shots)] = {"found": _mean(hits), "controls": _mean(false)}
    return row


def _taught(
    known: _Known, units: FloatArray, humans: BoolVector, taught: Indices, controls: Indices
) -> FloatVector:
    shots = [known.tracks[index].observed.observation for index in taught]
    everything = References(
        units,
        known.scores.astype(np.float32),
        known.seconds.astype(np.float32),
        known.weights.astype(np.float32),
        known.rates_hz,
        known.lines.populations,
        np.full(len(units), -1, np.int8),
    )
    population_name = str(known.lines.populations[taught[0]])
    rates_hz = {one.sample_rate_hz for one in shots}
    compared = those_at(everything.only(humans), population_name, rates_hz)
    noise, below_hz = noise_of(compared), band_of(shots)
    vector = template(units[taught], units[controls], noise, below_hz)
    cosines = units.astype(np.float64) @ vector.astype(np.float64)
    left_out = left_out_cosines(units[taught], units[controls], noise, below_hz)
    among = null(vector, compared, left_out)
    pairs = zip(cosines.tolist(), known.seconds.tolist(), strict=True)
    nats = np.array([among.surprise(*pair) for pair in pairs])
    applies = speaks_of(everything, population_name, rates_hz)
    scores: FloatVector = np.where(
        applies, np.maximum(known.scores, nats - LEARNED_PENALTY), known.scores
    )
    return scores

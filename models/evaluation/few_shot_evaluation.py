"""How well are generators learned from a few tracks? Each left out, then taught as a new one.

For each generator of eight tracks or more: a template set that has met neither it nor anything of
its repositories, a few of its tracks drawn as lessons, up to ten human recordings of its own
repositories as controls. Judged are its other tracks, and the human recordings of its
repositories that were no controls: they say whether the source was learned instead.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.evidence.registry import LEARNED_PENALTY
from detector.evidence.templates import FULL_RATE
from detector.types import BoolVector, FloatVector
from models.learning.few_shot_learning import (
    band_of,
    left_out_cosines,
    noise_of,
    null,
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


@dataclass(frozen=True)
class _Known:
    """All tracks with their lines and whole scores, in one order."""

    tracks: Sequence[Scored]
    lines: Lines
    scores: FloatVector
    seconds: FloatVector
    weights: FloatVector
    rates_hz: NDArray[np.int32]


def measure(fused: Fused, lines: Lines, seed: int) -> dict[str, Any]:
    """Return the shares found and falsely found at 1 % FPR, by number of tracks learned from.

    Args:
        fused: out-of-fold scores of the whole answer.
        lines: its lines.
        seed: of the draws.
    """
    members = [*(one for one in fused.scored if one.reason is None), *fused.deliveries]
    scores, seconds, weights = (np.ones(len(lines.human)) for _ in range(3))
    scores[: len(members)] = [one.score for one in members]
    seconds[: len(members)] = [one.observed.observation.duration_s for one in members]
    performances = [one.observed.track.performance for one in members if not one.is_ai]
    counts = Counter(performances)
    weights[: len(members)] = [
        1.0 if one.is_ai else 1 / counts[one.observed.track.performance] for one in members
    ]
    rates_hz = np.zeros(len(scores), np.int32)
    rates_hz[: len(members)] = [one.observed.observation.sample_rate_hz for one in members]
    known = _Known(members, lines, scores, seconds, weights, rates_hz)
    makers = sorted(set(lines.makers[lines.ai].tolist()))
    judged = [name for name in makers if (lines.ai & (lines.makers == name)).sum() >= MIN_TRACKS]
    rows: dict[str, dict[str, Any]] = {}
    for name in judged:
        rng = np.random.default_rng((seed, len(rows)))
        rows[name] = _generator(known, name, rng)
    return {
        "generators": rows,
        "mean": {
            str(shots): {
                "all": _mean([row[str(shots)]["found"] for row in rows.values()]),
                "full_rate": _mean(
                    [
                        row[str(shots)]["found"]
                        for row in rows.values()
                        if row["population"] == "full_rate"
                    ]
                ),
                "controls": _mean([row[str(shots)]["controls"] for row in rows.values()]),
            }
            for shots in SHOTS
        }
        | {"unlearned_controls": _mean([row["unlearned_controls"] for row in rows.values()])},
    }


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return rounded(np.mean(there)) if there else None


def _generator(known: _Known, name: str, rng: np.random.Generator) -> dict[str, Any]:
    lines = known.lines
    own = lines.ai & (lines.makers == name)
    names, counts = np.unique(lines.populations[own], return_counts=True)
    population_name = str(names[counts.argmax()])
    here = lines.populations == population_name
    same_repository = np.isin(lines.repositories, lines.repositories[own]) & ~own
    template_set = fit(lines, ~(own | same_repository))
    units = template_set.unit(lines.vectors)
    humans = lines.human & here & ~same_repository
    tracks = np.flatnonzero(own & here)
    neighbours = np.flatnonzero(lines.recorded & here & same_repository)
    weights = known.weights[humans]

    def share(hits: FloatVector, among: FloatVector) -> float:
        return weighted_tpr_at(hits, np.ones(len(hits)), among, weights, FPR)

    row: dict[str, Any] = {
        "population": population_name,
        "tracks": len(tracks),
        "neighbours": len(neighbours),
        "unlearned": rounded(share(known.scores[tracks], known.scores[humans])),
        "unlearned_controls": (
            rounded(share(known.scores[neighbours], known.scores[humans]))
            if len(neighbours)
            else None
        ),
    }
    for shots in SHOTS:
        hits, false = [], []
        for _ in range(DRAWS):
            taught = rng.choice(tracks, min(shots, len(tracks) - 1), replace=False)
            controls = rng.choice(neighbours, min(CONTROLS, len(neighbours) // 2), replace=False)
            null = _taught(known, units, humans, taught, controls)
            hits.append(share(null[np.setdiff1d(tracks, taught)], null[humans]))
            rest = np.setdiff1d(neighbours, controls)
            if len(rest):
                false.append(share(null[rest], null[humans]))
        row[str(shots)] = {"found": rounded(np.mean(hits)), "controls": _mean(false)}
    return row


def _taught(
    known: _Known,
    units: Any,
    humans: BoolVector,
    taught: np.ndarray[Any, Any],
    controls: np.ndarray[Any, Any],
) -> FloatVector:
    """Return the whole score of every recording once the lesson has been learned."""
    shots = [known.tracks[index].observed.observation for index in taught]
    people = References(
        units[humans],
        known.scores[humans].astype(np.float32),
        known.seconds[humans].astype(np.float32),
        known.weights[humans].astype(np.float32),
        known.rates_hz[humans],
        known.lines.populations[humans],
    )
    population_name = str(known.lines.populations[taught[0]])
    rates_hz = {one.sample_rate_hz for one in shots}
    compared = those_at(people, population_name, rates_hz)
    noise, below_hz = noise_of(compared), band_of(shots)
    vector = template(units[taught], units[controls], noise, below_hz)
    cosines = units.astype(np.float64) @ vector.astype(np.float64)
    left_out = left_out_cosines(units[taught], units[controls], noise, below_hz)
    among = null(vector, compared, left_out)
    pairs = zip(cosines.tolist(), known.seconds.tolist(), strict=True)
    nats = np.array([among.surprise(*pair) for pair in pairs])
    applies = (population_name == FULL_RATE) | np.isin(known.rates_hz, list(rates_hz))
    scores: FloatVector = np.where(
        applies, np.maximum(known.scores, nats - LEARNED_PENALTY), known.scores
    )
    return scores

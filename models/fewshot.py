"""How well are generators learned from a few tracks? Each left out, then taught as a new one.

For each generator of eight tracks or more: a bank that has met neither it nor anything of
its repositories, a few of its tracks drawn as lessons, up to ten human recordings of its own
repositories as controls. Judged are its other tracks, and the human recordings of its
repositories that were no controls: they say whether the source was learned instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from detector.looks import PRICE
from models.bank import Lines, fit
from models.figures import BoolVector, FloatVector, rounded, tpr_at
from models.learn import band_of, null, strangers_among, template
from models.scoring import Scored

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


def measure(scored: Sequence[Scored], lines: Lines, seed: int) -> dict[str, Any]:
    """Return the shares found and falsely found at 1 % FPR, by number of tracks learned from.

    Args:
        scored: out-of-fold scores of the whole answer (``models.fusing``).
        lines: of the tracks that can be assessed in that order, then of traces.
        seed: of the draws.
    """
    members = [one for one in scored if one.reason is None]
    scores = np.zeros(len(lines.human))
    scores[: len(members)] = [one.score for one in members]
    known = _Known(members, lines, scores)
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
        },
    }


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return rounded(np.mean(there)) if there else None


def _generator(known: _Known, name: str, rng: np.random.Generator) -> dict[str, Any]:
    lines = known.lines
    own = lines.ai & (lines.makers == name)
    names, counts = np.unique(lines.populations[own], return_counts=True)
    heard_in = str(names[counts.argmax()])
    here = lines.populations == heard_in
    beside = np.isin(lines.repositories, lines.repositories[own]) & ~own
    bank = fit(lines, ~(own | beside))
    units = bank.unit(lines.vectors)
    humans = lines.human & here & ~beside
    tracks, neighbours = np.flatnonzero(own & here), np.flatnonzero(lines.human & here & beside)
    row: dict[str, Any] = {
        "population": heard_in,
        "tracks": len(tracks),
        "neighbours": len(neighbours),
        "unlearned": rounded(tpr_at(known.scores[tracks], known.scores[humans], FPR)),
    }
    for shots in SHOTS:
        found, false = [], []
        for _ in range(DRAWS):
            lesson = rng.choice(tracks, min(shots, len(tracks) - 1), replace=False)
            controls = rng.choice(neighbours, min(CONTROLS, len(neighbours) // 2), replace=False)
            whole = _taught(known, units, humans, lesson, controls)
            found.append(tpr_at(whole[np.setdiff1d(tracks, lesson)], whole[humans], FPR))
            rest = np.setdiff1d(neighbours, controls)
            if len(rest):
                false.append(tpr_at(whole[rest], whole[humans], FPR))
        row[str(shots)] = {"found": rounded(np.mean(found)), "controls": _mean(false)}
    return row


def _taught(
    known: _Known,
    units: Any,
    humans: BoolVector,
    lesson: np.ndarray[Any, Any],
    controls: np.ndarray[Any, Any],
) -> FloatVector:
    """Return the whole score of every recording once the lesson has been learned."""
    shots = [known.tracks[index].observed.observation for index in lesson]
    below_hz = band_of(shots)
    vector = template(units[lesson], units[controls], below_hz)
    cosines = units.astype(np.float64) @ vector.astype(np.float64)
    strangers = strangers_among(units[lesson], units[controls], below_hz)
    among = null(vector, units[humans], strangers)
    nats = np.array([among.surprise(float(cosine)) for cosine in cosines])
    whole: FloatVector = np.maximum(known.scores, nats - PRICE)
    return whole

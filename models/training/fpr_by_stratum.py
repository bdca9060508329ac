"""False-positive rates by length, and with the suspect recordings counted as human.

One number for all human recordings can hide that long ones are flagged more often. Suspect
recordings can decide a figure at 1 %.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Any, Final

import numpy as np

from detector.assessment.model import Model, population
from detector.calibration.calibration import BANDS
from detector.evidence.branch import NO_TRACE_P
from detector.types import Assessment, FloatVector, Rates
from models.learning.observations import Observed
from models.training.detection_tables import p_values
from models.training.metrics import rounded
from models.training.scoring import Population, Scored

LENGTHS_S: Final = (0.0, 12.0, 24.0, 60.0, inf)
RECALL_LENGTHS_S: Final = (0.0, 12.0, 60.0, inf)
ALPHAS: Final = (0.01, 0.02, 0.05)


def recall_of(population: Population) -> list[dict[str, Any]]:
    """Return how much AI is found at p <= 0.1, by length, with all high bands audible or fewer.

    Where it is little, that no trace is found means little.
    """
    ai = population.side(ai=True).tracks
    p = p_values(ai)
    seconds = np.array([one.observed.observation.duration_s for one in ai])
    bands = np.array([sum(one.observed.observation.groups) for one in ai])
    rows = []
    for low, high in pairwise(RECALL_LENGTHS_S):
        for complete in (True, False):
            inside = (seconds >= low) & (seconds < high) & ((bands == BANDS) == complete)
            rows.append(
                {
                    "from_s": low,
                    "to_s": None if high == inf else high,
                    "all_bands": complete,
                    "tracks": int(inside.sum()),
                    "found": rounded((p[inside] < NO_TRACE_P).mean()) if inside.any() else 0.0,
                }
            )
    return rows


def by_duration(members: Sequence[Scored], p: FloatVector) -> list[dict[str, Any]]:
    """Return, for each range of lengths, who is flagged; ``p`` with the maker left out."""
    seconds = np.array([one.observed.observation.duration_s for one in members])
    is_ai = np.array([one.is_ai for one in members], bool)
    rows = []
    for low, high in pairwise(LENGTHS_S):
        inside = (seconds >= low) & (seconds < high)
        ai, human = p[inside & is_ai], p[inside & ~is_ai]
        rows.append(
            {
                "from_s": low,
                "to_s": None if high == inf else high,
                "human": len(human),
                "ai": len(ai),
                "fpr": {str(at): _share(human, at) for at in ALPHAS},
                "tpr": {str(at): _share(ai, at) for at in ALPHAS},
            }
        )
    return rows


def _share(p: FloatVector, alpha: float) -> float | None:
    return rounded((p <= alpha).mean()) if len(p) else None


def with_suspects(
    members: Sequence[Scored], p: FloatVector, suspects: Sequence[Observed], model: Model
) -> dict[str, Any]:
    """Return the false positives if the suspect recordings were people's after all.

    ``p`` are the p-values of ``members`` with the maker left out. ``suspects`` are unused
    recordings of the same populations, about which ``model`` answers as released.
    """
    human = p[np.array([not one.is_ai for one in members], bool)]
    total = len(human) + len(suspects)
    flagged = {at: int((human <= at).sum()) for at in ALPHAS}
    return {
        "suspects": len(suspects),
        "flagged": {str(at): _flagged(model, suspects, at) for at in ALPHAS},
        "fpr_without": {str(at): rounded(flagged[at] / max(len(human), 1)) for at in ALPHAS},
        "fpr_with": {
            str(at): rounded((flagged[at] + _flagged(model, suspects, at)) / max(total, 1))
            for at in ALPHAS
        },
    }


def of_populations(observed: Sequence[Observed], names: Sequence[str]) -> list[Observed]:
    """Return the recordings of some populations."""
    return [one for one in observed if population(one.observation.sample_rate_hz) in names]


def _flagged(model: Model, suspects: Sequence[Observed], alpha: float) -> int:
    answers: list[Assessment] = model.assess([one.observation for one in suspects], Rates(alpha))
    return sum(answer.finds_ai for answer in answers)

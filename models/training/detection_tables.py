"""Who was found: p-values with the maker left out, and shares by generator and source."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from detector.types import FloatVector
from models.training.metrics import conformal_p, left_out_p
from models.training.metrics import rounded as rounded
from models.training.scoring import Scored, populations


def p_values(members: Sequence[Scored]) -> FloatVector:
    """Return the p-value of each track within its population; 1 where it abstains.

    An AI track is compared with all human tracks, a human one with other repositories' tracks.
    After ``models.training.fusion``, deliveries and weights of the null count as in service.
    """
    if all(one.p is not None for one in members if one.reason is None):
        return np.array([1.0 if one.reason else one.p for one in members], np.float64)
    p = np.ones(len(members))
    where = {id(one): index for index, one in enumerate(members)}
    for population in populations(members):
        ai, human = population.side(ai=True), population.side(ai=False)
        if not human.tracks:
            continue
        for side, values in (
            (ai, conformal_p(ai.scores, human.scores)),
            (human, left_out_p(human.scores, human.groups)),
        ):
            p[[where[id(one)] for one in side.tracks]] = values
    return p


def by_maker(members: Sequence[Scored], p: FloatVector, *, ai: bool) -> dict[str, Any]:
    """Return figures of each generator (``ai``) or human source; abstentions count as passed."""
    table = {}
    for maker in sorted({one.maker for one in members if one.is_ai is ai}):
        own = [index for index, one in enumerate(members) if one.maker == maker and one.is_ai is ai]
        rates = Counter(members[index].rate_hz for index in own)
        most = max(rates.values())
        table[maker] = {
            "tracks": len(own),
            "abstained": sum(members[index].reason is not None for index in own),
            "flagged_at_1": rounded((p[own] <= 0.01).mean()),
            "flagged_at_5": rounded((p[own] <= 0.05).mean()),
            "identified_at_01": rounded(
                np.mean([(members[index].identified_p or 1.0) <= 0.001 for index in own])
            ),
            "median_score": rounded(np.median([members[index].score for index in own])),
            "rate_hz": rounded(max(hz for hz, count in rates.items() if count == most)),
        }
    return table


def realised_fpr(members: Sequence[Scored], p: FloatVector, alpha: float) -> float:
    """Return the share of human tracks that ``alpha`` would flag, their maker unknown."""
    return rounded(
        np.mean([p[index] <= alpha for index, one in enumerate(members) if not one.is_ai])
    )


def by_kind(members: Sequence[Scored], p: FloatVector) -> dict[str, Any]:
    """Return false positives of each kind of people's music, with 95 % intervals.

    ``by_origin`` averages over repositories, so that none with many files decides.
    """
    table = {}
    for kind in sorted({one.observed.track.kind for one in members if not one.is_ai} - {""}):
        own = [
            index
            for index, one in enumerate(members)
            if not one.is_ai and one.observed.track.kind == kind and one.reason is None
        ]
        if not own:
            continue
        origins: dict[str, list[bool]] = defaultdict(list)
        for index in own:
            origins[members[index].group].append(bool(p[index] <= 0.01))
        flagged = int((p[own] <= 0.01).sum())
        interval = binomtest(flagged, len(own)).proportion_ci(method="exact")
        identified = [members[index].identified_p for index in own]
        table[kind] = {
            "recordings": len(own),
            "origins": len(origins),
            "suspected_at_1": flagged,
            "interval": [rounded(interval.low), rounded(interval.high)],
            "by_origin": rounded(float(np.mean([np.mean(one) for one in origins.values()]))),
            "identified_at_01": sum(one is not None and one <= 0.001 for one in identified),
        }
    return table


def rows(table: dict[str, Any]) -> list[str]:
    """Return the lines of a table of ``by_maker``."""
    return [
        f"  {maker:32s} {row['tracks']:6d} {row['abstained']:9d} {row['flagged_at_1']:7.2f} "
        f"{row['flagged_at_5']:7.2f} {row['median_score']:7.2f} {row['rate_hz']:9.2f}"
        for maker, row in table.items()
    ]


HEADING = f"{'tracks':>8s} {'abstained':>9s}  p<=.01  p<=.05  median   rate Hz"

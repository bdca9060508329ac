"""How often the right generator is named, with the track's whole repository left out.

A track is *known* where its generator has a template from other repositories. Else it is *unseen*,
and every name is wrong. Generators that are often taken for each other are a family.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from models.evaluation.measures import roots_of
from models.training.metrics import rounded
from models.training.scoring import Scored
from models.training.template_fitting import ATTRIBUTION, Lines, fit

FAMILY_SHARE: Final = 0.2  # of a generator's tracks that get another's name


def measure(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return how often tracks are named rightly, wrongly or not at all, without abstentions."""
    counts: dict[str, Counter[tuple[str, str]]] = {"known": Counter(), "unseen": Counter()}
    for status, maker, name in _names([track for track in scored if track.reason is None]):
        counts[status][maker, name] += 1
    shares = {status: _shares(pairs) for status, pairs in counts.items()}
    return {**shares, "families": families(counts["known"] + counts["unseen"])}


def _names(tracks: Sequence[Scored]) -> Iterator[tuple[str, str, str]]:
    """Yield the status of each AI track, its maker and the given name, empty if none is clear."""
    lines = Lines.of([track.observed for track in tracks])
    queries = lines.ai & np.isin(lines.populations, ATTRIBUTION.populations)
    for repository in sorted(set(lines.repositories[queries])):
        template_set = fit(lines, lines.repositories != repository)
        for index in np.flatnonzero(queries & (lines.repositories == repository)).tolist():
            population, maker = tracks[index].population, tracks[index].maker
            scores = template_set.scores(template_set.unit(lines.vectors[index]), population)
            name = ATTRIBUTION.name(template_set, scores, population)
            yield "known" if maker in template_set.names else "unseen", maker, name or ""


def _shares(counts: Counter[tuple[str, str]]) -> dict[str, float]:
    total = max(counts.total(), 1)
    right = sum(count for (maker, name), count in counts.items() if maker == name)
    unnamed = sum(count for (_, name), count in counts.items() if not name)
    return {
        "tracks": counts.total(),
        "right": rounded(right / total),
        "wrong": rounded((counts.total() - right - unnamed) / total),
        "not_named": rounded(unnamed / total),
    }


def families(counts: Counter[tuple[str, str]]) -> list[list[str]]:
    """Return groups of generators of which a fifth or more of one's tracks get another's name."""
    totals: Counter[str] = Counter()
    for (maker, _), count in counts.items():
        totals[maker] += count
    roots = roots_of(
        (maker, name)
        for (maker, name), count in sorted(counts.items())
        if name and name != maker and count >= FAMILY_SHARE * totals[maker]
    )
    grouped: dict[str, list[str]] = {}
    for name in sorted(roots):
        grouped.setdefault(roots[name], []).append(name)
    return sorted(grouped.values())

"""Is the right generator named? Grouped: a track is judged without its whole repository.

Songs of one repository share prompts, encoder and mastering, so a template that has seen
its neighbours proves little. Where the generator stands in other repositories, its template
is made of these and the track is *known*; where it does not, the generator is *unseen* and
every name is wrong. Generators that are often taken for each other share a decoder, and are
reported as a family: a name then means one of them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from detector.templates import residual
from models.bank import ATTRIBUTION, MIN_TRACKS, fit
from models.figures import rounded
from models.scoring import Scored

FAMILY_SHARE: Final = 0.2  # of a generator's tracks that get another's name


def measure(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return how often tracks are named rightly, wrongly or not at all; see the module.

    Only populations in which names are given count; abstentions are not named.
    """
    members = [one for one in scored if one.reason is None]
    vectors = np.stack([residual(one.observed.observation) for one in members])
    is_ai = np.array([one.is_ai for one in members])
    makers = np.array([one.maker for one in members])
    repositories = np.array([one.observed.track.repository for one in members])
    named_in = np.array([one.population in ATTRIBUTION.populations for one in members])
    known: Counter[tuple[str, str]] = Counter()
    unseen: Counter[tuple[str, str]] = Counter()
    for repository in sorted(set(repositories[is_ai & named_in])):
        rest = repositories != repository
        bank = fit(members, vectors, rest)
        for index in np.flatnonzero(is_ai & named_in & ~rest):
            maker = str(makers[index])
            scores = bank.scores(vectors[index])
            if maker in bank.names:
                known[maker, _name(bank, scores, members[index])] += 1
            else:
                unseen[maker, _name(bank, scores, members[index])] += 1
    return {
        "min_tracks": MIN_TRACKS,
        "known": _shares(known),
        "unseen": _shares(unseen),
        "confusions": {
            status: [
                {"generator": maker, "named": name, "tracks": count}
                for (maker, name), count in sorted(counts.items())
            ]
            for status, counts in (("known", known), ("unseen", unseen))
        },
        "families": families(known + unseen),
    }


def _name(bank: Any, scores: Any, one: Scored) -> str:
    return ATTRIBUTION.name(bank, scores, one.population) or ""


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
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for (maker, name), count in sorted(counts.items()):
        if name and name != maker and count >= FAMILY_SHARE * totals[maker]:
            parent[root(maker)] = root(name)
    grouped: dict[str, list[str]] = {}
    for name in sorted(parent):
        grouped.setdefault(root(name), []).append(name)
    return sorted(members for members in grouped.values() if len(members) > 1)

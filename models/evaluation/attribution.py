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

from models.evaluation.leave_one_out import names
from models.training.metrics import rounded
from models.training.scoring import Scored

FAMILY_SHARE: Final = 0.2  # of a generator's tracks that get another's name


def measure(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return how often tracks are named rightly, wrongly or not at all; see the module.

    Only populations in which names are given count; abstentions are not named.
    """
    known: Counter[tuple[str, str]] = Counter()
    unseen: Counter[tuple[str, str]] = Counter()
    for naming in names([track for track in scored if track.reason is None]):
        (known if naming.known else unseen)[naming.maker, naming.name] += 1
    return {
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

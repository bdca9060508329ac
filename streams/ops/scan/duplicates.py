"""Duplicates in a scan: tracks that are one recording, and whether their names differ."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detector.matching.classes import MatchClass
from streams.ops.scan.track import Track
from streams.policy.identity import Differences, differences
from streams.store.scan_state import Pair

PARTS: Final = frozenset(one.value for one in MatchClass if one.is_part)
"""Matches that make no duplicate: one recording holds a part of another."""
_CLASSES: Final = {one.value: one for one in MatchClass}
COMPARED: Final = 50  # recordings of one group whose identities are compared


@dataclass(frozen=True)
class Duplicates:
    """Tracks that are one recording; ``differ``: whether under different names."""

    number: int
    tracks: tuple[Track, ...]
    match_class: str
    """The weakest match that joins them."""
    differ: Differences


def grouped(
    by_content: Mapping[str, Sequence[Track]], pairs: Sequence[Pair]
) -> Iterator[Duplicates]:
    """Yield the groups of tracks that are one recording: equal bytes, or matches from end to end.

    What matches the same recording is in one group, also where the two were not compared.
    """
    above: dict[str, str] = {}

    def root(content: str) -> str:
        while (parent := above.get(content, content)) != content:
            above[content] = above.get(parent, parent)
            content = parent
        return content

    for pair in pairs:
        first, second = sorted((root(pair.first), root(pair.second)))
        above[second] = first
    classes = list(_CLASSES.values())
    weakest: dict[str, MatchClass] = {}
    for pair in pairs:
        at, match_class = root(pair.first), _CLASSES[pair.match_class]
        weakest[at] = max(weakest.get(at, match_class), match_class, key=classes.index)
    groups: dict[str, list[Track]] = defaultdict(list)
    for content, tracks in by_content.items():
        groups[root(content)] += tracks
    number = 0
    for at, tracks in groups.items():
        if len(tracks) > 1:
            number += 1
            match_class = weakest.get(at, MatchClass.EXACT)
            yield Duplicates(number, tuple(tracks), match_class.value, _differ(tracks))


def _differ(tracks: Sequence[Track]) -> Differences:
    identities = list(dict.fromkeys(track.identity for track in tracks))[:COMPARED]
    differ = Differences()
    for index, first in enumerate(identities):
        for second in identities[index + 1 :]:
            differ |= differences(first, second)
    return differ

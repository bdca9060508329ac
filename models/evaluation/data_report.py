"""The contents of a manifest as figures: makers, how tracks were published, suspect makers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from models.learning.data import AI, HUMAN, SUSPECTS, Track, digest, usable
from models.learning.observations import Observed, Rejected
from models.training.lineage import performances
from models.training.metrics import rounded


def report(
    tracks: Sequence[Track], observed: Sequence[Observed], rejected: Sequence[Rejected]
) -> dict[str, Any]:
    """Return the report as plain data.

    Args:
        tracks: all that the manifest lists.
        observed: those that are used.
        rejected: those that could not be decoded.
    """
    suspects = Counter(track.maker for track in tracks if track.suspect)
    return {
        "digest": digest(one.track for one in observed),
        "listed": dict(sorted(Counter(track.label for track in tracks).items())),
        "used": {
            label: _used([one for one in observed if one.track.label == label])
            for label in (AI, HUMAN)
        },
        "not_used": sum(track.label not in (AI, HUMAN) for track in tracks),
        "suspects": [
            {"maker": maker, "tracks": count, "why": SUSPECTS[maker]}
            for maker, count in sorted(suspects.items())
        ],
        "unheard": [{"track": one.track.path.name, "why": one.reason} for one in rejected],
        "unstated": {
            name: sum(not getattr(track, name) for track in usable(tracks))
            for name in ("version", "lineage", "licence")
        },
    }


def _used(observed: Sequence[Observed]) -> dict[str, Any]:
    by_maker: dict[str, list[Observed]] = defaultdict(list)
    for item in observed:
        by_maker[item.track.maker].append(item)
    return {
        "tracks": len(observed),
        "performances": performances([item.track for item in observed]),
        "makers": len(by_maker),
        "repositories": len({item.track.repository for item in observed}),
        "hours": rounded(sum(item.facts.duration_s for item in observed) / 3_600),
        "by_maker": {maker: _maker(members) for maker, members in sorted(by_maker.items())},
    }


def _maker(members: Sequence[Observed]) -> dict[str, Any]:
    return {
        "tracks": len(members),
        "repositories": len({one.track.repository for one in members}),
        "minutes": rounded(sum(one.facts.duration_s for one in members) / 60),
        "codecs": _counted(one.facts.codec for one in members),
        "rates_hz": _counted(str(one.facts.sample_rate_hz) for one in members),
        "mono": sum(one.facts.channels == 1 for one in members),
    }


def _counted(values: Iterable[str]) -> str:
    return ", ".join(f"{value} {count}" for value, count in Counter(values).most_common())

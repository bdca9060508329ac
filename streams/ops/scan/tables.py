"""The tables of a scan: tracks, duplicates, and counts by artist, release, deliverer, folder.

All of it is pure: descriptions, readings and pairs in, plain rows out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streams.contract.vocabulary import Outcome
from streams.ops.scan.duplicates import PARTS, Duplicates, grouped
from streams.ops.scan.records import Listing, Reading
from streams.ops.scan.track import Track
from streams.policy.identity import folded
from streams.store.scan_state import Pair

OUTCOMES: Final = tuple(one.value for one in Outcome)
KINDS: Final = {
    "artist": "artists",
    "release": "releases",
    "deliverer": "deliverers",
    "folder": "folders",
}
"""By what tracks are counted, with the name of its table."""
NAMED: Final = ("path", "title", "artist", "release", "deliverer", "isrc")
COUNTED: Final = (
    *("tracks", *OUTCOMES, "marked", "known", "duplicates", "renamed", "unreadable", "hours"),
)
COLUMNS: Final = {
    "tracks": (
        *(*NAMED, "folder", "track_id", "status", "outcome", "reason", "detail", "p_value"),
        *("probability", "extent", "generator", "evidence", "marks", "provenance", "matches"),
        *("duplicate_group", "other_names", "duration_s", "sample_rate_hz", "codec"),
        "content_sha256",
    ),
    **{table: (kind, *COUNTED) for kind, table in KINDS.items()},
    "duplicates": (
        *("duplicate_group", "match_class", "other_artist", "other_isrc", "other_deliverer"),
        *(*NAMED, "content_sha256"),
    ),
    "unreadable": ("path", "reason", "detail"),
}
"""The columns of each table, in their order."""
TYPES: Final[Mapping[str, type]] = {
    **dict.fromkeys(("p_value", "probability", "duration_s", "hours"), float),
    **dict.fromkeys(("other_artist", "other_isrc", "other_deliverer", "other_names"), bool),
    **dict.fromkeys((*COUNTED[:-1], "duplicate_group", "sample_rate_hz"), int),
}
"""Of the columns that hold no text."""


@dataclass(slots=True)
class Count:
    """The counts of one artist, release, deliverer or folder, or of all."""

    name: str
    tracks: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    marked: int = 0
    known: int = 0
    duplicates: int = 0
    renamed: int = 0
    unreadable: int = 0
    seconds: float = 0.0

    @property
    def ai(self) -> int:
        """Tracks in which the detector finds AI."""
        return self.outcomes[Outcome.IDENTIFIED] + self.outcomes[Outcome.SUSPECTED]

    def add(self, track: Track, group: Duplicates | None) -> None:
        """Count a track, and the group of duplicates in which it is."""
        self.tracks += 1
        self.seconds += track.seconds
        self.marked += track.states_ai
        self.known += bool(track.reading and track.reading.matches)
        self.unreadable += track.unreadable
        self.duplicates += group is not None
        self.renamed += group is not None and bool(group.differ)
        if track.outcome is not None:
            self.outcomes[track.outcome] += 1

    def row(self, kind: str) -> dict[str, Any]:
        """Return it as a row of the table of a kind."""
        return {
            kind: self.name,
            "tracks": self.tracks,
            **{outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            "marked": self.marked,
            "known": self.known,
            "duplicates": self.duplicates,
            "renamed": self.renamed,
            "unreadable": self.unreadable,
            "hours": round(self.seconds / 3_600, 2),
        }


@dataclass(frozen=True)
class Report:
    """All tables of a scan."""

    tracks: Sequence[Track]
    total: Count
    counts: Mapping[str, Sequence[Count]]
    """By ``KINDS``, those with the most findings first."""
    generators: Mapping[str, int]
    duplicates: Sequence[Duplicates]
    parts: Sequence[tuple[Track, Track, float]]
    """Tracks of which one holds a part of the other, with the seconds in common."""
    unread: int

    @classmethod
    def of(cls, files: Iterable[tuple[Listing, Reading | None]], pairs: Iterable[Pair]) -> "Report":
        """Return the tables of what was read; pairs of contents that are not there are ignored."""
        tracks = [Track.of(listing, reading) for listing, reading in files]
        by_content: dict[str, list[Track]] = defaultdict(list)
        for track in tracks:
            if track.content is not None:
                by_content[track.content].append(track)
        here = [pair for pair in pairs if pair.first in by_content and pair.second in by_content]
        duplicates = list(grouped(by_content, [p for p in here if p.match_class not in PARTS]))
        group_of = {one.content: group for group in duplicates for one in group.tracks}
        total = Count("")
        counts: dict[str, dict[str, Count]] = {kind: {} for kind in KINDS}
        for track in tracks:
            group = group_of.get(track.content) if track.content else None
            total.add(track, group)
            for kind, by_name in counts.items():
                for name in _names(track, kind):
                    key = folded(name) or name
                    by_name.setdefault(key, Count(name)).add(track, group)
        generators = Counter(
            track.reading.generator
            for track in tracks
            if track.finds_ai and track.reading and track.reading.generator
        )
        return cls(
            tracks=tracks,
            total=total,
            counts={
                kind: sorted(by_name.values(), key=_interest) for kind, by_name in counts.items()
            },
            generators=dict(generators.most_common()),
            duplicates=sorted(duplicates, key=lambda group: (not group.differ, group.number)),
            parts=[
                (by_content[p.first][0], by_content[p.second][0], p.overlap_s)
                for p in here
                if p.match_class in PARTS
            ],
            unread=sum(track.reading is None for track in tracks),
        )

    def track_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each file."""
        numbers = {one.content: group for group in self.duplicates for one in group.tracks}
        for track in self.tracks:
            yield _row(track, numbers.get(track.content) if track.content else None)

    def duplicate_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each track of each group of duplicates."""
        for group in self.duplicates:
            for track in group.tracks:
                yield {
                    "duplicate_group": group.number,
                    "match_class": group.match_class,
                    "other_artist": group.differ.artist,
                    "other_isrc": group.differ.isrc,
                    "other_deliverer": group.differ.deliverer,
                    **_named(track),
                    "content_sha256": track.content,
                }

    def unreadable_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each file that could not be read, with its reason."""
        for track in self.tracks:
            if track.unreadable and track.reading:
                reading = track.reading
                yield {"path": track.path, "reason": reading.reason, "detail": reading.detail}


def _row(track: Track, group: Duplicates | None) -> dict[str, Any]:
    reading = track.reading or Reading(status="unreadable")
    audio = reading.audio
    return {
        **_named(track),
        "folder": track.folder,
        "track_id": track.track_id,
        "status": reading.status if track.reading else "not_read",
        "outcome": track.outcome,
        "reason": reading.reason,
        "detail": reading.detail,
        "p_value": reading.p_value,
        "probability": reading.probability,
        "extent": track.outcome and reading.extent.value,
        "generator": reading.generator,
        "evidence": " ".join(reading.sentences) or None,
        "marks": "; ".join(track.marks) or None,
        "provenance": track.provenance,
        "matches": "; ".join(one.sentence for one in reading.matches) or None,
        "duplicate_group": group and group.number,
        "other_names": bool(group and group.differ),
        "duration_s": audio and audio.duration_s,
        "sample_rate_hz": audio and audio.sample_rate_hz,
        "codec": audio and audio.codec,
        "content_sha256": track.content,
    }


def _named(track: Track) -> dict[str, Any]:
    return {
        "path": track.path,
        "title": track.title,
        "artist": ", ".join(track.artists) or None,
        "release": track.release,
        "deliverer": track.deliverer,
        "isrc": track.isrc,
    }


def _names(track: Track, kind: str) -> tuple[str, ...]:
    """Return under which names of a kind a track counts; under each of its artists."""
    if kind == "artist":
        return tuple(dict.fromkeys(track.artists)) or ("",)
    return (getattr(track, kind) or "",)


def _interest(count: Count) -> tuple[int, int, int, int, str]:
    return -count.ai, -count.marked, -count.renamed, -count.tracks, count.name.casefold()

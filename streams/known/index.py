"""The fingerprint index: what is known, and what of it a recording is.

One small interface, two backends behind it, chosen by URL: a folder on one machine
(``index_embedded``) or PostgreSQL (``index_postgres``). Both keep items, banks and the audit
log in SQL tables (SQLite or PostgreSQL) and differ in where the index keys lie.

A search asks three questions, cheap ones first: the same bytes? the same samples? which
items share index keys with it? The best of those are aligned landmark by landmark, and only
what the frozen thresholds of ``detector.matching.match_classes`` call known is returned.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self
from urllib.parse import unquote, urlsplit

from detector.errors import BadInput, Fatal
from detector.matching.alignment import Alignment, Recording
from detector.matching.classes import MatchClass
from detector.matching.landmarks import Landmarks
from detector.matching.match_classes import indistinct
from detector.matching.postings import Keys

if TYPE_CHECKING:
    from streams.known.sql import SqlIndex

CANDIDATES: Final = 16
"""Items that are aligned in one search, those with most keys in common."""
MAX_NAME: Final = 256


class IndexUnusable(Fatal):
    """``EARMARK_INDEX`` names no index, or one of another version."""


class Refused(BadInput):
    """An item that must not be added."""


@dataclass(frozen=True)
class Item:
    """A known recording: where it stands, what it sounds like, what is known of it."""

    bank: str
    item_id: str
    content_sha256: str
    landmarks: bytes
    duration_s: float
    pcm_sha256: str | None = None
    generator: str | None = None
    licence: str | None = None
    note: str | None = None
    keys: Keys | None = field(default=None, compare=False, repr=False)
    """Its index keys where they are known already; else they are made when it is added."""

    def __post_init__(self) -> None:
        for name in ("item_id", "generator", "licence"):  # they ride on events
            value = getattr(self, name)
            if value is not None and not 1 <= len(value.strip()) <= MAX_NAME:
                raise Refused("item_wrong", f"{name} must have 1 to {MAX_NAME} characters")

    @classmethod
    def of(
        cls,
        bank: str,
        item_id: str,
        content_sha256: str,
        landmarks: bytes,
        *,
        pcm_sha256: str | None = None,
        generator: str | None = None,
        licence: str | None = None,
        note: str | None = None,
    ) -> "Item":
        """Return an item with its keys.

        Raises:
            NotLandmarks: another version, or no landmarks at all.
            Refused: silence, a tone, too short: it would be found everywhere or nowhere.
        """
        recording = Recording(Landmarks.from_bytes(landmarks))
        if fault := indistinct(recording):
            raise Refused("indistinct", f"{item_id}: {fault}")
        return cls(
            bank=bank,
            item_id=item_id,
            content_sha256=content_sha256,
            landmarks=landmarks,
            duration_s=recording.landmarks.duration_s,
            pcm_sha256=pcm_sha256,
            generator=generator,
            licence=licence,
            note=note,
            keys=recording.keys,
        )


@dataclass(frozen=True)
class Query:
    """What is asked about; ``recording`` is None where it has nothing of its own."""

    content_sha256: str
    pcm_sha256: str | None = None
    recording: Recording | None = None

    @classmethod
    def of(cls, content_sha256: str, pcm_sha256: str | None, landmarks: bytes) -> "Query":
        """Return the query of an upload; what is indistinct is asked about by bytes alone."""
        recording = Recording(Landmarks.from_bytes(landmarks))
        if indistinct(recording):
            return cls(content_sha256)
        return cls(content_sha256, pcm_sha256, recording)


@dataclass(frozen=True)
class Found:
    """A known item that a query is, and how; ``alignment`` is None for ``exact``."""

    item: Item
    match_class: MatchClass
    alignment: Alignment | None


@dataclass(frozen=True)
class IndexStats:
    """How much an index holds, and what it takes."""

    items: dict[str, int]
    """By bank."""
    postings: int
    segments: int
    bytes_on_disk: int
    generation: int


@dataclass(frozen=True)
class Changed:
    """What adding did."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0

    def and_also(self, other: "Changed") -> "Changed":
        """Return the sum of both."""
        return Changed(
            self.added + other.added,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
        )


class FingerprintIndex(Protocol):
    """See the module; every method may be called from any thread and may block."""

    def add(self, items: Iterable[Item]) -> Changed:
        """Add items, durable when this returns; one that is there already changes nothing.

        Another recording under the id of an item replaces it.
        """

    def remove(self, bank: str, item_ids: Iterable[str]) -> int:
        """Remove items; return how many there were."""

    def search(self, query: Query, candidates: int = CANDIDATES) -> list[Found]:
        """Return what the query is, the strongest class and the highest score first."""

    def compare(self, query: Query, bank: str, item_id: str) -> Found | None:
        """Return how the query lies over one item (also class ``none``), None if there is none."""

    def stats(self) -> IndexStats:
        """Return how much there is."""

    def close(self) -> None:
        """Close files and connections."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def strongest(matches: Iterable[Found]) -> list[Found]:
    """Return matches by class, then score, then longest overlap, then name."""
    classes = list(MatchClass)

    def rank(match: Found) -> tuple[int, float, float, str, str]:
        score = -1.0 if match.alignment is None else -match.alignment.score
        overlap = 0.0 if match.alignment is None else -match.alignment.overlap_s
        return classes.index(match.match_class), score, overlap, match.item.bank, match.item.item_id

    return sorted(matches, key=rank)


def folder_of(url: str) -> Path:
    """Return the folder of an embedded index; a path without a host may be relative."""
    parts = urlsplit(url)
    return Path(unquote(parts.netloc + parts.path))


def open_index(url: str) -> "SqlIndex":
    """Open the index at ``file:///folder`` or ``postgresql://...``; what is missing is made.

    Raises:
        IndexUnusable: no such kind of URL, or an index of another version.
        Transient: the database does not answer; try again later.
    """
    from streams.known.embedded import EmbeddedIndex
    from streams.known.postgres import PostgresIndex

    scheme = urlsplit(url).scheme
    if scheme == "file":
        return EmbeddedIndex(folder_of(url))
    if scheme.split("+")[0] in ("postgresql", "postgres"):
        return PostgresIndex(url)
    raise IndexUnusable(f"EARMARK_INDEX must be file:// or postgresql://, not {scheme or url!r}")

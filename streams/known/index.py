"""The fingerprint index: known recordings, queries, and their matches.

``sql.SqlIndex`` is the interface. The URL chooses its backend: a folder on one machine
(``embedded``) or PostgreSQL (``postgres``).
"""

import operator
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from detector.errors import BadInput, Fatal
from detector.matching.alignment import Alignment, Recording
from detector.matching.classes import MatchClass
from detector.matching.landmarks import Landmarks, sides_of
from detector.matching.match_classes import indistinct
from detector.matching.postings import Keys

if TYPE_CHECKING:
    from streams.known.sql import SqlIndex

MAX_NAME: Final = 256
_CLASSES: Final = tuple(MatchClass)


class IndexUnusable(Fatal):
    """``EARMARK_INDEX`` names no index, or one of another version."""


class Refused(BadInput):
    """An item that must not be added."""


@dataclass(frozen=True)
class Item:
    """A known recording: its bank, its digests and landmarks, its descriptions."""

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
    """Its index keys; None: they are made when it is added."""

    def __post_init__(self) -> None:
        for name in ("item_id", "generator", "licence"):  # events contain these
            value = getattr(self, name)
            if value is not None and not 1 <= len(value.strip()) <= MAX_NAME:
                raise Refused("item_wrong", f"{name} must have 1 to {MAX_NAME} characters")

    @classmethod
    def of(
        cls, bank: str, item_id: str, content_sha256: str, landmarks: bytes, **known: str | None
    ) -> "Item":
        """Return an item with its keys; ``known`` are its other fields.

        Raises:
            NotLandmarks: another version, or no landmarks at all.
            Refused: silence, a tone, too short: it would match everything or nothing.
        """
        return cls(bank, item_id, content_sha256, landmarks, 0.0, keys=None, **known).with_keys()

    def with_keys(self) -> "Item":
        """Return the item with its duration and keys, made from its landmarks; see ``of``."""
        recording = Recording(Landmarks.from_bytes(self.landmarks))
        if fault := indistinct(recording):
            raise Refused("indistinct", f"{self.item_id}: {fault}")
        return replace(self, duration_s=recording.landmarks.duration_s, keys=recording.keys)


@dataclass(frozen=True)
class Query:
    """A recording to look up; ``recording`` is None where its landmarks are indistinct."""

    content_sha256: str
    pcm_sha256: str | None = None
    recording: Recording | None = None

    @classmethod
    def of(cls, content_sha256: str, pcm_sha256: str | None, landmarks: bytes) -> "Query":
        """Return the query of an upload; an indistinct one is looked up by bytes alone."""
        recording = Recording(Landmarks.from_bytes(landmarks))
        if indistinct(recording):
            return cls(content_sha256)
        return cls(content_sha256, pcm_sha256, recording)

    @classmethod
    def of_sides(cls, content_sha256: str, landmarks: bytes) -> dict[str, "Query"]:
        """Return the queries of an upload's sides, by name; none where its channels are alike.

        Raises:
            NotLandmarks: another version, or no landmarks at all.
        """
        return {
            name: cls.of(content_sha256, None, side) for name, side in sides_of(landmarks).items()
        }


@dataclass(frozen=True)
class Found:
    """A known item that matches a query; ``alignment`` is None for ``exact``."""

    item: Item
    match_class: MatchClass
    alignment: Alignment | None

    @property
    def rank(self) -> tuple[int, float, float, str, str]:
        """The order of matches: by class, then score, then longest overlap, then name."""
        a, item = self.alignment, self.item
        score, overlap = (-1.0, 0.0) if a is None else (-a.score, -a.overlap_s)
        return _CLASSES.index(self.match_class), score, overlap, item.bank, item.item_id


@dataclass(frozen=True)
class IndexStats:
    """The size of an index; ``items`` by bank."""

    items: dict[str, int]
    postings: int
    segments: int
    bytes_on_disk: int


@dataclass(frozen=True)
class Changed:
    """How many items were added, replaced, left unchanged."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0

    def __add__(self, other: "Changed") -> "Changed":
        return Changed(*map(operator.add, astuple(self), astuple(other)))


def folder_of(url: str) -> Path:
    """Return the folder of an embedded index; a path without a host may be relative."""
    parts = urlsplit(url)
    return Path(unquote(parts.netloc + parts.path))


def open_index(url: str) -> "SqlIndex":
    """Open the index at ``file:///folder`` or ``postgresql://...``; create what is missing.

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

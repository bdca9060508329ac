"""What a scan knows of a file: how it was listed, and what was read of it."""

from typing import Literal

from streams.contract.records import AudioFacts, Match, Provenance, Record
from streams.contract.records.base import Number
from streams.contract.vocabulary import Extent, Outcome
from streams.media.file_tags import FileTags


class Listing(Record):
    """A file or an object that was named, with what a manifest states of it."""

    path: str
    uri: str
    folder: str
    local: bool = False
    """Whether it was named as a file of this machine; else it is fetched as uploads are."""
    expected_sha256: str | None = None
    track_id: str | None = None
    title: str | None = None
    artists: tuple[str, ...] = ()
    release: str | None = None
    deliverer: str | None = None
    isrc: str | None = None
    declared_ai: str | None = None


class Reading(Record):
    """What was read of a file; ``unreadable``: the reason and the detail alone."""

    status: Literal["read", "unreadable"]
    reason: str | None = None
    """Why it cannot be read, or why the detector abstains."""
    detail: str | None = None
    content_sha256: str | None = None
    outcome: Outcome | None = None
    p_value: Number | None = None
    probability: Number | None = None
    extent: Extent = Extent.UNKNOWN
    generator: str | None = None
    sentences: tuple[str, ...] = ()
    audio: AudioFacts | None = None
    provenance: Provenance | None = None
    tags: FileTags = FileTags()
    matches: tuple[Match, ...] = ()
    """Known tracks, where an index of them is configured."""

"""What the tags of a file name: title, artist, release, label, ISRC. Anyone can write them."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from detector.types import DecodedTrack
from streams.contract.records import Provenance, Record
from streams.contract.records.base import MAX_NAME
from streams.media.provenance import ProvenanceDecoder
from streams.media.tags import tags_of

KEYS: Final = {  # of FFmpeg, then of the frames that it passes over
    "title": ("title", "tit2"),
    "artist": ("artist", "tpe1", "album_artist", "tpe2"),
    "release": ("album", "talb"),
    "release_artist": ("album_artist", "tpe2"),
    "label": ("publisher", "label", "organization", "tpub"),
    "isrc": ("isrc", "tsrc"),
}
ISRC: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")


class FileTags(Record):
    """The names that a file's tags state; None: it states none."""

    title: str | None = None
    artist: str | None = None
    release: str | None = None
    release_artist: str | None = None
    label: str | None = None
    isrc: str | None = None


class FileFacts(Record):
    """What a decode process reads beside the audio: provenance and tags."""

    provenance: Provenance | None = None
    tags: FileTags = FileTags()


@dataclass(frozen=True)
class TaggedDecoder:
    """Decodes as the pipeline does; ``provenance`` of its answer is a ``FileFacts``."""

    decoder: ProvenanceDecoder

    def __call__(self, descriptor: int, max_duration_s: float) -> DecodedTrack:
        """Decode an open file."""
        decoded = self.decoder(descriptor, max_duration_s)
        stated = decoded.provenance
        provenance = Provenance.model_validate_json(stated) if stated else None
        with os.fdopen(os.dup(descriptor), "rb") as file:
            tags = names_of(tags_of(file).texts)
        return replace(decoded, provenance=FileFacts(provenance=provenance, tags=tags).to_bytes())


def names_of(texts: Iterable[tuple[str, str]]) -> FileTags:
    """Return what tags name; of several of one key, the first counts."""
    first: dict[str, str] = {}
    for key, text in texts:
        first.setdefault(key, " ".join(text.split())[:MAX_NAME])
    names = {
        name: next((first[key] for key in keys if first.get(key)), None)
        for name, keys in KEYS.items()
    }
    isrc = re.sub(r"[\s-]", "", names["isrc"] or "").upper()
    return FileTags(**(names | {"isrc": isrc if ISRC.fullmatch(isrc) else None}))

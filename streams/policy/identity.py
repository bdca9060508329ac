"""Whether two deliveries of one recording name the same artist, ISRC and deliverer.

The same recording under another identity is the usual fraud. What one of the two does not state
is no difference, and neither is a spelling: case, accents, punctuation, a guest.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streams.contract.records import Upload

JOINED: Final = re.compile(
    r"\s*(?:[,;/&+|]|\(|\)|\[|\]|\b(?:feat|ft|featuring|with|and|und|et|vs|x|pres|presents)\b\.?)\s*",
    re.IGNORECASE,
)
"""What joins several artists in one text."""
ARTICLE: Final = re.compile(r"^(?:the|die|les) ")


@dataclass(frozen=True)
class Identity:
    """The artists, the ISRC and the deliverer that a delivery names; empty: not stated."""

    artists: tuple[str, ...] = ()
    isrc: str | None = None
    deliverer: str | None = None

    @classmethod
    def of(cls, upload: Upload) -> "Identity":
        """Return the identity that an upload states."""
        return cls(upload.artists, upload.isrc, upload.distributor)


@dataclass(frozen=True)
class Differences:
    """In what two identities differ."""

    artist: bool = False
    isrc: bool = False
    deliverer: bool = False

    def __bool__(self) -> bool:
        return self.artist or self.isrc or self.deliverer

    def __or__(self, other: "Differences") -> "Differences":
        return Differences(
            self.artist or other.artist,
            self.isrc or other.isrc,
            self.deliverer or other.deliverer,
        )


def differences(first: Identity, second: Identity) -> Differences:
    """Return in what two identities differ; only what both state is compared."""
    artists = names(first.artists), names(second.artists)
    return Differences(
        artist=all(artists) and artists[0].isdisjoint(artists[1]),
        isrc=_differ(first.isrc, second.isrc),
        deliverer=_differ(first.deliverer, second.deliverer),
    )


def names(artists: Iterable[str]) -> frozenset[str]:
    """Return the names of artists, one by one, as they are compared."""
    every = (folded(part) for text in artists for part in (text, *JOINED.split(text)))
    return frozenset(filter(None, every))


def folded(name: str) -> str:
    """Return a name without case, accents and punctuation; empty where nothing is left."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    words = re.sub(r"[^\w]+", " ", plain).replace("_", " ").split()
    return ARTICLE.sub("", " ".join(words))


def _differ(first: str | None, second: str | None) -> bool:
    return bool(first and second) and folded(first or "") != folded(second or "")

"""Whether two deliveries of one recording name the same artist, ISRC and deliverer.

The same recording under another identity is the usual fraud. What one of the two does not state
is no difference, and neither is a spelling: case, accents, punctuation, a guest.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from streams.contract.records import Match, TrackClassified, Upload
from streams.contract.vocabulary import BankKind

JOINED: Final = re.compile(
    r"\s*(?:[,;/&+|]|\(|\)|\[|\]|\b(?:feat|ft|featuring|with|and|und|et|vs|x|pres|presents)\b\.?)\s*",
    re.IGNORECASE,
)
"""What joins several artists in one text."""
MOST: Final = 0.5  # share of a track; a shorter match may be a sample
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

    @property
    def words(self) -> str:
        """What differs, for people; empty: nothing."""
        return ", ".join(
            name
            for name, differs in (
                ("artist", self.artist),
                ("ISRC", self.isrc),
                ("distributor", self.deliverer),
            )
            if differs
        )

    def __or__(self, other: "Differences") -> "Differences":
        return Differences(
            self.artist or other.artist,
            self.isrc or other.isrc,
            self.deliverer or other.deliverer,
        )


NO_DIFFERENCE: Final = Differences()


def differences(first: Identity, second: Identity) -> Differences:
    """Return in what two identities differ; only what both state is compared."""
    return differences_of([first], [second])


def other_identity(event: TrackClassified, known: Mapping[str, Sequence[Identity]]) -> Differences:
    """Return in what a track differs from tracks of the catalogue that most of it is.

    ``known`` has the identities under which each of those was delivered, by track id.
    """
    own, total = Identity.of(event.upload), NO_DIFFERENCE
    for match in catalogue_matches(event):
        total |= differences_of([own], known.get(match.item_id, ()))
    return total


def differences_of(first: Iterable[Identity], second: Iterable[Identity]) -> Differences:
    """Return in what the identities of two tracks differ: nothing that both state is the same."""
    own, other = list(first), list(second)
    return Differences(
        artist=_apart(*(names(a for one in side for a in one.artists) for side in (own, other))),
        isrc=_apart(
            *({folded(one.isrc or "").replace(" ", "") for one in side} for side in (own, other))
        ),
        deliverer=_apart(*({folded(one.deliverer or "") for one in side} for side in (own, other))),
    )


def catalogue_matches(event: TrackClassified) -> list[Match]:
    """Return the matches with tracks of the catalogue that cover most of the track."""
    return [
        match
        for match in event.matches
        if match.bank_kind == BankKind.CATALOGUE
        if match.share_of(event.audio.duration_s) >= MOST
    ]


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


def _apart(first: Set[str], second: Set[str]) -> bool:
    """Return whether both have names, and none of them in common."""
    own, other = first - {""}, second - {""}
    return bool(own and other) and own.isdisjoint(other)

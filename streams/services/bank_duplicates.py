"""Duplicates in a bank: items that are one recording, and whether under other names.

Each item is looked up in the index, as an upload would be. The names are those under which the
ledger's tracks were delivered; an item that is no track of the ledger has none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from detector.matching.alignment import Recording
from detector.matching.landmarks import Landmarks
from streams.known.banks import Banks
from streams.known.index import Found, Item, Query
from streams.policy.identity import Differences, Identity, differences_of
from streams.store.database import Ledger
from streams.store.track_identities import identities


@dataclass(frozen=True)
class BankDuplicate:
    """An item, another one that it matches, and the names of both."""

    item: Item
    match: Found
    names: Sequence[Identity]
    other_names: Sequence[Identity]

    @property
    def differ(self) -> Differences:
        """In what the names differ."""
        return differences_of(self.names, self.other_names)

    def row(self) -> dict[str, Any]:
        """Return it as plain data; the overlap in seconds."""
        alignment, differ = self.match.alignment, self.differ
        overlap_s = self.match.item.duration_s if alignment is None else alignment.overlap_s
        return {
            "item_id": self.item.item_id,
            "other_item_id": self.match.item.item_id,
            "match_class": self.match.match_class.value,
            "overlap_s": round(overlap_s, 1),
            "artists": _first(self.names).artists,
            "other_artists": _first(self.other_names).artists,
            "isrc": _first(self.names).isrc,
            "other_isrc": _first(self.other_names).isrc,
            "distributor": _first(self.names).deliverer,
            "other_distributor": _first(self.other_names).deliverer,
            "differ": {
                "artist": differ.artist,
                "isrc": differ.isrc,
                "distributor": differ.deliverer,
            },
        }


def _first(names: Sequence[Identity]) -> Identity:
    return names[0] if names else Identity()


def duplicates(banks: Banks, bank: str, ledger: Ledger) -> Iterator[BankDuplicate | None]:
    """Yield each pair of items of a bank that match, once; None after each item, for progress.

    Raises:
        BankError: there is no such bank.
    """
    settings = banks.get(bank)
    seen: set[tuple[str, str]] = set()
    for item in banks.index.items([bank]):
        recording = Recording(Landmarks.from_bytes(item.landmarks))
        query = Query(item.content_sha256, item.pcm_sha256, recording)
        for match in banks.index.search(query):
            other = match.item
            first, second = sorted((item.item_id, other.item_id))
            if other.bank != bank or first == second or (first, second) in seen:
                continue
            if settings.takes(match):
                seen.add((first, second))
                with ledger.reading() as connection:
                    known = identities(connection, [first, second])
                names = known.get(item.item_id, ()), known.get(other.item_id, ())
                yield BankDuplicate(item, match, *names)
        yield None

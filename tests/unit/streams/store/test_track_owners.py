"""Whose a track id is."""

from streams.services import track_ids
from streams.store import track_owners
from streams.store.database import Ledger
from tests.support.stories import tell


def owners(ledger: Ledger, track_id: str) -> list[str | None]:
    with ledger.reading() as connection:
        return list(track_owners.deliverers(connection, [track_id]).get(track_id, []))


def is_foreign(ledger: Ledger, track_id: str, *distributors: str) -> bool:
    with ledger.reading() as connection:
        return track_owners.is_foreign(connection, track_id, distributors)


def test_the_first_decoded_delivery_owns_an_id(ledger: Ledger) -> None:
    assert not is_foreign(ledger, "T-1", "A")  # free as yet
    tell(ledger, distributor="A", at_ms=1_795_000_000_000)
    tell(ledger, distributor="B", at_ms=1_795_000_100_000, title="other")
    assert owners(ledger, "T-1") == ["A", "B"]
    assert not is_foreign(ledger, "T-1", "A")
    assert is_foreign(ledger, "T-1", "B")
    assert not is_foreign(ledger, "T-1", "B", "A")


def test_an_id_that_was_given_is_of_that_distributor(ledger: Ledger) -> None:
    tell(ledger, distributor="A")
    track_ids.give(ledger, "T-1", "B", "usr_1")
    assert owners(ledger, "T-1") == ["B", "A"]
    assert is_foreign(ledger, "T-1", "A")
    assert not is_foreign(ledger, "T-1", "B")

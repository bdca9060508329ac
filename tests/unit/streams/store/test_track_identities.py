"""Under which names tracks were delivered, on both databases."""

from typing import Any

from streams.policy.identity import Identity
from streams.store.database import Ledger
from streams.store.track_identities import identities
from tests.support.stories import tell


def test_the_deliveries_of_a_tracks_owner_name_it(ledger: Ledger) -> None:
    nova: dict[str, Any] = {"artists": ("Nova",), "isrc": "DEA123400001", "distributor": "D1"}
    tell(ledger, "T-1", at_ms=1_795_000_000_000, **nova)
    tell(ledger, "T-1", at_ms=1_795_000_100_000, title="again", **nova)
    tell(ledger, "T-1", at_ms=1_795_000_200_000, **(nova | {"artists": ("Nova", "Ari")}))
    tell(ledger, "T-1", at_ms=1_795_000_300_000, **(nova | {"distributor": "Evil"}))
    tell(ledger, "T-2")
    with ledger.reading() as connection:
        names = identities(connection, ["T-1", "T-2", "T-9"])
    first = Identity(("Nova",), "DEA123400001", "D1")
    assert names["T-1"] == [Identity(("Nova", "Ari"), "DEA123400001", "D1"), first]
    assert names["T-2"] == [Identity()]
    assert "T-9" not in names

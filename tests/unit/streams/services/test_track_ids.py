"""Giving a track id to a distributor."""

import pytest
import sqlalchemy

from streams.services import track_ids
from streams.services.track_ids import BadTrackId
from streams.store.account_tables import AUDIT
from streams.store.database import Ledger


def test_it_is_in_the_audit_log(ledger: Ledger) -> None:
    track_ids.give(ledger, "T-1", "B", "key_1")
    with ledger.reading() as connection:
        (row,) = connection.execute(sqlalchemy.select(AUDIT))
    assert (row.actor, row.action, row.subject) == ("key_1", "track_id_given", "T-1")
    assert '"B"' in row.detail


@pytest.mark.parametrize(("track_id", "distributor"), [("", "B"), ("T-1", ""), ("T\x00", "B")])
def test_what_none_can_have_is_refused(ledger: Ledger, track_id: str, distributor: str) -> None:
    with pytest.raises(BadTrackId):
        track_ids.give(ledger, track_id, distributor, "key_1")

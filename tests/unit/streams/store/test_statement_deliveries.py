"""Rows of deliveries of statements, on both databases."""

from datetime import UTC, datetime, timedelta

from streams.services.statement_delivery import set_address
from streams.store import statement_deliveries as deliveries
from streams.store.database import Ledger
from tests.support.mail import restrict

MINUTE = timedelta(minutes=1)


def test_two_processes_claim_no_delivery_twice(ledger: Ledger) -> None:
    set_address(ledger, "D-1", "desk@label.example", language="de", digest=True, by="ada")
    for number in range(3):
        restrict(ledger, f"T-{number}", title=f"Song {number}")
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        first = deliveries.claim(connection, now, now + MINUTE, 2)
    with ledger.transaction() as connection:
        second = deliveries.claim(connection, now, now + MINUTE, 2)
    assert sorted(row.title for row in (*first, *second)) == ["Song 0", "Song 1", "Song 2"]
    assert {(row.address, row.language, row.digest) for row in first} == {
        ("desk@label.example", "de", True)
    }
    with ledger.transaction() as connection:
        assert not deliveries.any_due(connection, now)
        assert deliveries.any_due(connection, now + MINUTE), "a process died: they are due again"
        ended = {"state": deliveries.DELIVERED}
        assert deliveries.settle(connection, first[0].statement_id, ended)
        assert not deliveries.settle(connection, first[0].statement_id, ended)
        deliveries.put_off(connection, [first[0].statement_id], now, "late")
        assert deliveries.find(connection, first[0].statement_id).error is None
        assert deliveries.find(connection, "sor_unknown") is None
        assert deliveries.counts(connection)["waiting"][0] == 2
    assert len(deliveries.listed(ledger, None, 9, states=[deliveries.DELIVERED]).rows) == 1
    assert len(deliveries.listed(ledger, None, 9, track_id="T-0").rows) == 1

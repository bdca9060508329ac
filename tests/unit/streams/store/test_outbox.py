"""Events wait in the outbox with their cause; on both databases."""

import pytest

from streams.contract import topics
from streams.store import queries
from streams.store.database import Ledger
from streams.store.outbox import publish
from tests.support.events import received
from tests.support.review_helpers import outbox


def test_an_event_is_stored_and_published_once(ledger: Ledger) -> None:
    event = received()
    for new in (True, False):
        with ledger.transaction() as connection:
            assert publish(connection, topics.UPLOADED, event) is new
    assert outbox(ledger, topics.UPLOADED) == [event.to_bytes()]
    assert queries.counts(ledger)["uploads"] == 1


def test_what_is_rolled_back_is_not_published(ledger: Ledger) -> None:
    def fail_after_it() -> None:
        with ledger.transaction() as connection:
            assert publish(connection, topics.UPLOADED, received())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_it()
    assert outbox(ledger, topics.UPLOADED) == []
    assert queries.counts(ledger)["uploads"] == 0

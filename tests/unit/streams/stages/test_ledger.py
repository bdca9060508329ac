"""Batches become rows: each once, and one bad message harms no other."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.stages.ledger import project
from streams.store import queries, webhooks
from streams.store.database import Ledger, LedgerAway
from tests.support.events import (
    UPLOADED_AT,
    message,
    received,
)
from tests.support.gauges import value
from tests.support.ledger_rows import ONCE, whole_story


def test_what_comes_again_adds_nothing(ledger: Ledger) -> None:
    for _ in range(2):
        project(ledger, whole_story())
    project(ledger, whole_story() * 3)
    assert queries.counts(ledger) == ONCE


def test_a_delivery_of_the_future_is_refused(ledger: Ledger) -> None:
    soon = received().model_copy(update={"uploaded_at": datetime.now(UTC) + timedelta(minutes=4)})
    late = received().model_copy(update={"uploaded_at": datetime(2999, 1, 1, tzinfo=UTC)})
    handled = project(ledger, [message(topics.UPLOADED, soon), message(topics.UPLOADED, late, 1)])
    assert [refused.error.reason for refused in handled.refused] == ["invalid_record"]
    assert queries.counts(ledger)["uploads"] == 1


def test_a_bad_message_is_refused_and_the_others_of_its_batch_are_rows(ledger: Ledger) -> None:
    bad = Message(topics.UPLOADED, 0, 7, b"T-9", b"no JSON")
    before = value("earmark_ledger_rows_total", table="uploads") or 0
    handled = project(ledger, [message(topics.UPLOADED, received()), bad])
    assert [refused.message for refused in handled.refused] == [bad]
    assert queries.counts(ledger)["uploads"] == 1
    assert value("earmark_ledger_rows_total", table="uploads") == before + 1
    assert project(ledger, []).refused == []


def test_a_batch_is_stored_with_what_follows_from_it_or_not_at_all(ledger: Ledger) -> None:
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE webhook_deliveries"))
    hooked = {"webhook_id": "whk_1", "url": "https://x.example/", "events": topics.DECIDED}
    with ledger.transaction() as connection:
        row = hooked | {"secret": "s", "active": True, "created_at": UPLOADED_AT}
        webhooks.add(connection, row | {"created_by": "test"})
    with pytest.raises(LedgerAway):
        project(ledger, whole_story())
    assert queries.counts(ledger)["decisions"] == 0

"""Deliveries as rows, on both databases; posting them is ``streams.services.webhooks``."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.store import webhooks
from streams.store.database import Ledger
from tests.support.events import classified, message, verdict
from tests.support.ledger_rows import letter

HOUR = timedelta(hours=1)


def add(ledger: Ledger, webhook_id: str, *events: str) -> None:
    row = {"webhook_id": webhook_id, "url": "https://x.example/", "events": ",".join(events)}
    more = {"secret": "s", "active": True, "created_by": "test", "created_at": datetime.now(UTC)}
    with ledger.transaction() as connection:
        webhooks.add(connection, row | more)


def rulings(count: int) -> list[Message]:
    return [
        message(topics.REVIEWS_DECIDED, verdict(verdict_id=f"vrd_{number}", notes="between us"))
        for number in range(count)
    ]


def enqueue(ledger: Ledger, *messages: Message) -> None:
    with ledger.transaction() as connection:
        webhooks.enqueue(connection, messages)


def claim(ledger: Ledger, *busy: str, hooks: int = 9, each: int = 9) -> dict[str, list[Any]]:
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        return webhooks.claim(connection, now, busy, hooks=hooks, each=each, until=now + HOUR)


@pytest.fixture
def hooked(ledger: Ledger) -> Ledger:
    add(ledger, "whk_1", topics.REVIEWS_DECIDED)
    add(ledger, "whk_2", topics.REVIEWS_DECIDED, topics.DECIDED)
    return ledger


def test_an_event_is_due_once_for_each_webhook_that_receives_it(hooked: Ledger) -> None:
    add(hooked, "whk_3", topics.DECIDED)
    (ruling,) = rulings(1)
    enqueue(hooked, ruling, ruling)
    enqueue(hooked, ruling, message(topics.CLASSIFIED, classified()))
    assert webhooks.counts(hooked) == {"whk_1": {"waiting": 1}, "whk_2": {"waiting": 1}}


def test_a_dead_letter_is_delivered_without_its_bytes(ledger: Ledger) -> None:
    add(ledger, "whk_1", webhooks.DEAD_LETTER)
    dead = letter(b'{"upload_id": "upl_1"}', reason="no_audio")
    enqueue(ledger, dead)
    enqueue(ledger, dead, *rulings(1))
    (delivery,) = claim(ledger)["whk_1"]
    body = orjson.loads(delivery.body)
    assert body["event"] == "dead_letters"
    assert (body["data"]["reason"], body["data"]["upload_id"]) == ("no_audio", "upl_1")
    assert set(body["data"]) == set(webhooks.DEAD_FIELDS)


def test_notes_between_reviewers_are_not_delivered(hooked: Ledger) -> None:
    enqueue(hooked, *rulings(1))
    body = orjson.loads(claim(hooked)["whk_1"][0].body)
    assert body["event"] == topics.REVIEWS_DECIDED
    assert body["data"]["verdict_id"] == "vrd_0"
    assert "notes" not in body["data"]


def test_a_claim_takes_few_of_each_and_puts_them_off(hooked: Ledger) -> None:
    enqueue(hooked, *rulings(3))
    assert {name: len(rows) for name, rows in claim(hooked, "whk_2", each=2).items()} == {
        "whk_1": 2
    }
    with hooked.reading() as connection:
        assert webhooks.any_due(connection, datetime.now(UTC), ["whk_2"])
        assert not webhooks.any_due(connection, datetime.now(UTC), ["whk_1", "whk_2"])
    first, other = claim(hooked, hooks=1), claim(hooked)
    assert (len(first), len(other)) == (1, 1)
    assert {name: len(rows) for name, rows in (first | other).items()} == {"whk_1": 1, "whk_2": 3}
    assert claim(hooked) == {}


def test_an_ended_webhook_receives_nothing_more(hooked: Ledger) -> None:
    enqueue(hooked, *rulings(1))
    with hooked.transaction() as connection:
        assert webhooks.end(connection, "whk_1")
        assert not webhooks.end(connection, "whk_1")
        assert not webhooks.end(connection, "whk_9")
        assert [row.webhook_id for row in webhooks.active(connection)] == ["whk_2"]
        assert webhooks.replay(connection, "whk_1", datetime.now(UTC) - HOUR) == 0
    assert webhooks.counts(hooked)["whk_1"] == {"given_up": 1}
    assert list(claim(hooked)) == ["whk_2"]


def test_what_was_delivered_or_failed_is_replayed(hooked: Ledger) -> None:
    enqueue(hooked, *rulings(2))
    good, bad = claim(hooked)["whk_1"]
    with hooked.transaction() as connection:
        webhooks.settle(connection, good.delivery_id, {"state": "delivered", "status": 204})
        webhooks.settle(connection, bad.delivery_id, {"error": "refused", "attempts": 1})
        webhooks.settle(connection, good.delivery_id, {"state": "waiting"})
    assert webhooks.counts(hooked)["whk_1"] == {"delivered": 1, "waiting": 1}
    assert [row["delivery_id"] for row in webhooks.failed(hooked, None, 9).rows] == [
        bad.delivery_id
    ]
    assert claim(hooked) == {}
    with hooked.transaction() as connection:
        assert webhooks.replay(connection, "whk_1", datetime.now(UTC) + HOUR) == 0
        assert webhooks.replay(connection, "whk_1", datetime.now(UTC) - HOUR) == 2
    assert len(claim(hooked)["whk_1"]) == 2


def test_a_webhook_that_fails_rests_as_a_whole(hooked: Ledger) -> None:
    enqueue(hooked, *rulings(2))
    with hooked.transaction() as connection:
        webhooks.rest(connection, "whk_1", datetime.now(UTC) + HOUR)
    assert list(claim(hooked)) == ["whk_2"]

"""Dead letters kept to the byte, replayed, dropped; on both databases."""

import random
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from sqlalchemy import select

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import InvalidRecord
from streams.runtime.settings import Settings
from streams.services.dead_letters import Operator, drop, refusal, replay
from streams.stages.ledger import project
from streams.store import database as ledger_module
from streams.store import dead_letter_store, queries
from streams.store.account_tables import AUDIT
from streams.store.database import Ledger, LedgerAway
from streams.store.dead_letter_store import DeadLetter
from tests.support.buried import NOW, Headers, buried, narrated, source, stored


@dataclass
class Lies:
    topic: str
    partition: int = 0
    offset: int = 7


@dataclass
class Broker:
    """Takes what a producer sends, but for the keys in ``fails``."""

    fails: dict[bytes, Exception] = field(default_factory=dict)
    sent: list[tuple[str, bytes | None, bytes | None, Headers]] = field(default_factory=list)

    def send(self, topic: str, *, key: Any, value: Any, headers: list[tuple[str, bytes]]) -> Any:
        error = self.fails.get(key or b"")
        if isinstance(error, MessageSizeTooLargeError):
            raise error
        if error is None:
            self.sent.append((topic, key, value, tuple(headers)))
        return Future(topic, error)

    def close(self, timeout: float) -> None:
        """Nothing is open."""


@dataclass
class Future:
    topic: str
    error: Exception | None

    def get(self, timeout: float) -> Lies:
        if self.error is not None:
            raise self.error
        return Lies(self.topic)


def replayed(
    ledger: Ledger, broker: Broker, letters: list[DeadLetter], most: int | None = None
) -> list[Any]:
    with patch("streams.services.dead_letters.open_producer", lambda *_: broker):
        return list(replay(ledger, Settings(), letters, Operator("on call", "it is back"), most))


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
headers = st.lists(st.tuples(names, st.binary(max_size=20)), max_size=5)


@given(headers=headers, attempt=st.integers(0, 9))
def test_headers_survive_death_and_replay_in_their_order(
    headers: list[tuple[str, bytes]], attempt: int
) -> None:
    message = Message("t", 0, 0, b"k", b"v", tuple(headers))
    dead = dead_letters.headers_for(message, "p", InvalidRecord("r", "d"))
    again = dead_letters.headers_of_replay(dead, "ddl_1", attempt)
    ours = (dead_letters.HEADER_PREFIX, dead_letters.REPLAY_PREFIX)
    assert again[:-2] == [one for one in headers if not one[0].startswith(ours)]
    assert again[-2:] == [
        (dead_letters.REPLAY_OF, b"ddl_1"),
        (dead_letters.REPLAY_ATTEMPT, str(attempt).encode()),
    ]
    assert dead_letters.attempts(again) == attempt
    died_again = dead_letters.headers_for(
        Message("t", 0, 1, b"k", b"v", tuple(again)), "p", InvalidRecord("r", "d")
    )
    assert dead_letters.attempts(died_again) == attempt


@pytest.mark.parametrize(
    ("content", "count"),
    [(b"3", 3), (b"", 0), (b"-1", 0), (b"many", 0), (b"\xff", 0), (b"9" * 15, 2**31 - 1)],
)
def test_any_header_may_claim_to_be_an_attempt(content: bytes, count: int) -> None:
    assert dead_letters.attempts([(dead_letters.REPLAY_ATTEMPT, content)]) == count


def test_any_bytes_come_back_as_they_were(ledger: Ledger) -> None:
    chance = random.Random(7)

    def some(most: int) -> bytes:
        return chance.randbytes(chance.randrange(most))

    originals = [
        Message(
            topics.UPLOADED,
            0,
            offset,
            None if offset % 3 == 0 else some(50),
            None if offset % 3 == 1 else some(5_000),
            tuple((f"h{number % 3}\0é", some(40)) for number in range(offset % 5)),
            NOW,
        )
        for offset in range(30)
    ]
    project(ledger, [buried(one, at=NOW + one.offset) for one in originals])
    broker = Broker()
    outcomes = replayed(ledger, broker, stored(ledger))
    assert [one.sent_to for one in outcomes] == ["tracks.uploaded/0/7"] * 30
    assert [
        (topic, key, value, letter_headers[:-2])
        for topic, key, value, letter_headers in broker.sent
    ] == [(one.topic, one.key, one.value, one.headers) for one in originals]


def test_what_cannot_be_replayed_says_why(ledger: Ledger) -> None:
    nothing = buried(Message(topics.UPLOADED, 0, 1, None, None, (), NOW))
    large = buried(source("T-large", 2))
    left_out = (*large.headers, (dead_letters.VALUE, b"omitted"))
    large = Message(large.topic, 0, 0, large.key, b"", left_out, NOW + 1)
    project(ledger, [nothing, large])
    broker = Broker()
    outcomes = replayed(ledger, broker, stored(ledger))
    assert [one.sent_to for one in outcomes] == [None, None]
    assert "neither key nor value" in str(outcomes[0].refused)
    assert "left out" in str(outcomes[1].refused)
    assert "tracks.uploaded/0/2" in str(outcomes[1].refused)
    assert broker.sent == []
    assert {one.status for one in stored(ledger)} == {"open"}


def test_a_letter_that_comes_again_resets_nothing(ledger: Ledger) -> None:
    messages = [buried(source("T-1", 1)), buried(source("T-2", 2))]
    project(ledger, messages)
    first, second = stored(ledger)
    replayed(ledger, Broker(), [first])
    assert drop(ledger, [second], Operator("me", "a test file", "usr_me")) == [second]
    assert drop(ledger, [second], Operator("me", "once more", "usr_me")) == []  # nothing is added
    project(ledger, messages)
    assert {one.track_id: one.status for one in stored(ledger)} == {
        first.track_id: "replayed",
        second.track_id: "dropped",
    }
    assert stored(ledger, status="open") == []
    (noted,) = dead_letter_store.actions(ledger, second.dead_letter_id)
    assert (noted.action, noted.who, noted.why) == ("dropped", "me", "a test file")
    assert noted.recorded_at is not None
    question = select(AUDIT.c.actor, AUDIT.c.action).order_by(AUDIT.c.sequence)
    with ledger.reading() as connection:
        entries = [tuple(row) for row in connection.execute(question)]
    assert entries == [("on call", "dead_letter_replayed"), ("usr_me", "dead_letter_dropped")]
    assert dead_letter_store.get(ledger, second.dead_letter_id).value == second.value


def test_attempts_are_counted_over_repeated_deaths(ledger: Ledger) -> None:
    broker = Broker()
    project(ledger, [buried(source())])
    for death in range(1, 4):
        (letter,) = stored(ledger, status="open")
        assert letter.attempts == death - 1
        (outcome,) = replayed(ledger, broker, [letter])
        assert outcome.attempt == death
        topic, key, value, headers = broker.sent[-1]
        assert dict(headers)[dead_letters.REPLAY_OF] == letter.dead_letter_id.encode()
        # It fails again in a later stage, which has its headers.
        project(ledger, [buried(Message(topic, 0, death, key, value, headers, NOW))])
    assert len(stored(ledger)) == 4
    (letter,) = stored(ledger, status="open")
    (refused,) = replayed(ledger, broker, [letter], most=3)
    assert "replayed 3 times already" in refused.refused
    assert refusal(letter) is None  # by name it may be replayed all the same


def test_the_same_letter_may_be_replayed_twice(ledger: Ledger) -> None:
    project(ledger, [buried(source())])
    broker = Broker()
    for attempt in (1, 2):
        (outcome,) = replayed(ledger, broker, stored(ledger))
        assert outcome.attempt == attempt
    assert [letter_headers[-1][1] for *_, letter_headers in broker.sent] == [b"1", b"2"]


def test_one_that_the_broker_refuses_stays_open_and_stops_no_other(ledger: Ledger) -> None:
    project(ledger, [buried(source(f"T-{n}", n), at=NOW + n) for n in range(4)])
    fails = {b"T-1": MessageSizeTooLargeError(), b"T-2": KafkaTimeoutError()}
    outcomes = replayed(ledger, Broker(fails), stored(ledger))
    assert [one.refused is None for one in outcomes] == [True, False, False, True]
    assert [one.track_id for one in stored(ledger, status="open")] == ["T-1", "T-2"]


def test_a_ledger_that_goes_away_midway_says_that_nothing_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(ledger, [buried(source())])
    letters = stored(ledger)

    def away(*_: object) -> None:
        raise LedgerAway("locked")

    monkeypatch.setattr(ledger_module.Ledger, "transaction", away)
    with pytest.raises(LedgerAway, match="once more is harmless"):
        replayed(ledger, Broker(), letters)


def test_the_story_of_a_track_tells_it(ledger: Ledger) -> None:
    project(ledger, [buried(source())])
    replayed(ledger, Broker(), stored(ledger))
    assert [one.table for one in queries.story(ledger, "T-1")] == [
        "dead_letters",
        "dead_letter_actions",
    ]
    *_, last = narrated(ledger, "T-1")
    assert "replayed by on call: it is back" in last

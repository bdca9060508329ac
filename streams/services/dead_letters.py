"""Replaying and dropping dead letters.

A replay puts the original message back on its source topic. The ledger stores the replay with its
audit entry once the broker has acknowledged the message. After a crash in between, the dead letter
looks open; replaying it again is harmless, since the same content gives the same decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.contract import dead_letters, topics
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from streams.store import audit, dead_letter_store
from streams.store.database import Connection, Ledger, LedgerAway
from streams.store.dead_letter_store import Action, DeadLetter

WINDOW: Final = 500  # messages in flight; one transaction stores their actions


@dataclass(frozen=True)
class Operator:
    """Who acts and why; ``user_id`` is the audit log's actor, by default the name."""

    name: str
    why: str
    user_id: str = ""


@dataclass(frozen=True)
class Replay:
    """Result of replaying one dead letter."""

    letter: DeadLetter
    attempt: int = 0
    sent_to: str | None = None  # topic/partition/offset
    refused: str | None = None  # why it was not sent


def refusal(letter: DeadLetter, max_attempts: int | None = None) -> str | None:
    """Return why a dead letter cannot or should not be replayed; None: it may be."""
    if letter.omitted:
        return (
            "its bytes were too large for the dead-letter topic and were left out: deliver the "
            f"track again (the message was {letter.origin}, while the topic keeps it)"
        )
    if letter.key is None and letter.value is None:
        return "it has neither key nor value: no client can send that, and it is empty"
    if letter.source not in topics.ALL:
        return f"{letter.source!r} is none of Earmark's topics"
    if max_attempts is not None and letter.attempts >= max_attempts:
        return (
            f"it has been replayed {letter.attempts} times already; name it by its id to insist, "
            "or drop it"
        )
    return None


def replay(
    ledger: Ledger,
    settings: Settings,
    letters: Sequence[DeadLetter],
    by: Operator,
    max_attempts: int | None = None,
) -> Iterator[Replay]:
    """Replay dead letters in the order given; yield the outcome of each.

    Raises:
        BrokerAway: nothing was sent.
        LedgerAway: the messages of the last window were sent, but not stored as replayed.
    """
    producer, timeout_s = open_producer(settings, "replay"), settings.request_timeout_s
    try:
        for start in range(0, len(letters), WINDOW):
            window = letters[start : start + WINDOW]
            pending = [_send(producer, letter, max_attempts) for letter in window]
            outcomes = [_settle(outcome, future, 2 * timeout_s) for outcome, future in pending]
            _record_replays(ledger, by, [one for one in outcomes if one.sent_to is not None])
            yield from outcomes
    finally:
        producer.close(timeout=timeout_s)


def _record_replays(ledger: Ledger, by: Operator, sent: Sequence[Replay]) -> None:
    try:
        with ledger.transaction() as connection:
            _record(connection, "replayed", by, sent)
    except LedgerAway as error:
        raise LedgerAway(
            f"{len(sent)} messages were replayed and that could not be noted; to replay "
            f"them once more is harmless: {error}"
        ) from error


def drop(ledger: Ledger, letters: Sequence[DeadLetter], by: Operator) -> list[DeadLetter]:
    """Settle dead letters without a replay; their bytes stay.

    Returns:
        Those that were not dropped before: only they get an action and an audit entry.

    Raises:
        LedgerAway: nothing was stored.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)  # of two people at once, the second finds them dropped
        before = dead_letter_store.dropped(connection, [one.dead_letter_id for one in letters])
        new = [letter for letter in letters if letter.dead_letter_id not in before]
        _record(connection, "dropped", by, [Replay(letter, letter.attempts) for letter in new])
    return new


def _record(
    connection: Connection,
    action: Literal["replayed", "dropped"],
    by: Operator,
    settled: Sequence[Replay],
) -> None:
    if not settled:
        return
    now, actor, why = datetime.now(UTC), by.user_id or by.name, {"why": by.why}
    actions = [
        Action(
            *(one.letter.dead_letter_id, action, by.name, by.why, one.attempt, one.sent_to, now),
            *(one.letter.upload_id, one.letter.track_id),
        )
        for one in settled
    ]
    dead_letter_store.record(connection, actions)
    done = f"dead_letter_{action}"
    audit.append(
        connection, *(audit.Entry(actor, done, one.dead_letter_id, why) for one in actions)
    )


def _send(
    producer: KafkaProducer, letter: DeadLetter, max_attempts: int | None
) -> tuple[Replay, Any]:
    """Start one send; the second value is its future, None where there is none."""
    outcome = Replay(letter, attempt=letter.attempts + 1)
    if (refused := refusal(letter, max_attempts)) is not None:
        return replace(outcome, refused=refused), None
    headers = dead_letters.headers_of_replay(letter.headers, letter.dead_letter_id, outcome.attempt)
    try:
        sent = producer.send(letter.source, key=letter.key, value=letter.value, headers=headers)
    except KafkaError as error:
        return replace(outcome, refused=_not_taken(letter, error)), None
    return outcome, sent


def _settle(outcome: Replay, sent: Any, timeout_s: float) -> Replay:
    if sent is None:
        return outcome
    try:
        position = sent.get(timeout=timeout_s)
    except KafkaError as error:
        return replace(outcome, refused=_not_taken(outcome.letter, error))
    return replace(outcome, sent_to=f"{position.topic}/{position.partition}/{position.offset}")


def _not_taken(letter: DeadLetter, error: KafkaError) -> str:
    return f"{letter.source} did not take it: {error!r}"

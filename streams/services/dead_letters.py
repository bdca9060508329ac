"""Replaying and dropping dead letters.

A replay puts the original message (same key, value and headers, plus where it comes from)
back on its source topic, and counts once the broker has it. Only then is it noted in the
ledger: a crash in between makes a letter look open that was replayed, and replaying twice
is harmless, since ids are made of content: the second time gives the same decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.contract import dead_letters, topics
from streams.store import dead_letter_store as ledger_letters
from streams.store.database import Ledger, LedgerAway
from streams.store.dead_letter_store import Action, Letter

WINDOW: Final = 500  # messages on their way at once; one transaction notes them
MAX_ATTEMPTS: Final = 5  # replays of one message, unless it is named


@dataclass(frozen=True)
class Outcome:
    """What became of the wish to replay one letter."""

    letter: Letter
    attempt: int = 0
    sent_to: str | None = None  # topic/partition/offset
    refused: str | None = None  # why it stays where it is


def refusal(letter: Letter, max_attempts: int | None = None) -> str | None:
    """Return why a letter cannot or should not be replayed; None: it may be."""
    if letter.omitted:
        return (
            "its bytes were too large for the dead-letter topic and were left out: deliver the "
            f"track again (the message was {letter.origin}, while the topic keeps it)"
        )
    if letter.key is None and letter.value is None:
        return "it has neither key nor value: no client can send that, and it says nothing"
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
    producer: KafkaProducer,
    letters: Sequence[Letter],
    *,
    who: str,
    why: str,
    patience_s: float,
    max_attempts: int | None = None,
) -> Iterator[Outcome]:
    """Replay letters in the order given; yield what became of each.

    Raises:
        LedgerAway: the messages of the last window were sent and could not be noted.
    """
    for start in range(0, len(letters), WINDOW):
        pending = [
            _send(producer, letter, max_attempts) for letter in letters[start : start + WINDOW]
        ]
        ended = [_settle(outcome, future, patience_s) for outcome, future in pending]
        _note(ledger, [outcome for outcome in ended if outcome.sent_to is not None], who, why)
        yield from ended


def _note(ledger: Ledger, sent: Sequence[Outcome], who: str, why: str) -> None:
    try:
        ledger_letters.note(ledger, ((one.letter, _replayed(one, who, why)) for one in sent))
    except LedgerAway as error:
        raise LedgerAway(
            f"{len(sent)} messages were replayed and that could not be noted; to replay them "
            f"once more is harmless: {error}"
        ) from error


def _replayed(outcome: Outcome, who: str, why: str) -> Action:
    letter_id = outcome.letter.dead_letter_id
    return Action(letter_id, "replayed", who, why, outcome.attempt, outcome.sent_to)


def drop(ledger: Ledger, letters: Sequence[Letter], *, who: str, why: str) -> None:
    """Note that nobody needs to look at these any more; their bytes stay.

    Raises:
        LedgerAway: nothing was noted.
    """
    noted = (
        (letter, Action(letter.dead_letter_id, "dropped", who, why, letter.attempts))
        for letter in letters
    )
    ledger_letters.note(ledger, noted)


def _send(producer: KafkaProducer, letter: Letter, max_attempts: int | None) -> tuple[Outcome, Any]:
    """Start one send; the second value is its future, None where there is none."""
    outcome = Outcome(letter, attempt=letter.attempts + 1)
    refused = refusal(letter, max_attempts)
    if refused is not None:
        return replace(outcome, refused=refused), None
    headers = dead_letters.headers_of_replay(letter.headers, letter.dead_letter_id, outcome.attempt)
    try:
        sent = producer.send(letter.source, key=letter.key, value=letter.value, headers=headers)
    except KafkaError as error:
        return replace(outcome, refused=_said(letter, error)), None
    return outcome, sent


def _settle(outcome: Outcome, sent: Any, patience_s: float) -> Outcome:
    if sent is None:
        return outcome
    try:
        lies = sent.get(timeout=patience_s)
    except KafkaError as error:
        return replace(outcome, refused=_said(outcome.letter, error))
    return replace(outcome, sent_to=f"{lies.topic}/{lies.partition}/{lies.offset}")


def _said(letter: Letter, error: KafkaError) -> str:
    return f"{letter.source} did not take it: {error!r}"

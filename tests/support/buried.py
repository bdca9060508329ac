"""Dead letters as they lie on their topic, and in the ledger."""

from typing import Any

from detector.errors import BadInput
from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.services import timeline
from streams.store import dead_letter_store, queries
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetter, DeadLetterFilter
from tests.support.events import received

Headers = tuple[tuple[str, bytes], ...]


NOW = 1_795_000_000_000


def buried(
    source: Message, reason: str = "missing_file", processor: str = "fingerprint", at: int = NOW
) -> Message:
    """The dead letter of a message as it lies on its topic."""
    error = BadInput(reason, "why \x1b[2J\n it died")
    exact = dead_letters.exact_letter(source, processor, error)
    return Message(exact.topic, 0, 0, exact.key, exact.value, exact.headers, at)


def source(
    track: str = "T-1", offset: int = 0, headers: Headers = (), topic: str = topics.UPLOADED
) -> Message:
    event = received(track)
    return Message(topic, 0, offset, track.encode(), event.to_bytes(), headers, NOW)


def stored(ledger: Ledger, **filters: Any) -> list[DeadLetter]:
    return dead_letter_store.find(ledger, DeadLetterFilter(**filters))


def narrated(ledger: Ledger, track_id: str) -> list[str]:
    return [
        timeline.as_text(entry) for entry in timeline.story(queries.story(ledger, track_id), {})
    ]

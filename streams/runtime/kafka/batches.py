"""Batches of messages and what they end as: the words between the loop and its handlers."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from detector.errors import BadInput, EarmarkError
from streams.contract.dead_letters import Message
from streams.contract.records import Record
from streams.runtime.settings import Settings

log = structlog.get_logger()

LAST_MS: Final = 253_402_300_799_000  # the last second of a calendar; producers set any number


@dataclass(frozen=True)
class Answer:
    """A record that a message gives rise to; its headers (trace ids) travel on."""

    to: Message
    topic: str
    record: Record


@dataclass(frozen=True)
class Refused:
    """A message that cannot be handled, now or later."""

    message: Message
    error: BadInput


@dataclass(frozen=True)
class Handled:
    """What a batch ended as; messages that are not refused are done.

    ``answers`` may be made while they are sent: one message can give rise to very many.
    """

    refused: Sequence[Refused] = ()
    answers: Iterable[Answer] = ()


# Handles a batch, all or nothing. Raises BadInput where it cannot tell which message is to
# blame (it is then asked about each alone), Transient where the batch may succeed later.
Handler = Callable[[Sequence[Message]], Handled]
Opening = Callable[[Settings], AbstractContextManager[Handler]]
T = TypeVar("T")


def read_each(
    batch: Iterable[Message], read: Callable[[Message], T]
) -> tuple[list[tuple[Message, T]], list[Refused]]:
    """Read every message by itself, so that one that cannot be read harms no other.

    A bug that one message triggers makes that message a dead letter (``unexpected_error``)
    and does not stop its partition for ever.
    """
    good: list[tuple[Message, T]] = []
    refused: list[Refused] = []
    for message in batch:
        try:
            good.append((message, read(message)))
        except BadInput as error:
            refused.append(Refused(message, error))
        except EarmarkError:
            raise
        except Exception as error:
            log.exception("message_failed", origin=message.origin)
            detail = f"{type(error).__name__}: {error}"
            refused.append(Refused(message, BadInput("unexpected_error", detail)))
    return good, refused


def message_of(found: Any) -> Message:
    """Read what kafka-python calls a record."""
    return Message(
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
        key=found.key,
        value=found.value,
        # Kafka allows a header without a value.
        headers=tuple((name, value or b"") for name, value in found.headers or ()),
        timestamp_ms=min(max(0, found.timestamp or 0), LAST_MS),
    )

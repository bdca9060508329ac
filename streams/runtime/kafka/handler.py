"""The contract between a stage and Kafka: what a handler gets, returns and may raise.

    messages -> handle -> publish, awaited -> acknowledge

Two adapters run a handler. ``processor`` (Faust) gives it single events, many side by side.
``batch_consumer`` (kafka-python) gives it batches, one after the other: cheaper for a projection
into a database. ``handling`` is what both do with the result. A message is acknowledged after the
broker has acknowledged everything that it led to. After a crash the rest comes again, so a
handler may get the same message again at any time.

    BadInput        dead letter for the message; the rest of the batch goes on
    Transient       attempted again after growing pauses; then the process stops, unless other
                    messages are handled in the same time: then a dead letter ``attempts_exhausted``
    SenderAway      attempted again; then a dead letter ``unreachable``
    NotYet          attempted again until it succeeds
    Fatal           the process stops
    anything else   a bug that one input triggers: dead letter ``unexpected_error``, so that one
                    message does not stop its partition for ever
    broker trouble  never a dead letter: the batch adapter goes back to the start of the batch,
                    the event adapter stops, and the messages come again
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from detector.errors import BadInput, EarmarkError, SenderAway, Transient
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import AHEAD, InvalidRecord, Record
from streams.runtime import metrics, tracing

log = structlog.get_logger()

AHEAD_MS: Final = int(AHEAD.total_seconds() * 1_000)


@dataclass(frozen=True)
class Refused:
    """A message that cannot be handled, now or later."""

    message: Message
    error: BadInput


@dataclass(frozen=True)
class Handled:
    """The result of a batch: messages that are not refused are done.

    Each output names the message that it follows from; its headers (trace ids) travel on.
    ``outputs`` may be generated while they are sent: one message can lead to very many.
    """

    refused: Sequence[Refused] = ()
    outputs: Iterable[tuple[Message, Output]] = ()


Handler = Callable[[Sequence[Message]], Awaitable[Handled]]
"""Handles a batch, all or nothing. Where it raises BadInput (or has a bug), the messages of the
batch are handled one by one."""

T = TypeVar("T")
E = TypeVar("E", bound=Record)


def each(
    processor: str, record_type: type[E], handle: Callable[[E], Awaitable[Sequence[Output]]]
) -> Handler:
    """Return a handler that parses each message and gives ``handle`` its record."""

    async def handle_each(batch: Sequence[Message]) -> Handled:
        records, refused = read_each(batch, lambda message: _keyed(record_type, message))
        outputs: list[tuple[Message, Output]] = []
        for message, record in records:
            upload_id = getattr(record, "upload_id", None)
            if upload_id is not None:  # for the logs and the span, also of a failure
                structlog.contextvars.bind_contextvars(upload_id=upload_id)
                tracing.note({"earmark.upload_id": upload_id})
            with tracing.stage(processor, "handle"):
                outputs += [(message, output) for output in await handle(record)]
        return Handled(refused, outputs)

    return handle_each


def blocking(processor: str, handle: Callable[[Sequence[Message]], Handled]) -> Handler:
    """Return a handler that runs a blocking one in a thread."""

    async def handle_in_thread(batch: Sequence[Message]) -> Handled:
        with metrics.STAGE_SECONDS.labels(processor, "handle").time():
            return await asyncio.to_thread(handle, batch)

    return handle_in_thread


def read_each(
    batch: Iterable[Message], read: Callable[[Message], T]
) -> tuple[list[tuple[Message, T]], list[Refused]]:
    """Read each message by itself; return those that were read, and those that cannot be."""
    good: list[tuple[Message, T]] = []
    refused: list[Refused] = []
    for message in batch:
        try:
            good.append((message, read(message)))
        except BadInput as error:
            refused.append(Refused(message, error))
        except EarmarkError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug that this message triggers
            refused.append(Refused(message, unexpected(message, error)))
    return good, refused


def unexpected(message: Message, error: BaseException) -> BadInput:
    """Log a bug and return the reason of the message's dead letter."""
    log.error("handler_failed", origin=message.origin, exc_info=error)
    return BadInput("unexpected_error", f"{type(error).__name__}: {error}")


def exhausted(message: Message, error: Exception) -> BadInput:
    """Return the reason of the dead letter of a message that failed in its last attempt."""
    if isinstance(error, BadInput):
        return error
    if isinstance(error, SenderAway):
        metrics.UNREACHABLE.labels(error.reason).inc()
        return BadInput("unreachable", str(error))
    if isinstance(error, Transient):
        return BadInput("attempts_exhausted", f"{type(error).__name__}: {error}")
    return unexpected(message, error)


def message_of(delivery: Any, timestamp_ms: float | None) -> Message:
    """Return a message of Faust or a record of kafka-python as ours."""
    return Message(
        topic=delivery.topic,
        partition=delivery.partition,
        offset=delivery.offset,
        key=delivery.key,
        value=delivery.value,
        # Kafka allows a header without a value.
        headers=tuple((name, value or b"") for name, value in delivery.headers or ()),
        timestamp_ms=_time_ms(int(timestamp_ms or 0)),
    )


def _time_ms(timestamp_ms: int) -> int:
    """Return a record's time, of which producers set any; one of the future is the clock's."""
    now_ms = int(time.time() * 1_000)
    return max(0, timestamp_ms) if timestamp_ms <= now_ms + AHEAD_MS else now_ms


def _keyed(record_type: type[E], message: Message) -> E:
    if message.key is None:
        raise InvalidRecord("invalid_record", "the message has no key")
    return message.record(record_type)

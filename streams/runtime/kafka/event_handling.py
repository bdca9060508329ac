"""How one event ends: as its outputs, as a dead letter, or with a stop of the worker.

    parse -> handle (retried where the reason passes) -> publish -> acknowledge

    BadInput            dead letter
    Transient           tried again with growing pauses; then the worker stops
    Fatal               the worker stops
    anything else       a bug that this input triggers: dead letter ``unexpected_error``,
                        so that one poisonous event does not stop its partition for ever
    broker trouble      the worker stops: never a dead letter, the input is not at fault

An event is acknowledged only after the broker has acknowledged what it ended as.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, Literal, TypeVar

import structlog

from detector.errors import BadInput, EarmarkError, Transient
from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import MAX_RECORD_BYTES, InvalidRecord, Record, parse
from streams.runtime import metrics, tracing
from streams.runtime.kafka.acks import Alive
from streams.runtime.kafka.publisher import Outgoing, Publisher, RecordTooLarge
from streams.runtime.settings import Settings

log = structlog.get_logger()

MAX_DEAD_KEY_BYTES = 10_000  # of a dead letter that must shed its value

E = TypeVar("E", bound=Record)
Handler = Callable[[E], Awaitable[Sequence["Output"]]]
Ending = Literal["emitted", "dead_letter", "revoked"]


class Handling(Generic[E]):
    """Ends events of one topic; the ``Work`` of an ``OrderedAcker``."""

    def __init__(
        self,
        processor: str,
        record_type: type[E],
        handler: Handler[E],
        publisher: Publisher,
        settings: Settings,
    ) -> None:
        self._processor = processor
        self._record_type = record_type
        self._handler = handler
        self._publisher = publisher
        self._settings = settings
        self._limit = dead_letters.Limit(settings.dead_letter_share, settings.dead_letter_window)

    async def __call__(self, event: Any, alive: Alive) -> None:
        """End one event.

        Returns when it may be acknowledged (or is no longer ours); raises what must stop
        the worker.
        """
        message = message_of(event.message)
        metrics.RECEIVED.labels(self._processor).inc()
        with (
            structlog.contextvars.bound_contextvars(
                topic=message.topic, partition=message.partition, offset=message.offset
            ),
            tracing.span(
                f"{self._processor} {message.topic}",
                "consumer",
                headers=message.headers,
                attributes=message.traced,
            ),
        ):
            try:
                ending = await self._end(message, alive)
            except asyncio.CancelledError:
                metrics.ENDED.labels(self._processor, "revoked").inc()
                raise
        metrics.ENDED.labels(self._processor, ending).inc()
        if ending != "revoked":
            self._limit.count(dead=ending == "dead_letter")

    async def _end(self, message: Message, alive: Alive) -> Ending:
        try:
            outgoing = await self._outgoing(message, alive)
            if outgoing is None or not alive():
                return "revoked"
            with tracing.stage(self._processor, "publish"):
                await self._publisher.publish(outgoing)
        except BadInput as error:
            return await self._bury(message, error, alive)
        return "emitted"

    async def _outgoing(self, message: Message, alive: Alive) -> list[Outgoing] | None:
        """Return what the event becomes, or None where it is no longer ours."""
        try:
            if message.key is None:
                raise InvalidRecord("invalid_record", "the message has no key")
            record = parse(self._record_type, message.value)
            # Until the end of this event's task, so that the logs of its failure have it.
            upload_id = getattr(record, "upload_id", None)
            structlog.contextvars.bind_contextvars(upload_id=upload_id)
            if upload_id is not None:
                tracing.note({"earmark.upload_id": upload_id})
            outputs = await self._handle(record, alive)
            if outputs is None:
                return None
            kept = tracing.carried(dead_letters.headers_of_life(message))
            return [_outgoing(output, kept) for output in outputs]
        except EarmarkError:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Somebody cancelled what the handler waits for, not us: ending here would
            # leave the event neither done nor failed.
            log.exception("handler_failed")
            raise BadInput("unexpected_error", "the handler was cancelled") from error
        except Exception as error:
            log.exception("handler_failed")
            raise BadInput("unexpected_error", f"{type(error).__name__}: {error}") from error

    async def _handle(self, record: E, alive: Alive) -> Sequence[Output] | None:
        settings = self._settings
        for attempt in range(settings.retry_attempts):
            try:
                with tracing.stage(self._processor, "handle"):
                    return await self._handler(record)
            except Transient as error:
                metrics.RETRIES.labels(self._processor).inc()
                if attempt + 1 == settings.retry_attempts:
                    raise
                pause = min(settings.retry_cap_s, settings.retry_base_s * 2**attempt)
                # Jitter: many events fail together and must not come back together.
                pause *= 0.5 + random.random()  # noqa: S311
                log.info("try_failed", attempt=attempt + 1, pause_s=pause, error=str(error))
                await asyncio.sleep(pause)
                if not alive():
                    return None
        raise AssertionError("unreachable: there is at least one attempt")

    async def _bury(self, message: Message, error: BadInput, alive: Alive) -> Ending:
        for letter in self._letters(message, error):
            if not alive():
                return "revoked"
            try:
                with tracing.stage(self._processor, "publish"):
                    await self._publisher.publish([letter])
            except RecordTooLarge:
                continue
            metrics.DEAD_LETTERS.labels(self._processor, error.reason).inc()
            tracing.failed(error.reason)
            log.warning("dead_letter_sent", reason=error.reason, detail=error.detail)
            return "dead_letter"
        raise error  # unreachable in practice: the last letter is a few hundred bytes

    def _letters(self, message: Message, error: BadInput) -> list[Outgoing]:
        """Return the dead letter, and a smaller one in case the broker refuses it."""
        topic = topics.dead(message.topic)
        headers = dead_letters.headers_for(message, self._processor, error)
        exact = Outgoing(topic, message.key, message.value, tuple(headers))
        if message.key is None and message.value is None:
            null = (*headers, (dead_letters.VALUE, b"null"))
            exact = replace(exact, value=b"", headers=null)
        bare = dead_letters.headers_for(replace(message, headers=()), self._processor, error)
        key = message.key if len(message.key or b"") <= MAX_DEAD_KEY_BYTES else None
        omitted = (*bare, (dead_letters.VALUE, b"omitted"))
        return [exact, Outgoing(topic, key, b"", omitted)]


def message_of(delivery: Any) -> Message:
    """Read what Faust calls a message."""
    return Message(
        topic=delivery.topic,
        partition=delivery.partition,
        offset=delivery.offset,
        key=delivery.key,
        value=delivery.value,
        # Kafka allows a header without a value.
        headers=tuple((name, value or b"") for name, value in delivery.headers or ()),
        timestamp_ms=int((delivery.timestamp or 0) * 1000),
    )


def _outgoing(output: Output, headers: tuple[tuple[str, bytes], ...]) -> Outgoing:
    value = output.record.to_bytes()
    if len(value) > MAX_RECORD_BYTES:
        raise RecordTooLarge(
            detail=f"the output for {output.topic} has {len(value)} bytes, over {MAX_RECORD_BYTES}"
        )
    return Outgoing(output.topic, output.record.key.encode(), value, headers)

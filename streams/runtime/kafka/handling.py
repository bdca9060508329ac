"""How messages end: as outputs or as dead letters (contract: ``handler``).

``Handling`` serves both adapters; ``EventHandling`` is the event adapter's part.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Final, Protocol

import structlog

from detector.errors import (
    BadInput,
    EarmarkError,
    Fatal,
    NotYet,
    OwnSideAway,
    SenderAway,
    SingleReason,
    Transient,
)
from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Outgoing, Output
from streams.contract.records import MAX_RECORD_BYTES
from streams.runtime import metrics, tracing
from streams.runtime.health import Health
from streams.runtime.kafka.acks import Alive
from streams.runtime.kafka.handler import (
    Handled,
    Handler,
    Refused,
    exhausted,
    message_of,
    unexpected,
)
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings

log = structlog.get_logger()

AT_ONCE: Final = 5_000  # messages that wait for the broker's acknowledgement
NOT_OF_A_MESSAGE: Final = (OwnSideAway, Fatal, NotYet)
MOST_FAILURES: Final = 4  # of single messages before the first success: then our side fails
OTHERS: Final = 20  # events that end well while one fails again and again: it is to blame
CONDITION: Final = "dead_letters_within_limit"  # in ``/ready``
REASONS: Final = metrics.Names()  # a decode process in foreign hands may say any


class UnreadableBatch(SingleReason, reason="unreadable_batch"):
    """No client can read these records; they are passed over."""


class RecordTooLarge(SingleReason, reason="record_too_large"):
    """A record is larger than the broker, or the reader behind it, accepts."""


@contextmanager
def paused(processor: str, health: Health, reason: str) -> Iterator[None]:
    """Show that the process consumes nothing, while it lasts.

    A pause and no end: the process that is started again would only begin to drain its topic into
    dead letters anew. It keeps its partitions, where the events wait.
    """
    log.error("processor_paused", reason=reason)
    metrics.PAUSED.labels(processor).set(1)
    health.set(CONDITION, False)
    yield
    health.set(CONDITION, True)
    metrics.PAUSED.labels(processor).set(0)
    log.info("processor_resumed")


class Publisher(Protocol):
    """A producer, as an adapter gives it to ``Handling``."""

    async def publish(self, messages: Sequence[Outgoing]) -> Sequence[RecordTooLarge | None]:
        """Send in this order; return when the broker has acknowledged all but the too large.

        Returns:
            One value for each message: None, or why it is not stored.

        Raises:
            EarmarkError: the broker is away, refuses us, or has no such topic.
        """


class Handling:
    """Ends batches of messages of one process; ``end`` and ``isolate`` serve ``batch_consumer``."""

    def __init__(
        self, processor: str, handler: Handler, publisher: Publisher, settings: Settings
    ) -> None:
        self._processor = processor
        self._handler = handler
        self._publisher = publisher
        self._limit = dead_letters.Limit(settings.dead_letter_share, settings.dead_letter_window)
        # origin, reason and sender
        self._dead: deque[tuple[str, str, str]] = deque(maxlen=10_000)  # not counted yet

    async def handle(self, batch: Sequence[Message]) -> Handled:
        """Return what the handler makes of a batch; where it fails, of each message alone.

        Raises:
            Transient: the batch may succeed later.
            Fatal: the process must stop.
        """
        unread = [(one, why) for one in batch if (why := one.unread) is not None]
        if unread:
            refused = [Refused(message, UnreadableBatch(why)) for message, why in unread]
            readable = [one for one in batch if one.unread is None]
            handled = await self.handle(readable) if readable else Handled([])
            return Handled([*refused, *handled.refused], handled.outputs)
        try:
            return await self._handler(batch)
        except BadInput as error:
            if len(batch) == 1:
                return Handled([Refused(batch[0], error)])
        except EarmarkError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # ours; else what the handler waits for was cancelled, which is a bug
            if len(batch) == 1:
                return Handled([Refused(batch[0], unexpected(batch[0], error))])
        parts = [await self.handle([message]) for message in batch]
        return Handled(
            [refused for part in parts for refused in part.refused],
            chain.from_iterable(part.outputs for part in parts),
        )

    async def end(self, batch: Sequence[Message], spans: tracing.Many) -> int:
        """Handle a batch and publish what follows; return the number of dead letters."""
        return await self.publish(await self.handle(batch), spans) or 0

    async def isolate(self, batch: Sequence[Message], spans: tracing.Many) -> int:
        """End a batch that failed in its last attempt: bisect it, refuse what fails by itself.

        A message is to blame only if another one is handled between its last two failures. Where
        no message of the batch can be handled, it is our side that fails.

        Returns:
            The number of dead letters.

        Raises:
            EarmarkError: what must stop the process.
        """
        dead = 0
        good: list[Message] = []
        failed: list[tuple[Message, Exception]] = []

        async def apart(messages: Sequence[Message]) -> None:
            nonlocal dead
            try:
                dead += await self.end(messages, spans)
                good.append(messages[0])
            except NOT_OF_A_MESSAGE:
                raise
            except Exception as error:
                if len(messages) == 1:
                    failed.append((messages[0], error))
                    if not good and len(failed) > MOST_FAILURES:
                        raise
                    return
                middle = len(messages) // 2
                await apart(messages[:middle])
                await apart(messages[middle:])

        await apart(batch)
        for message, failure in failed:
            if not good:
                raise failure
            await self.handle(good[:1])
            try:
                dead += await self.end([message], spans)
            except NOT_OF_A_MESSAGE:
                raise
            except Exception as error:  # noqa: BLE001 - a bug that this message triggers, too
                refused = Refused(message, exhausted(message, error))
                dead += await self._bury([refused], spans, lambda: True) or 0
        return dead

    async def publish(
        self, handled: Handled, spans: tracing.Many, alive: Alive = lambda: True
    ) -> int | None:
        """Publish the outputs, and a dead letter for each message that is refused.

        Returns:
            The number of dead letters; None where the partition was revoked before the end.

        Raises:
            EarmarkError: see ``Publisher``.
        """
        refused = {one.message.origin: one for one in handled.refused}
        outputs = iter(handled.outputs)
        while chunk := list(islice(outputs, AT_ONCE)):
            if not alive():
                return None
            refused |= await self._publish(chunk, spans)
        return await self._bury(list(refused.values()), spans, alive)

    def count(self, messages: Sequence[Message], dead: int) -> str | None:
        """Count ended messages; return why the process must pause (``dead_letters.Limit``)."""
        metrics.ENDED.labels(self._processor, "dead_letter").inc(dead)
        metrics.ENDED.labels(self._processor, "emitted").inc(len(messages) - dead)
        letters = [self._dead.popleft() for _ in range(dead)]
        origins = {origin for origin, _, _ in letters}
        good = [one for one in messages if one.origin not in origins]
        reasons = [self._limit.count(None, dead_letters.sender_of(one)) for one in good]
        reasons += [self._limit.count(reason, sender) for _, reason, sender in letters]
        return next(filter(None, reasons), None)

    async def _publish(
        self, chunk: Iterable[tuple[Message, Output]], spans: tracing.Many
    ) -> dict[str, Refused]:
        refused: dict[str, Refused] = {}
        ready: list[tuple[Message, Outgoing]] = []
        for message, output in chunk:
            try:
                with spans.within(message.origin):
                    ready.append((message, _outgoing(message, output)))
            except Exception as error:  # noqa: BLE001 - a text that no encoding takes, for one
                refused[message.origin] = Refused(message, exhausted(message, error))
        ready = [(message, sent) for message, sent in ready if message.origin not in refused]
        errors = await self._publisher.publish([sent for _, sent in ready]) if ready else ()
        for (message, _), too_large in zip(ready, errors, strict=True):
            if too_large is not None:
                refused[message.origin] = Refused(message, too_large)
        return refused

    async def _bury(
        self, refused: Sequence[Refused], spans: tracing.Many, alive: Alive
    ) -> int | None:
        left = [one for one in refused if one.message.topic not in topics.DEAD]  # it lies there
        for letter in (dead_letters.exact_letter, dead_letters.bare_letter):
            if not left:
                break
            if not alive():
                return None
            letters = [letter(one.message, self._processor, one.error) for one in left]
            errors = await self._publisher.publish(letters)
            left = [one for one, error in zip(left, errors, strict=True) if error is not None]
        if left:  # a few kilobytes each
            raise Fatal(f"the broker refuses the dead letter of {left[0].message.origin}")
        for buried in refused:
            reason = buried.error.reason
            sender = dead_letters.sender_of(buried.message)
            self._dead.append((buried.message.origin, reason, sender))
            metrics.DEAD_LETTERS.labels(self._processor, REASONS(reason)).inc()
            with spans.within(buried.message.origin):
                tracing.failed(reason)
                log.warning(
                    "dead_letter_sent",
                    origin=buried.message.origin,
                    reason=reason,
                    detail=buried.error.detail,
                )
        return len(refused)


class EventHandling:
    """Ends events of one topic, as Faust delivers them; the ``Work`` of an ``OrderedAcker``.

        handle (attempted again where the reason is transient) -> publish -> acknowledge

    Each event has its own attempts, so one that waits holds up only its own acknowledgement.
    ``pause`` is called with the reason when there are too many dead letters.
    """

    def __init__(
        self,
        processor: str,
        handler: Handler,
        publisher: Publisher,
        settings: Settings,
        pause: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._processor, self._pause = processor, pause
        self._handling = Handling(processor, handler, publisher, settings)
        self._handled = 0
        self._retry = RetryPolicy(processor, settings)

    async def __call__(self, event: Any, alive: Alive) -> None:
        """End one event.

        Returns when it may be acknowledged (or its partition was revoked).

        Raises:
            EarmarkError: what must stop the worker.
        """
        message = message_of(event.message, (event.message.timestamp or 0) * 1_000)
        metrics.RECEIVED.labels(self._processor).inc()
        with (
            structlog.contextvars.bound_contextvars(
                topic=message.topic, partition=message.partition, offset=message.offset
            ),
            tracing.received(f"{self._processor} {message.topic}", [message]) as spans,
            spans.within(message.origin),
        ):
            try:
                dead = await self._end(message, spans, alive)
            except asyncio.CancelledError:
                metrics.ENDED.labels(self._processor, "revoked").inc()
                raise
        if dead is None:
            metrics.ENDED.labels(self._processor, "revoked").inc()
        elif reason := self._handling.count([message], dead):
            self._pause(reason)

    async def _end(self, message: Message, spans: tracing.Many, alive: Alive) -> int | None:
        handled = await self._attempts(message, alive)
        if handled is None or not alive():
            return None
        with tracing.stage(self._processor, "publish"):
            return await self._handling.publish(handled, spans, alive)

    async def _attempts(self, message: Message, alive: Alive) -> Handled | None:
        before: list[int] = []  # events handled before each failure

        async def attempt() -> Handled | None:
            if not alive():
                return None
            try:
                handled = await self._handling.handle([message])
            except Transient:
                before.append(self._handled)
                raise
            self._handled += not handled.refused
            return handled

        try:
            return await self._retry.call_async(attempt)
        except OwnSideAway:
            raise
        except Transient as error:
            if not isinstance(error, SenderAway) and before[-1] - before[0] < OTHERS:
                raise
            return Handled([Refused(message, exhausted(message, error))])


def _outgoing(message: Message, output: Output) -> Outgoing:
    value = output.record.to_bytes()
    if len(value) > MAX_RECORD_BYTES:
        raise RecordTooLarge(
            f"the output for {output.topic} has {len(value)} bytes, over {MAX_RECORD_BYTES}"
        )
    headers = tracing.carried(dead_letters.headers_of_life(message))
    at_ms = output.timestamp_ms(time.time_ns() // 1_000_000)
    return Outgoing(output.topic, output.record.key.encode(), value, headers, at_ms)

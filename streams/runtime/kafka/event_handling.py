"""The event adapter's part of the contract (``handler``): one event, as Faust delivers it.

    handle (attempted again where the reason is transient) -> publish -> acknowledge

Each event has its own attempts, so one that waits holds up only its own acknowledgement.
"""

import asyncio
from typing import Any

import structlog

from streams.contract.dead_letters import Message
from streams.runtime import metrics, tracing
from streams.runtime.kafka.acks import Alive
from streams.runtime.kafka.handler import Handled, Handler, message_of
from streams.runtime.kafka.handling import Handling, Publisher
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings


class EventHandling:
    """Ends events of one topic; the ``Work`` of an ``OrderedAcker``."""

    def __init__(
        self, processor: str, handler: Handler, publisher: Publisher, settings: Settings
    ) -> None:
        self._processor = processor
        self._handling = Handling(processor, handler, publisher, settings)
        self._retry = RetryPolicy(processor, settings)

    async def __call__(self, event: Any, alive: Alive) -> None:
        """End one event.

        Returns when it may be acknowledged (or its partition was revoked).

        Raises:
            EarmarkError: what must stop the worker.
        """
        message = message_of(event.message, (event.message.timestamp or 0) * 1_000)
        metrics.RECEIVED.labels(self._processor).inc()
        name = f"{self._processor} {message.topic}"
        traced = tracing.Traced(message.origin, message.headers, message.traced)
        with (
            structlog.contextvars.bound_contextvars(
                topic=message.topic, partition=message.partition, offset=message.offset
            ),
            tracing.many(name, "consumer", [traced]) as spans,
            spans.within(message.origin),
        ):
            try:
                dead = await self._end(message, spans, alive)
            except asyncio.CancelledError:
                metrics.ENDED.labels(self._processor, "revoked").inc()
                raise
        if dead is None:
            metrics.ENDED.labels(self._processor, "revoked").inc()
        else:
            self._handling.count(1, dead)

    async def _end(self, message: Message, spans: tracing.Many, alive: Alive) -> int | None:
        async def attempt() -> Handled | None:
            return await self._handling.handle([message]) if alive() else None

        handled = await self._retry.call_async(attempt)
        if handled is None or not alive():
            return None
        with tracing.stage(self._processor, "publish"):
            return await self._handling.publish(handled, spans, alive)

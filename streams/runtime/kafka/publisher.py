"""Publishing: a record counts as published once the broker has it on all replicas."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from detector.errors import BadInput, Fatal
from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.security import client_security, explained
from streams.runtime.settings import Settings

LINGER_MS = 5  # gathers what many events publish at once; longer only adds latency


class RecordTooLarge(BadInput):
    """A record is larger than the broker, or the reader behind it, takes."""

    def __init__(self, reason: str = "record_too_large", detail: str = "") -> None:
        super().__init__(reason, detail)


class PublishFailed(Fatal):
    """The broker did not take a record in time: the worker stops, the input comes again.

    Never a dead letter: nothing is wrong with the input.
    """


@dataclass(frozen=True)
class Outgoing:
    """A message on its way to the broker."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Publisher(Protocol):
    """What the handling of an event needs of a producer."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send in this order and return when the broker has acknowledged all.

        Raises:
            RecordTooLarge: one is too large; others may have been published.
            PublishFailed: the broker is away, refuses us, or has no such topic.
        """


class KafkaPublisher:
    """The real one. Not idempotent in Kafka's sense: after a lost acknowledgement a record
    may lie there twice, which readers must bear anyway, and the embedded broker cannot do
    it; an idempotent producer also never gives up, and a stuck worker must.
    """

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: Any = None

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerAway: no broker answers; start again later.
            BrokerRefuses: one answers, and does not let us in.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.brokers.split(","),
            client_id=self._client_id,
            acks="all",
            linger_ms=LINGER_MS,
            request_timeout_ms=int(self._settings.request_timeout_s * 1000),
            max_request_size=MAX_DEAD_LETTER_BYTES,
            **client_security(self._settings),
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise BrokerAway(await asyncio.to_thread(explained, self._settings, error)) from error
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def topics(self) -> set[str]:
        """Ask the broker for all topics; also the way to see whether it is there.

        Raises:
            aiokafka.errors.KafkaError: it is not.
        """
        cluster = await self._producer.client.fetch_all_metadata()
        return set(cluster.topics())

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """See ``Publisher.publish``."""
        try:
            # The producer's own limit is per request; this one is for what it forgets.
            async with asyncio.timeout(2 * self._settings.request_timeout_s):
                sent = [await self._send(message) for message in messages]
                for result in await asyncio.gather(*sent, return_exceptions=True):
                    if isinstance(result, asyncio.CancelledError):
                        raise ConnectionError("the producer has been closed")
                    if isinstance(result, BaseException):
                        raise result
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            raise RecordTooLarge(detail=f"the broker refuses the record: {error}") from error
        except Exception as error:
            names = ", ".join(sorted({message.topic for message in messages}))
            raise PublishFailed(f"no acknowledgement from {names}: {error!r}") from error

    async def _send(self, message: Outgoing) -> Any:
        return await self._producer.send(
            message.topic, message.value, key=message.key, headers=list(message.headers)
        )

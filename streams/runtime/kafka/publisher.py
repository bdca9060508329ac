"""Publishing with aiokafka: a record is published once the broker has it on all replicas."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from detector.errors import Fatal
from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES
from streams.contract.output import Outgoing
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.handling import RecordTooLarge
from streams.runtime.kafka.security import client_security, explained
from streams.runtime.settings import Settings

LINGER_MS = 5  # gathers what many events publish at once; longer only adds latency
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class PublishFailed(Fatal):
    """The broker did not take a record in time: the worker stops, the input comes again."""


class KafkaPublisher:
    """The publisher of the event adapter.

    Not idempotent in Kafka's sense: after a lost acknowledgement a record may be stored twice,
    which readers must bear anyway. The embedded broker does not support idempotent producers, and
    such a producer never gives up, which a stuck worker must.
    """

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: Any = None

    async def start(self) -> None:
        """Connect, unless it is connected.

        Raises:
            BrokerAway: no broker answers; start again later.
            BrokerRefuses: one answers, and does not let us in.
        """
        if self._producer is not None:
            return
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
        except BaseException as error:
            await producer.stop()
            if not isinstance(error, KafkaError):
                raise
            raise BrokerAway(await asyncio.to_thread(explained, self._settings, error)) from error
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

    async def publish(self, messages: Sequence[Outgoing]) -> list[RecordTooLarge | None]:
        """See ``handling.Publisher``.

        Raises:
            PublishFailed: the broker is away, refuses us, or has no such topic.
        """
        try:
            # The producer's own limit is per request; this one is for what it forgets.
            async with asyncio.timeout(2 * self._settings.request_timeout_s):
                sent = [await self._send(message) for message in messages]
                results = await asyncio.gather(*sent, return_exceptions=True)
            return [_too_large(result) for result in results]
        except Exception as error:
            names = ", ".join(sorted({message.topic for message in messages}))
            raise PublishFailed(f"no acknowledgement from {names}: {error!r}") from error

    async def _send(self, message: Outgoing) -> asyncio.Future[Any]:
        """Return the future of the acknowledgement; of a record that is too large, of why."""
        try:
            future: asyncio.Future[Any] = await self._producer.send(
                message.topic,
                message.value,
                key=message.key,
                headers=list(message.headers),
                timestamp_ms=message.timestamp_ms,
            )
        except TOO_LARGE as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        return future


def _too_large(result: object) -> RecordTooLarge | None:
    """Return why a record is too large, None where it is stored; raise any other failure."""
    if isinstance(result, TOO_LARGE):
        return RecordTooLarge(f"the broker refuses the record: {result}")
    if isinstance(result, asyncio.CancelledError):
        raise ConnectionError("the producer has been closed")
    if isinstance(result, BaseException):
        raise result
    return None

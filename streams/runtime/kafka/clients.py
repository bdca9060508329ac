"""kafka-python clients, set up in one place; ``security`` adds TLS and SASL.

They serve what runs outside the Faust processors: the ingest hook, the ledger, the catalogue.
Topics are never created by using them: a misspelt name is an error.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, TypeVar

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES, Message
from streams.contract.records import Record
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.handler import message_of
from streams.runtime.kafka.security import client_security, explained, plain_security
from streams.runtime.patches import group_leave, kafka_python, record_batches
from streams.runtime.settings import Settings

BOOTSTRAP_MS: Final = 5_000  # for one attempt
RECONNECT_MS: Final = 3_000
METADATA_AGE_MS: Final = 15_000
HEARTBEATS_PER_SESSION: Final = 4
LINGER_MS: Final = 5  # gathers a batch; longer only adds latency
SEND_WINDOW: Final = 1_000  # records in flight
POLL_BYTES: Final = 8 * 2**20  # after which a poll returns what it has
POLL_RECORDS: Final = 16  # taken at once; each may have ``MAX_DEAD_LETTER_BYTES``, packed into few

C = TypeVar("C")


def kafka_client_settings(settings: Settings) -> dict[str, Any]:
    """Return what every client is given: where the broker is, and how to talk to it."""
    return _common(settings) | client_security(settings)


def plain_client_settings(settings: Settings, group: str) -> dict[str, Any]:
    """Return what a member of ``group`` is given, as JSON can hold it: for another process."""
    return _common(settings) | _membership(settings, group) | plain_security(settings)


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": [server.strip() for server in settings.brokers.split(",")],
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        # After an outage a client should not sit out another half minute (its default).
        "reconnect_backoff_max_ms": RECONNECT_MS,
        # kafka-python 3.0 loses a metadata request that is made while another is in flight. The
        # leader of a group then assigns nothing until its metadata age (default: 5 minutes).
        "metadata_max_age_ms": METADATA_AGE_MS,
        "allow_auto_create_topics": False,
    }


def _membership(settings: Settings, group: str) -> dict[str, Any]:
    # The session is the setting's and not the client's default: the embedded broker withholds
    # every join for half a session.
    session_ms = int(settings.session_timeout_s * 1000)
    return {
        "client_id": f"{settings.group_prefix}.{group}",
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": max(1, session_ms // HEARTBEATS_PER_SESSION),
        "fetch_max_wait_ms": settings.fetch_max_wait_ms,
        "request_timeout_ms": max(session_ms + 1_000, int(settings.request_timeout_s * 1000)),
    }


def opened(settings: Settings, connect: Callable[[], C]) -> C:
    """Return the client that ``connect`` makes.

    Raises:
        BrokerAway: no broker answers.
        BrokerRefuses: a broker answers and refuses us.
    """
    try:
        return connect()
    except KafkaError as error:
        raise BrokerAway(explained(settings, error)) from error


def open_producer(settings: Settings, client_id: str) -> KafkaProducer:
    """Return a producer whose sends count only once all in-sync replicas have them.

    A send ends, well or not, within ``request_timeout_s``. Therefore the producer is not
    idempotent in Kafka's sense: an idempotent one of kafka-python 3.0.12 never ends the sends that
    an outage of that length has caught. A record may be stored twice after a lost acknowledgement,
    which readers must bear anyway. The order is kept: a request waits for the one before it.

    Raises:
        BrokerAway, BrokerRefuses: see ``opened``.
    """
    timeout_ms = int(settings.request_timeout_s * 1000)
    return opened(
        settings,
        lambda: KafkaProducer(
            **kafka_client_settings(settings),
            client_id=f"{settings.group_prefix}.{client_id}",
            acks="all",
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            linger_ms=LINGER_MS,
            max_request_size=MAX_DEAD_LETTER_BYTES,
            request_timeout_ms=max(1, timeout_ms // 2 - LINGER_MS),
            delivery_timeout_ms=timeout_ms,
            max_block_ms=timeout_ms,
        ),
    )


def send_all(settings: Settings, client_id: str, topic: str, records: Iterable[Record]) -> int:
    """Send records and wait until the broker has them; return how many.

    Raises:
        BrokerAway: it does not have all of them; sending them again is harmless.
    """
    producer = open_producer(settings, client_id)
    count, remaining = 0, iter(records)
    try:
        while window := list(islice(remaining, SEND_WINDOW)):
            send_window(producer, settings, topic, window)
            count += len(window)
    finally:
        producer.close(timeout=5)
    return count


def send_window(
    producer: KafkaProducer, settings: Settings, topic: str, records: Iterable[Record]
) -> None:
    """Send a few records together and wait until the broker has them.

    Raises:
        BrokerAway: it does not have all of them; sending them again is harmless.
    """
    try:
        futures = [
            producer.send(topic, key=record.key.encode(), value=record.to_bytes())
            for record in records
        ]
        for future in futures:
            future.get(timeout=2 * settings.request_timeout_s)
    except KafkaError as error:
        raise BrokerAway(f"no acknowledgement: {error!r}") from error


def open_reader(settings: Settings, *topics: str, **options: Any) -> KafkaConsumer:
    """Return a consumer that only reads, outside of any group.

    Raises:
        BrokerAway, BrokerRefuses: see ``opened``.
    """
    record_batches.install()
    defaults = {"fetch_max_wait_ms": settings.fetch_max_wait_ms, "enable_auto_commit": False}
    common = kafka_client_settings(settings) | defaults | {"auto_offset_reset": "earliest"}
    return opened(settings, lambda: KafkaConsumer(*topics, **common | options))


def open_consumer(settings: Settings, group: str, topics: Iterable[str]) -> KafkaConsumer:
    """Return a member of ``group`` on ``topics`` that commits only by hand.

    Raises:
        BrokerAway, BrokerRefuses: see ``opened``.
    """
    kafka_python.finish_joins()
    group_id = f"{settings.group_prefix}.{group}"
    consumer = open_reader(settings, *topics, group_id=group_id, **_membership(settings, group))
    if not settings.leave_groups:
        group_leave.stay(consumer)
    return consumer


def poll(consumer: KafkaConsumer, timeout_ms: int, most: int) -> list[Message]:
    """Return what comes within a time, at most so many; a partition's messages in order.

    Raises:
        BrokerAway: the client fails to read; it can be polled again.
    """
    messages: list[Message] = []
    size = 0
    while len(messages) < most and size < POLL_BYTES:
        at_once = min(POLL_RECORDS, most - len(messages))
        try:
            polled = consumer.poll(timeout_ms=timeout_ms, max_records=at_once)
        except KafkaError as error:
            raise BrokerAway(f"no records: {error!r}") from error
        batch = [
            message_of(one, one.timestamp) for partition in polled.values() for one in partition
        ]
        messages += batch
        if len(batch) < at_once:
            break
        size += sum(len(message.value or b"") for message in batch)
        timeout_ms = 0  # the others are here already
    return messages

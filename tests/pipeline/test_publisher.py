"""The publisher of the event adapter: a record is published once the broker has it."""

import asyncio
from collections.abc import Sequence

import pytest

from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES
from streams.contract.output import Outgoing
from streams.ops.embedded_broker import EmbeddedBroker
from streams.runtime.kafka.clients import open_reader, poll
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.handling import RecordTooLarge
from streams.runtime.kafka.publisher import KafkaPublisher, PublishFailed
from streams.runtime.settings import Settings
from tests.pipeline.conftest import CreateTopics, SettingsFor

TOPIC = "published"


def publish(settings: Settings, *messages: Outgoing) -> Sequence[RecordTooLarge | None]:
    async def run() -> Sequence[RecordTooLarge | None]:
        publisher = KafkaPublisher(settings, "test")
        await publisher.start()
        await publisher.start()  # it is connected already
        try:
            assert {one.topic for one in messages} <= await publisher.topics()
            return await publisher.publish(messages)
        finally:
            await publisher.stop()
            await publisher.stop()

    return asyncio.run(run())


@pytest.mark.pipeline
def test_a_record_that_is_too_large_costs_no_other(
    settings_for: SettingsFor, create_topics: CreateTopics
) -> None:
    create_topics(TOPIC, partitions=1)
    settings = settings_for(request_timeout_s=10)
    large = Outgoing(TOPIC, b"k", bytes(MAX_DEAD_LETTER_BYTES + 1))
    good = [Outgoing(TOPIC, b"k", b"one", (("h", b"\xff"),)), Outgoing(TOPIC, None, b"two")]
    results = publish(settings, good[0], large, good[1])
    assert (results[0], results[2]) == (None, None)
    assert isinstance(results[1], RecordTooLarge)
    reader = open_reader(settings, TOPIC)
    read: list[tuple[bytes | None, bytes | None]] = []
    while len(read) < 2:
        read += [(message.key, message.value) for message in poll(reader, 200, 10)]
    reader.close()
    assert read == [(b"k", b"one"), (None, b"two")]


@pytest.mark.pipeline
def test_a_broker_that_goes_ends_the_worker() -> None:
    async def run() -> None:
        with EmbeddedBroker() as broker:
            publisher = KafkaPublisher(Settings(brokers=broker.bootstrap, request_timeout_s=1), "t")
            await publisher.start()
        try:
            with pytest.raises(PublishFailed, match="no acknowledgement from published"):
                await publisher.publish([Outgoing(TOPIC, None, b"x")])
        finally:
            await publisher.stop()

    asyncio.run(run())


def test_a_broker_that_is_not_there_is_named() -> None:
    with pytest.raises(BrokerAway, match=r"no broker answers at 127\.0\.0\.1:1"):
        publish(Settings(brokers="127.0.0.1:1"))

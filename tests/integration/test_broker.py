"""How far each group is behind, and how topics differ, asked of a real broker."""

import time

import pytest
from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition

from streams.contract import topics
from streams.ops.checks.broker import measure
from streams.ops.embedded_broker import EmbeddedBroker
from streams.runtime.kafka.clients import open_consumer
from streams.runtime.settings import Settings
from tests.support.gauges import value


@pytest.mark.pipeline
def test_lag_is_seen_without_any_worker(broker: EmbeddedBroker) -> None:
    settings = Settings(brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for _ in range(5):
        producer.send(topics.UPLOADED, b"{}", partition=2).get(10)
    producer.close()
    labels = {"processor": "fingerprint", "topic": topics.UPLOADED}
    measure(settings)
    assert value("earmark_consumer_lag", **labels, partition="2") == 5
    assert value("earmark_consumer_lag", **labels, partition="0") == 0
    # a worker has done three of them
    consumer = open_consumer(settings, "fingerprint", [topics.UPLOADED])
    deadline = time.monotonic() + 20
    while not consumer.assignment() and time.monotonic() < deadline:
        consumer.poll(timeout_ms=200)
    done = {TopicPartition(topics.UPLOADED, 2): OffsetAndMetadata(3, "", -1)}
    consumer.commit(done)
    consumer.close(autocommit=False)
    measure(settings)
    assert value("earmark_consumer_lag", **labels, partition="2") == 2
    assert value("earmark_consumer_offset", **labels, partition="2") == 3


@pytest.mark.pipeline
def test_topics_that_are_not_as_they_should_be_are_named(broker: EmbeddedBroker) -> None:
    measure(Settings(brokers=broker.bootstrap, partitions=8))
    assert value("earmark_topic_differences", topic=topics.UPLOADED, kind="grow") == 1
    measure(Settings(brokers=broker.bootstrap))
    assert value("earmark_topic_differences", topic=topics.UPLOADED, kind="grow") is None

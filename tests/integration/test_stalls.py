"""A group that reads less than it was assigned, on the embedded broker."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.future import Future

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka import batch_consumer, stalls
from streams.runtime.kafka.batch_consumer import BatchConsumer
from streams.runtime.kafka.clients import open_consumer, open_producer
from streams.runtime.kafka.handler import Handled, blocking
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        settings = Settings(brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
        ensure_topics(settings)
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        for number in range(4):
            producer.send(topics.UPLOADED, b"{}", partition=number).get(10)
        producer.close()
        yield settings


def test_partitions_that_the_broker_withholds_are_read_after_all(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader learns of the topic late, assigns anew, and gets the former share: nothing."""
    monkeypatch.setattr(stalls, "CHECK_S", 1.0)
    monkeypatch.setattr("streams.runtime.kafka.clients.METADATA_AGE_MS", 4_000)
    update = ClusterMetadata.update_metadata
    answers: list[Any] = []

    def update_metadata(cluster: ClusterMetadata, response: Any) -> None:
        if not answers:  # as Apache Kafka answers before a subscription
            response.topics = []
        answers.append(response)
        update(cluster, response)

    def request_update(cluster: ClusterMetadata) -> Future:
        cluster.start_refresh_loop()
        return Future()

    monkeypatch.setattr(ClusterMetadata, "update_metadata", update_metadata)
    stop = threading.Event()
    seen: set[int] = set()

    def handle(batch: Sequence[Message]) -> Handled:
        seen.update(message.partition for message in batch)
        if len(seen) == 4:
            stop.set()
        return Handled()

    health = Health(*batch_consumer.CONDITIONS)
    consumer = BatchConsumer("stalled", [topics.UPLOADED], settings, health, stop)
    deadline = threading.Timer(60, stop.set)
    deadline.start()
    before = metrics.GROUP_STALLS.labels("stalled")._value.get()
    with monkeypatch.context() as lost:
        lost.setattr(ClusterMetadata, "request_update", request_update)
        opened(consumer)
        retry = RetryPolicy("stalled", settings, health, stop)
        consumer.run(blocking("stalled", handle), retry)
    consumer.close()
    deadline.cancel()
    assert seen == {0, 1, 2, 3}
    assert metrics.GROUP_STALLS.labels("stalled")._value.get() > before


def opened(consumer: BatchConsumer) -> bool:
    """As ``open``, without its request for all topics, which would end the scene."""
    consumer._consumer = open_consumer(consumer._settings, "stalled", [topics.UPLOADED])
    consumer._producer = open_producer(consumer._settings, "stalled")
    consumer._stalls = stalls.Stalls(
        consumer._settings, consumer._consumer, "earmark.stalled", [topics.UPLOADED]
    )
    return True


def test_waiting_messages_that_nobody_commits_are_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "CHECK_S", 0.0)
    monkeypatch.setattr(stalls, "STALLED_S", 0.5)
    consumer = open_consumer(settings, "idle", [topics.UPLOADED])
    watched = stalls.Stalls(settings, consumer, "earmark.idle", [topics.UPLOADED])
    assert watched.partitions() == []
    time.sleep(0.6)
    assert [p.partition for p in watched.partitions()] == [0, 1, 2, 3]
    watched.renew()
    assert watched.partitions() == []
    consumer.close(autocommit=False)

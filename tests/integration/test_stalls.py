"""A group that reads less than it was assigned, on the embedded broker."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from kafka import KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.future import Future

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka import batch_consumer, stalls
from streams.runtime.kafka.acks import Alive
from streams.runtime.kafka.batch_consumer import BatchConsumer
from streams.runtime.kafka.clients import open_consumer, open_producer
from streams.runtime.kafka.faust_worker import Worker
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
        consumer._settings, consumer._consumer, "stalled", [topics.UPLOADED]
    )
    return True


def test_waiting_messages_that_nobody_commits_are_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "CHECK_S", 0.0)
    monkeypatch.setattr(stalls, "STALLED_S", 0.5)
    consumer = open_consumer(settings, "idle", [topics.UPLOADED])
    watched = stalls.Stalls(settings, consumer, "idle", [topics.UPLOADED])
    assert watched.partitions() == []
    time.sleep(0.6)
    assert [p.partition for p in watched.partitions()] == [0, 1, 2, 3]
    watched.renew()
    assert watched.partitions() == []
    consumer.close(autocommit=False)


class LeaderGone(Exception):
    """Ends a leader between its election and its assignment."""


def elect_and_close(settings: Settings, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a leader between its election and its assignment, as a worker without its database."""
    consumer = open_consumer(settings, group, [topics.UPLOADED])

    def gone(*_: Any) -> None:
        raise LeaderGone

    monkeypatch.setattr(consumer._coordinator, "_perform_assignment", gone)
    with pytest.raises(LeaderGone):
        consumer.poll(30_000)
    consumer.close(autocommit=False)


@pytest.mark.parametrize("leave_groups", [True, False])
def test_a_group_survives_a_leader_that_stops_only_if_it_does_not_leave(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, leave_groups: bool
) -> None:
    """Where ``leave_groups`` holds too, the broker is mended: drop the setting."""
    changed = settings.model_copy(update={"leave_groups": leave_groups})
    group = f"left-{leave_groups}"
    elect_and_close(changed, group, monkeypatch)
    consumer = open_consumer(changed, group, [topics.UPLOADED])
    deadline = time.monotonic() + (20 if leave_groups else 90)
    while not consumer.assignment() and time.monotonic() < deadline:
        consumer.poll(200)
    assert (len(consumer.assignment()) == 4) != leave_groups
    consumer.close(autocommit=False)


@pytest.mark.usefixtures("unpatched")
def test_a_processor_does_not_leave_its_group(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    requests: set[str] = set()
    send = GroupCoordinator._send_req

    async def noted(coordinator: GroupCoordinator, request: Any) -> Any:
        requests.add(type(request).__name__)
        return await send(coordinator, request)

    monkeypatch.setattr(GroupCoordinator, "_send_req", noted)

    async def run() -> None:
        async def work(event: Any, _: Alive) -> None:
            return

        health = Health("partitions_assigned")
        staying = settings.model_copy(update={"leave_groups": False})
        worker = Worker("stays", topics.UPLOADED, staying, health, tmp_path, limit=4)
        worker.start(work)
        deadline = time.monotonic() + 60
        while health.missing and time.monotonic() < deadline:  # noqa: ASYNC110 - health is no event
            await asyncio.sleep(0.2)
        assert not health.missing
        await worker.stop(1.0)

    asyncio.run(run())
    assert "JoinGroupRequest" in str(requests)
    assert "LeaveGroupRequest" not in str(requests)

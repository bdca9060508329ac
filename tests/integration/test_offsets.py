"""Processes that go back in their topics, on a real Apache Kafka."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.cluster import ClusterMetadata
from kafka.errors import RebalanceInProgressError
from kafka.future import Future

from streams.contract import topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.kafka import clients
from streams.runtime.kafka.clients import open_consumer
from streams.runtime.kafka.offsets import CannotRewind, Move, moves, rewind
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from tests.support.kafka import ApacheKafka

PARTITION = TopicPartition(topics.FINGERPRINTED, 2)
QUARTER = timedelta(minutes=15)
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
LATER, LONG_AGO = BEGAN + timedelta(days=1), BEGAN - timedelta(days=1)


@pytest.fixture(scope="module")
def settings(kafka: ApacheKafka) -> Settings:
    """A broker with six events in one partition, a quarter of an hour apart."""
    settings = Settings(brokers=kafka.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
    ensure_topics(settings)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for number in range(6):
        at = int((BEGAN + number * QUARTER).timestamp() * 1_000)
        sent = producer.send(PARTITION.topic, b"{}", partition=2, timestamp_ms=at)
        sent.get(10)
    producer.close()
    return settings


def done(settings: Settings, process: str, offset: int, *, poll_ms: int = 200) -> KafkaConsumer:
    """Return a member of the group that did the first ``offset`` events."""
    consumer = open_consumer(settings, process, [PARTITION.topic])
    deadline = time.monotonic() + 300
    while True:
        assert time.monotonic() < deadline, "no assignment"
        consumer.poll(timeout_ms=poll_ms)
        with suppress(RebalanceInProgressError):  # another poll completes the rebalance
            if consumer.assignment():
                consumer.commit({PARTITION: OffsetAndMetadata(offset, "", -1)})
                return consumer


def leave(consumer: KafkaConsumer) -> None:
    consumer.close(autocommit=False)


@pytest.mark.pipeline
def test_a_group_goes_back_to_a_time_and_not_forward(settings: Settings) -> None:
    leave(done(settings, "classify", 5))
    group = f"{settings.group_prefix}.classify"
    since = BEGAN + 2.5 * QUARTER
    with open_admin(settings) as admin:
        asked = [PARTITION.topic]
        assert moves(admin, group, asked, LATER) == []
        (move,) = moves(admin, group, asked, since)
        assert move == Move(PARTITION.topic, 2, before=5, after=3, end=6)
        rewind(admin, group, [move])
        assert admin.list_group_offsets({group: None})[group][PARTITION].offset == 3
        assert moves(admin, group, asked, since) == [], "it is there already"


@pytest.mark.pipeline
def test_a_group_with_members_is_left_alone(settings: Settings) -> None:
    consumer = done(settings, "decide", 5)
    group = f"{settings.group_prefix}.decide"
    with open_admin(settings) as admin:
        differences = moves(admin, group, [PARTITION.topic], LONG_AGO)
        with pytest.raises(CannotRewind, match="has members"):
            rewind(admin, group, differences)
    leave(consumer)


@pytest.mark.pipeline
def test_a_consumer_whose_metadata_requests_are_lost_gets_its_partitions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client loses a request that is made while another is in flight; here it loses each.

    So it joins before it knows the partitions, and again when it does. Each poll ends before
    the broker has answered.
    """

    def request_update(cluster: ClusterMetadata) -> Future:
        cluster.start_refresh_loop()
        return Future()

    monkeypatch.setattr(ClusterMetadata, "request_update", request_update)
    monkeypatch.setattr(clients, "METADATA_AGE_MS", 1_000)
    consumer = done(settings, "redecide", 0, poll_ms=1)
    assert len(consumer.assignment()) == settings.partitions
    leave(consumer)


@pytest.mark.pipeline
def test_a_group_that_never_was_there_is_named(settings: Settings) -> None:
    with open_admin(settings) as admin, pytest.raises(CannotRewind, match=r"earmark\.nobody"):
        moves(admin, "earmark.nobody", [PARTITION.topic], LONG_AGO)


@pytest.mark.pipeline
def test_a_broker_that_knows_no_times_is_named() -> None:
    with EmbeddedBroker() as broker:
        settings = Settings(brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
        ensure_topics(settings)
        leave(done(settings, "classify", 0))
        with open_admin(settings) as admin, pytest.raises(CannotRewind, match="the embedded one"):
            moves(admin, "earmark.classify", [PARTITION.topic], LONG_AGO)


@pytest.mark.pipeline
def test_the_command_tells_before_it_does(settings: Settings) -> None:
    leave(done(settings, "classify", 5))

    def earmark(*arguments: str) -> str:
        run = subprocess.run(
            [sys.executable, "-m", "streams.cli.main", "groups", "reset-offsets", *arguments],
            env=os.environ | settings.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return run.stdout + run.stderr

    assert "0 events would be done again" in earmark("classify", "--to", "1h")
    printed = earmark("classify", "--to", BEGAN.isoformat())
    assert "tracks.fingerprinted/2: from 5 back to 0 (end 6)" in printed
    assert "nothing was changed" in printed
    assert "5 events will be done again" in earmark("classify", "--to", "1d", "--yes")
    assert "no process 'console'" in earmark("console", "--to", "1d")

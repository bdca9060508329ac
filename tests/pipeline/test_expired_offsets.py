"""Apache Kafka deletes records that a process has not read yet: it goes on, and counts them."""

import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka import batch_consumer
from streams.runtime.kafka.batch_consumer import BatchConsumer
from streams.runtime.kafka.handler import Handled, blocking
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings
from tests.pipeline.staging import Process, Stage, ping, wait_until
from tests.support.kafka import apache_kafka

pytestmark = pytest.mark.pipeline


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with apache_kafka(tmp_path / "kafka") as kafka:
        quick = {"session_timeout_s": 6, "fetch_max_wait_ms": 50}
        settings = Settings.model_validate({"brokers": kafka.bootstrap, **quick})
        stage = Stage(request.node.name, settings, tmp_path)
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        for name in (stage.source, stage.target, topics.dead(stage.source)):
            admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
        admin.close()
        yield stage
        for process in stage.processes:
            process.popen.kill()
            process.popen.wait()


def expire(stage: Stage, until: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stage.settings.brokers)
    admin.delete_records({TopicPartition(stage.source, 0): until})
    admin.close()


def expired(process: Process) -> float:
    port = process.wait_for("processor_started")["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("earmark_events_expired_total")
    )


def test_a_stage_counts_what_expired(stage: Stage) -> None:
    first = stage.start()
    assert expired(first) == 0
    stage.send([ping(number) for number in range(10)])
    stage.read(stage.target, lambda records: len(records) == 10, 30)
    assert first.end() == 0
    stage.send([ping(number) for number in range(10, 30)])
    expire(stage, 25)
    second = stage.start()
    stage.read(stage.target, lambda records: len(records) == 15, 30)
    wait_until(lambda: expired(second) == 15, 10)
    assert second.end() == 0
    assert second.lines("events_expired")
    third = stage.start()
    third.wait_for("partitions_assigned")
    stage.send([ping(40)])
    stage.read(stage.target, lambda records: len(records) == 16, 30)
    assert expired(third) == 0


def test_a_batch_process_counts_what_expired(stage: Stage) -> None:
    name = "ledger"

    def consume(count: int) -> list[int]:
        stop = threading.Event()
        deadline = threading.Timer(60, stop.set)
        deadline.start()
        offsets: list[int] = []

        def handle(batch: Sequence[Message]) -> Handled:
            offsets.extend(message.offset for message in batch)
            if len(offsets) >= count:
                stop.set()
            return Handled()

        health = Health(*batch_consumer.CONDITIONS)
        consumer = BatchConsumer(name, [stage.source], stage.settings, health, stop)
        consumer.open()
        retry = RetryPolicy(name, stage.settings, health, stop)
        consumer.run(blocking(name, handle), retry)
        consumer.close()
        deadline.cancel()
        return offsets

    def counted() -> Any:
        return metrics.EXPIRED.labels(name)._value.get()

    before = counted()
    stage.send([ping(number) for number in range(10)])
    assert consume(10) == list(range(10))
    stage.send([ping(number) for number in range(10, 30)])
    expire(stage, 25)
    assert consume(5) == list(range(25, 30))
    assert counted() == before + 15
    stage.send([ping(40)])
    assert consume(1) == [30]
    assert counted() == before + 15

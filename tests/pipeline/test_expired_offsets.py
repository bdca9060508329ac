"""Apache Kafka deletes records that a process has not read yet: it goes on, and counts them.

Also a whole topic, which is then created anew.
"""

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
from streams.runtime.kafka.offsets import Move, position, rewind
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings
from tests.pipeline.staging import Process, Stage, numbers, ping, wait_until
from tests.support.kafka import ApacheKafka, apache_kafka

pytestmark = pytest.mark.pipeline

BATCH_PROCESS = "ledger"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def stage(kafka: ApacheKafka, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    quick = {"session_timeout_s": 6, "fetch_max_wait_ms": 50}
    settings = Settings.model_validate({"brokers": kafka.bootstrap, **quick})
    stage = Stage(request.node.name, settings, tmp_path)
    for name in (stage.source, stage.target, topics.dead(stage.source)):
        create(stage, name)
    yield stage
    for process in stage.processes:
        process.popen.kill()
        process.popen.wait()


def create(stage: Stage, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stage.settings.brokers)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()


def expire(stage: Stage, until: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stage.settings.brokers)
    admin.delete_records({TopicPartition(stage.source, 0): until})
    admin.close()


def counted(process: Process, counter: str) -> float:
    port = process.wait_for("processor_started")["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{counter}{{"))


def expired(process: Process) -> float:
    return counted(process, "earmark_events_expired_total")


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


def consume(stage: Stage, count: int) -> list[int]:
    """Let a batch process read so many; return their offsets."""
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
    consumer = BatchConsumer(BATCH_PROCESS, [stage.source], stage.settings, health, stop)
    consumer.open()
    retry = RetryPolicy(BATCH_PROCESS, stage.settings, health, stop)
    consumer.run(blocking(BATCH_PROCESS, handle), retry)
    consumer.close()
    deadline.cancel()
    return offsets


def test_a_batch_process_counts_what_expired(stage: Stage) -> None:
    def expired_by_now() -> Any:
        return metrics.EXPIRED.labels(BATCH_PROCESS)._value.get()

    before = expired_by_now()
    stage.send([ping(number) for number in range(10)])
    assert consume(stage, 10) == list(range(10))
    stage.send([ping(number) for number in range(10, 30)])
    expire(stage, 25)
    assert consume(stage, 5) == list(range(25, 30))
    assert expired_by_now() == before + 15
    stage.send([ping(40)])
    assert consume(stage, 1) == [30]
    assert expired_by_now() == before + 15


def test_a_topic_that_was_lost_is_read_from_its_start_once_it_is_there_again(
    stage: Stage,
) -> None:
    """Its offsets begin at 0 again, below all that its readers have committed."""
    worker = stage.start()
    stage.send([ping(number) for number in range(12)])
    stage.read(stage.target, lambda records: len(records) == 12, 30)
    assert consume(stage, 12) == list(range(12))
    admin = KafkaAdminClient(bootstrap_servers=stage.settings.brokers)
    admin.delete_topics([stage.source])
    admin.close()
    wait_until(lambda: worker.ready()["missing"] == ["partitions_assigned"], 60)
    create(stage, stage.source)
    stage.send([ping(number) for number in range(100, 105)])
    assert numbers(stage, 17) == set(range(12)) | set(range(100, 105))
    assert worker.end() == 0
    assert consume(stage, 5) == list(range(5))
    # as a reader leaves it that commits where it stood, into the new log
    with open_admin(stage.settings) as admin:
        rewind(admin, f"earmark.echo-{stage.source}", [Move(stage.source, 0, 5, 12, 5)])
    again = stage.start()
    stage.send([ping(number) for number in range(105, 107)])
    assert {105, 106} < numbers(stage, 19)
    assert counted(again, "earmark_logs_restarted_total") == 1
    assert again.lines("log_restarted")
    assert again.end() == 0
    with open_admin(stage.settings) as admin:
        assert position(admin, f"earmark.echo-{stage.source}", stage.source, 0) == 7

"""Brokers that hold their connections, go away, or refuse a part of what is sent."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from streams.contract import dead_letters, topics
from streams.ops.embedded_broker import ensure_topics
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from tests.pipeline.backpressure import resident_mb
from tests.pipeline.test_processor import Process, Stage, at_most, ping, wait_until
from tests.soak.installation import Tansu
from tests.support.events import upload
from tests.support.kafka import ApacheKafka, apache_kafka

pytestmark = pytest.mark.pipeline

PINGS = 120
PARTITIONS = {"num_partitions": 4, "replication_factor": 1}


@pytest.fixture
def tansu() -> Iterator[Tansu]:
    """A broker of this test's own, to be paused."""
    with Tansu() as broker:
        yield broker
        broker.resume()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """An Apache Kafka of this module's own, to be killed."""
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


StageOn = Callable[..., Stage]


@pytest.fixture
def stage_on(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StageOn]:
    """An echo stage on any broker; further topics with their settings."""
    stages: list[Stage] = []

    def make(bootstrap: str, **configs: dict[str, str]) -> Stage:
        quick = {"session_timeout_s": 6, "fetch_max_wait_ms": 50, "retry_base_s": 0.05}
        settings = Settings.model_validate({"brokers": bootstrap, **quick})
        stage = Stage(request.node.name, settings, tmp_path)
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        for name in (stage.source, topics.dead(stage.source), stage.target):
            options = PARTITIONS | {"configs": configs.get(name.rpartition(".")[2], {})}
            admin.create_topics({name: options})
        admin.close()
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        for process in stage.processes:
            process.popen.kill()
            process.popen.wait()


def numbers(stage: Stage, patience_s: float = 120) -> set[int]:
    names: set[int] = set()

    def enough(records: list[Any]) -> bool:
        names.update(json.loads(record.value)["number"] for record in records)
        return len(names) >= PINGS

    stage.read(stage.target, enough, patience_s)
    return names


def test_a_broker_that_stalls_while_events_are_published_stops_the_worker(
    tansu: Tansu, stage_on: StageOn
) -> None:
    stage = stage_on(tansu.bootstrap)
    worker = stage.start(request_timeout_s=4, in_flight=2)
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "crawl") for number in range(PINGS)])
    assert stage.read(stage.target, bool, 20)
    tansu.pause()
    with at_most(45):
        assert worker.popen.wait(60) == 1
    assert "PublishFailed" in worker.lines("processor_stopping")[0]["failure"]
    tansu.resume()
    stage.start()
    assert numbers(stage) == set(range(PINGS))


def test_a_short_stall_is_waited_out(tansu: Tansu, stage_on: StageOn) -> None:
    stage = stage_on(tansu.bootstrap)
    worker = stage.start()
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "crawl") for number in range(PINGS)])
    tansu.pause()
    time.sleep(8)  # longer than a session
    tansu.resume()
    assert numbers(stage) == set(range(PINGS))
    assert worker.popen.poll() is None


def test_batch_consumers_rest_while_a_broker_stalls_and_still_stop(
    tansu: Tansu, tmp_path: Path
) -> None:
    """kafka-python alone would use half a CPU and 8 MB a second during an outage."""
    settings = Settings(
        brokers=tansu.bootstrap, session_timeout_s=4, ledger=f"sqlite:///{tmp_path}/ledger.db"
    )
    ensure_topics(settings)
    with (tmp_path / "ledger.log").open("wb") as log:
        command = [sys.executable, "-m", "streams.cli.main", "worker", "ledger"]
        popen = subprocess.Popen(command, env=os.environ | settings.environment(), stderr=log)
    worker = Process(popen, tmp_path / "ledger.log")
    worker.wait_for("processor_started")
    wait_until(lambda: worker.ready()["ready"], 30)
    tansu.pause()
    time.sleep(3)
    before, cpu = resident_mb(worker.popen.pid), cpu_seconds(worker.popen.pid)
    time.sleep(6)
    assert resident_mb(worker.popen.pid) - before < 10
    assert cpu_seconds(worker.popen.pid) - cpu < 1.5
    with at_most(15):
        assert worker.end(patience_s=60) == 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_broker_that_is_killed_while_events_are_published_is_waited_for(
    kafka: ApacheKafka, stage_on: StageOn
) -> None:
    stage = stage_on(kafka.bootstrap)
    worker = stage.start()
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "crawl") for number in range(PINGS)])
    kafka.kill()
    time.sleep(4)  # and the seconds of its start
    kafka.start()
    assert numbers(stage) == set(range(PINGS))
    assert worker.popen.poll() is None
    assert worker.end() == 0


def test_the_hook_answers_in_time_during_an_outage_and_works_after_it(kafka: ApacheKafka) -> None:
    """An idempotent producer of kafka-python would be stuck for good."""
    settings = Settings(brokers=kafka.bootstrap, request_timeout_s=4)
    ensure_topics(settings)
    stop = threading.Event()
    sent: list[tuple[float, int]] = []

    def send(hook: IngestHook) -> None:
        while not stop.is_set():
            uploads = [upload(f"T-{len(sent)}-{number}") for number in range(50)]
            began = time.monotonic()
            failed = sum(one.error is not None for one in hook.submit_many(uploads))
            sent.append((time.monotonic() - began, failed))

    with IngestHook(settings) as hook:
        sender = threading.Thread(target=send, args=(hook,), daemon=True)
        sender.start()
        wait_until(lambda: len(sent) > 5, 20)
        kafka.kill()  # with batches on their way
        wait_until(lambda: any(failed for _, failed in sent), 60)
        kafka.start()
        before = len(sent)
        wait_until(lambda: len(sent) > before + 5, 30)
        stop.set()
        sender.join(20)
    assert max(seconds for seconds, _ in sent) < 2 * settings.request_timeout_s + 2
    assert sum(failed for _, failed in sent) >= 50, "the outage was not noticed"
    assert [failed for _, failed in sent[-3:]] == [0, 0, 0]


def test_an_output_that_the_broker_refuses_makes_a_dead_letter_and_the_others_stand(
    kafka: ApacheKafka, stage_on: StageOn
) -> None:
    """They cannot be taken back; a replay publishes them again, under the same ids."""
    stage = stage_on(kafka.bootstrap, out={"max.message.bytes": "2000"})
    stage.start()
    stage.send([ping(1, "pair"), ping(2)])
    letters = stage.read(topics.dead(stage.source), bool, 40)
    (answer,) = [dead_letters.read(one.topic, one.key, one.value, one.headers) for one in letters]
    assert (answer.reason, json.loads(answer.value or b"")["number"]) == ("record_too_large", 1)
    outputs = stage.read(stage.target, lambda read: len(read) >= 2, 5)
    assert {json.loads(one.value)["number"] for one in outputs} >= {2}
    assert all(not json.loads(one.value)["padding"] for one in outputs)

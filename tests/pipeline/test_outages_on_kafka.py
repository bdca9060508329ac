"""An Apache Kafka that is killed, has a full disk, is silent, or refuses a part of what is sent."""

import json
import resource
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from streams.contract import dead_letters, topics
from streams.ops.checks import broker
from streams.ops.embedded_broker import ensure_topics
from streams.ops.monitor import Check, run_check
from streams.runtime.health import Health
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from tests.pipeline.conftest import StageOn
from tests.pipeline.staging import Process, Stage, numbers, ping, wait_until
from tests.support.events import upload
from tests.support.gauges import value
from tests.support.kafka import ApacheKafka, apache_kafka

pytestmark = pytest.mark.pipeline

PINGS = 120


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """An Apache Kafka of this module's own, to be killed."""
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def busy(kafka: ApacheKafka, stage_on: StageOn) -> tuple[Stage, Process]:
    """Return a stage with events in work, and its worker."""
    stage = stage_on(kafka.bootstrap)
    worker = stage.start()
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "crawl") for number in range(PINGS)])
    return stage, worker


def test_a_broker_that_is_killed_while_events_are_published_is_waited_for(
    kafka: ApacheKafka, stage_on: StageOn
) -> None:
    stage, worker = busy(kafka, stage_on)
    kafka.kill()
    time.sleep(4)  # and the seconds of its start
    kafka.start()
    assert numbers(stage, PINGS) == set(range(PINGS))
    assert worker.popen.poll() is None
    assert worker.end() == 0


def test_a_broker_whose_disk_is_full_is_waited_for(kafka: ApacheKafka, stage_on: StageOn) -> None:
    """It ends by itself. Here each file has a limit of one byte, in place of the disk."""
    stage, worker = busy(kafka, stage_on)
    assert kafka.pid is not None
    resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    wait_until(lambda: not kafka.running, 60)
    wait_until(lambda: worker.ready()["missing"] == ["broker_reachable"], 60)
    kafka.start()
    assert numbers(stage, PINGS) == set(range(PINGS))
    assert worker.popen.poll() is None
    assert worker.end() == 0


def test_connections_of_which_the_other_half_is_gone_are_noticed(
    kafka: ApacheKafka, stage_on: StageOn
) -> None:
    """They stay open, and nothing comes, as behind a firewall that has forgotten them."""
    stage, worker = busy(kafka, stage_on)
    kafka.pause()
    failures = value("earmark_monitor_failures_total", check="broker") or 0
    health = Health("broker")
    run_check(Check("broker", 1.0, partial(broker.measure, stage.settings), broker.GAUGES), health)
    assert value("earmark_monitor_failures_total", check="broker") == failures + 1
    wait_until(lambda: "broker_reachable" in worker.ready().get("missing", ()), 60)
    assert worker.lines("broker_unreachable")
    kafka.resume()
    assert numbers(stage, PINGS) == set(range(PINGS))
    assert worker.popen.poll() is None


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

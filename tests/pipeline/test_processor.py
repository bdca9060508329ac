"""The frame of the processors as real processes on a real broker."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.contract import dead_letters, topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.settings import Settings
from tests.pipeline.conftest import CreateTopics, SettingsFor
from tests.support.paths import ROOT

pytestmark = pytest.mark.pipeline

Message = tuple[bytes | None, bytes | None]


@dataclass
class Process:
    """One echo processor."""

    popen: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it logged under this name; every line must be JSON."""
        answer = [json.loads(line) for line in self.log.read_bytes().split(b"\n")[:-1]]
        return [line for line in answer if line.get("event") == event]

    def wait_for(self, event: str, patience_s: float = 90) -> dict[str, Any]:
        wait_until(lambda: self.lines(event) or self.popen.poll() is not None, patience_s)
        assert self.lines(event), self.log.read_text()
        return self.lines(event)[-1]

    def ready(self) -> dict[str, Any]:
        port = self.wait_for("processor_started")["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def end(self, number: int = signal.SIGTERM, patience_s: float = 20) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(patience_s)


@dataclass
class Stage:
    """A source topic, a target topic, and the processes between them."""

    name: str
    settings: Settings
    folder: Path
    processes: list[Process] = field(default_factory=list)

    @property
    def source(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        return f"{self.name}.out"

    def start(self, **changes: Any) -> Process:
        log = self.folder / f"{len(self.processes)}.log"
        settings = self.settings.model_copy(update=changes)
        with log.open("wb") as stderr:
            popen = subprocess.Popen(
                [sys.executable, "-m", "tests.pipeline.echo", self.source, self.target],
                cwd=ROOT,
                env=os.environ | settings.environment(),
                stdout=stderr,
                stderr=stderr,
            )
        self.processes.append(Process(popen, log))
        return self.processes[-1]

    def send(self, messages: Sequence[Message], headers: Sequence[tuple[str, bytes]] = ()) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.settings.brokers, max_request_size=4_000_000
        )
        sent = [
            producer.send(self.source, key=key, value=value, headers=list(headers))
            for key, value in messages
        ]
        for result in sent:
            result.get(20)
        producer.close()

    def send_nothing(self) -> None:
        """Send a message without key and value, which clients refuse to send."""

        async def send() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.settings.brokers)
            await producer.start()
            batch = producer.create_batch()
            batch.append(key=None, value=None, timestamp=None)
            await (await producer.send_batch(batch, self.source, partition=0))
            await producer.stop()

        asyncio.run(send())

    def read(self, topic: str, enough: Callable[[list[Any]], bool], patience_s: float) -> list[Any]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.brokers,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        there = consumer.partitions_for_topic(topic)
        consumer.assign([TopicPartition(topic, number) for number in there])
        records: list[Any] = []
        deadline = time.monotonic() + patience_s
        while not enough(records) and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=200).values():
                records += batch
        consumer.close()
        return records


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    settings_for: SettingsFor,
    create_topics: CreateTopics,
    tmp_path: Path,
) -> Iterator[Stage]:
    stage = Stage(request.node.name, settings_for(), tmp_path)
    create_topics(stage.source, stage.target)
    yield stage
    for process in stage.processes:
        process.popen.kill()
        process.popen.wait()


def wait_until(holds: Callable[[], object], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ping(number: int, mode: str = "good") -> Message:
    track = f"t{number % 40}"
    value = {"track_id": track, "number": number, "mode": mode}
    return track.encode(), json.dumps(value).encode()


def seconds_between(first: dict[str, Any], second: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(line["timestamp"]) for line in (first, second))
    return (end - start).total_seconds()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def test_nothing_is_lost_when_workers_die_and_return(stage: Stage) -> None:
    modes = ["good"] * 12 + ["slow", "flaky", "bad", "bug", "huge"]
    pings = [ping(number, modes[number % len(modes)]) for number in range(400)]
    modes_by_number = {number: modes[number % len(modes)] for number in range(400)}
    first = stage.start(in_flight=8)
    first.wait_for("partitions_assigned")
    second = stage.start(in_flight=8)
    second.wait_for("partitions_assigned")
    stage.send(pings[:250])
    wait_until(lambda: len(first.lines("dead_letter_sent")) > 3, 20)
    first.popen.kill()  # busy, with events in every state
    stage.send(pings[250:])
    third = stage.start(in_flight=8)
    third.wait_for("partitions_assigned")

    good = {number for number, mode in modes_by_number.items() if mode in ("good", "slow", "flaky")}
    outputs = defaultdict(set)

    def all_out(records: list[Any]) -> bool:
        for record in records:
            outputs[json.loads(record.value)["number"]].add((record.key, record.value))
        return set(outputs) >= good

    stage.read(stage.target, all_out, 60)
    assert set(outputs) == good
    assert all(len(answers) == 1 for answers in outputs.values()), "conflicting duplicates"

    dead = defaultdict(set)

    def all_dead(records: list[Any]) -> bool:
        for record in records:
            letter = dead_letters.read(record.topic, record.key, record.value, record.headers)
            dead[(letter.key, letter.value)].add((letter.reason, letter.origin))
        return len(dead) >= 400 - len(good)

    stage.read(topics.dead(stage.source), all_dead, 20)
    reasons = {"bad": "told_to", "bug": "unexpected_error", "huge": "record_too_large"}
    expected = {
        pings[number]: reasons[mode] for number, mode in modes_by_number.items() if mode in reasons
    }
    assert {message: {reason for reason, _ in answers} for message, answers in dead.items()} == {
        message: {reason} for message, reason in expected.items()
    }
    assert all(len({origin for _, origin in answers}) == 1 for answers in dead.values())

    for process in (second, third):
        with at_most(10):
            assert process.end() == 0


def test_garbage_ends_as_dead_letters_with_its_exact_bytes(stage: Stage) -> None:
    noise = random.Random(7)
    garbage: list[Message] = [
        (b"k", None),
        (None, None),
        (None, b'{"track_id": "t", "number": 1}'),
        (b"k", b""),
        (b"\xff\xfe", noise.randbytes(3_000)),
        (b"k", b"x" * 950_000),
        (b"k", b"x" * 1_500_000),
        (noise.randbytes(40_000), b"[]"),
        *((noise.randbytes(4), noise.randbytes(noise.randrange(200))) for _ in range(20)),
    ]
    worker = stage.start()
    stage.send([message for message in garbage if message != (None, None)], [("trace", b"1")])
    stage.send_nothing()
    stage.send([ping(1)], [("trace", b"2"), (dead_letters.REASON, b"of an earlier death")])
    outputs = stage.read(stage.target, bool, 30)
    assert [(record.key, record.headers) for record in outputs] == [(b"t1", [("trace", b"2")])]

    records = stage.read(topics.dead(stage.source), lambda read: len(read) >= len(garbage), 20)
    letters = [
        dead_letters.read(record.topic, record.key, record.value, record.headers)
        for record in records
    ]
    assert sorted([(letter.key, letter.value) for letter in letters], key=repr) == sorted(
        garbage, key=repr
    )
    assert {(letter.reason, letter.source) for letter in letters} == {
        ("invalid_record", stage.source)
    }
    assert len({letter.origin for letter in letters}) == len(garbage)
    exact = {(letter.key, letter.value) for letter in letters} - {(None, None)}
    assert {(record.key, record.value) for record in records} - {(None, b"")} == exact
    assert sum(("trace", b"1") in record.headers for record in records) == len(garbage) - 1
    with at_most(10):
        assert worker.end() == 0


def test_a_cause_that_does_not_pass_stops_the_worker_and_keeps_the_event(stage: Stage) -> None:
    worker = stage.start(retry_attempts=2)
    worker.wait_for("partitions_assigned")
    stage.send([ping(1, "away")])
    with at_most(30):
        assert worker.popen.wait(30) == 1
    stage.send([ping(2, "fatal")])
    again = stage.start(retry_attempts=50)  # the event is still there, and so is the other
    again.wait_for("partitions_assigned")
    assert again.popen.wait(30) == 1
    assert not stage.read(topics.dead(stage.source), lambda read: False, 1)


def test_too_many_dead_letters_pause_the_worker_and_it_goes_on_by_itself(stage: Stage) -> None:
    worker = stage.start(dead_letter_window=10, dead_letter_pause_s=8)
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "bug") for number in range(11)])
    paused = worker.wait_for("processor_paused")
    assert "first 11 events" in paused["reason"]
    stage.send([ping(number) for number in range(40)])
    assert worker.ready() == {"ready": False, "missing": ["dead_letters_within_limit"]}
    assert not stage.read(stage.target, bool, 2)
    assert len(stage.read(stage.target, lambda read: len(read) == 40, 20)) == 40
    assert worker.ready()["ready"]
    assert seconds_between(paused, worker.wait_for("processor_resumed")) > 7
    assert len(stage.read(topics.dead(stage.source), lambda read: len(read) > 11, 1)) == 11
    assert worker.end() == 0


def test_a_paused_worker_hands_its_partitions_over_and_stops_in_time(stage: Stage) -> None:
    worker = stage.start(dead_letter_window=10, dead_letter_pause_s=600)
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "bug") for number in range(11)])
    worker.wait_for("processor_paused")
    stage.send([ping(number) for number in range(40)])
    another = stage.start()
    another.wait_for("partitions_assigned")
    assert stage.read(stage.target, bool, 20)
    with at_most(10):
        assert worker.end() == 0
    assert len(stage.read(stage.target, lambda read: len(read) == 40, 20)) == 40
    assert another.end() == 0


def test_a_stuck_handler_does_not_keep_a_worker_from_stopping(stage: Stage) -> None:
    worker = stage.start(drain_s=1)
    worker.wait_for("partitions_assigned")
    stage.send([ping(1, "stuck"), ping(2)])
    assert stage.read(stage.target, bool, 20)
    with at_most(10):
        assert worker.end(signal.SIGINT) == 0


def test_a_worker_waits_for_its_broker_and_says_so(stage: Stage) -> None:
    worker = stage.start(brokers="127.0.0.1:1")
    worker.wait_for("attempt_failed")
    assert worker.ready() == {
        "ready": False,
        "missing": ["broker_reachable", "topics_exist", "partitions_assigned"],
    }
    with at_most(10):
        assert worker.end() == 0
    assert not worker.lines("processor_failed")


def test_a_worker_ends_when_its_broker_is_gone(stage: Stage, tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        ensure_topics(Settings(brokers=broker.bootstrap))
        stage.name = topics.UPLOADED
        worker = stage.start(brokers=broker.bootstrap, request_timeout_s=2)
        worker.wait_for("partitions_assigned")
        assert worker.ready() == {"ready": True, "missing": []}
    worker.wait_for("broker_unreachable")
    assert "broker_reachable" in worker.ready()["missing"]
    assert worker.popen.wait(40) == 1
    gone, ended = worker.lines("processor_stopping")[0], worker.lines("processor_stopped")[0]
    assert "BrokerAway" in gone["failure"]
    assert seconds_between(gone, ended) < 30

"""Ledger and catalogue as real processes on a real broker: nothing lost, nothing twice."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import select

from detector.errors import Transient
from streams.contract import dead_letters, topics
from streams.contract.records import DecisionApplied, Declaration, Record, parse
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.forking import Running
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.kafka.clients import open_producer
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from streams.store import dead_letter_store, queries
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetterFilter
from streams.store.queries import counts
from streams.store.tables import UPLOADS
from tests.support.events import classified, upload
from tests.support.forks import forks
from tests.support.paths import ROOT

pytestmark = pytest.mark.pipeline

PATIENCE_S = 30.0


@dataclass
class Worker:
    """One process of ``earmark worker``, and its log."""

    process: Running
    log: Path
    port: int

    def missing(self) -> list[str] | None:
        """What /ready lacks; None while no process answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready") as answer:
                return list(json.load(answer)["missing"])
        except urllib.error.HTTPError as error:
            return list(json.load(error)["missing"])
        except OSError:
            return None

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@dataclass
class Installation:
    """A broker of this module's own, a ledger of this test's own, and their workers."""

    settings: Settings
    folder: Path
    workers: list[Worker]

    def start(self, name: str, **changes: Any) -> Worker:
        port = free_port()
        settings = self.settings.model_copy(update={"metrics_port": port, **changes})
        log = self.folder / f"{name}-{len(self.workers)}.log"
        with log.open("wb") as written:
            process = forks().start(
                "streams.cli.main",
                ["worker", name],
                {"PATH": os.environ["PATH"], **settings.environment()},
                written,
            )
        worker = Worker(process, log, port)
        self.workers.append(worker)
        return worker

    def publish(self, messages: Iterable[tuple[str, Record | bytes]]) -> None:
        producer = open_producer(self.settings, "test")
        for topic, message in messages:
            value = message if isinstance(message, bytes) else message.to_bytes()
            key = b"T" if isinstance(message, bytes) else message.track_id.encode()  # type: ignore[attr-defined]
            producer.send(topic, key=key, value=value)
        producer.flush()
        producer.close()

    def rows(self) -> dict[str, int]:
        """Rows by table, of those that have any."""
        ledger = Ledger.open(self.settings.ledger)
        try:
            return {name: number for name, number in counts(ledger).items() if number}
        finally:
            ledger.close()

    def tracks(self, prefix: str) -> list[str]:
        """Track ids in the ledger's uploads, one for each row."""
        ledger = Ledger.open(self.settings.ledger)
        column = UPLOADS.c.track_id
        try:
            with ledger.reading() as connection:
                return list(connection.scalars(select(column).where(column.startswith(prefix))))
        finally:
            ledger.close()


def wait_until(holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if holds():
                return
        except Transient:  # the ledger's writer holds it
            pass
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def installation(own_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Installation]:
    settings = Settings(
        brokers=own_broker.bootstrap,
        group_prefix=tmp_path.name,
        session_timeout_s=6,
        fetch_max_wait_ms=50,
        retry_base_s=0.1,
        ledger=f"sqlite:///{tmp_path}/ledger.db",
    )
    ensure_topics(settings)
    made = Installation(settings, tmp_path, [])
    yield made
    for worker in made.workers:
        worker.process.kill()
        worker.process.wait()


def log_of(settings: Settings, topic: str) -> list[Any]:
    """Every message of a topic, outside of any group."""
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers, auto_offset_reset="earliest")
    numbers = consumer.partitions_for_topic(topic) or ()
    consumer.assign([TopicPartition(topic, number) for number in numbers])
    result: list[Any] = []
    quiet = 0
    while quiet < 3:
        polled = consumer.poll(timeout_ms=300)
        quiet = 0 if polled else quiet + 1
        result += [message for messages in polled.values() for message in messages]
    consumer.close()
    return result


def test_from_the_hook_to_the_catalogue_and_back(installation: Installation) -> None:
    """Also: whatever comes again, or is read again from the start, adds nothing."""
    installation.start("ledger")
    installation.start("catalogue")
    with IngestHook(installation.settings) as hook:
        item = upload("T-1", declared=Declaration(contains_ai="None"))
        delivery = hook.submit_many([item, item])[0]
    event = classified(declared=Declaration(contains_ai="None"))
    assert event.upload_id == delivery.upload_id
    records = decide(event, load(installation.settings.policy))
    labelled, decided, requested = records.labelled, records.decided, records.requested
    assert requested is not None
    messages = [
        (topics.CLASSIFIED, event),
        (topics.LABELLED, labelled),
        (topics.DECIDED, decided),
        (topics.REVIEWS_REQUESTED, requested),
    ]
    installation.publish(messages)
    expected = {
        "uploads": 1,
        "analyses": 1,
        "labels": 2,
        "decisions": 1,
        "review_tasks": 1,
        "applied": 1,
    }
    wait_until(lambda: installation.rows() == expected)
    ledger = Ledger.open(installation.settings.ledger)
    assert queries.decision(ledger, upload_id=delivery.upload_id) == decided
    assert ledger.ended_uploads([delivery.upload_id]) == {delivery.upload_id}
    assert [worker.missing() for worker in installation.workers] == [[], []]

    installation.publish(messages)  # a processor's repeat
    answers: list[str] = []

    def answered_twice() -> bool:
        answers[:] = [
            parse(DecisionApplied, message.value).result
            for message in log_of(installation.settings, topics.DECISIONS_APPLIED)
        ]
        return len(answers) == 2

    wait_until(answered_twice)
    assert sorted(answers) == ["already_applied", "applied"]
    assert [worker.end() for worker in installation.workers] == [0, 0]
    assert installation.rows() == expected

    again = installation.start("ledger", group_prefix="another")  # the whole log, from its start
    wait_until(lambda: again.missing() == [])
    wait_until(lambda: received_by(again) >= 12)
    assert again.end() == 0
    assert installation.rows() == expected


def received_by(worker: Worker) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("earmark_received_to"))


def test_killing_the_ledger_midway_loses_nothing(installation: Installation) -> None:
    uploads = [upload(f"K-{number}") for number in range(3_000)]
    # A member that was killed keeps its successor waiting for its session.
    worker = installation.start("ledger", session_timeout_s=2)
    with IngestHook(installation.settings) as hook:
        for start in range(0, len(uploads), 1_000):
            hook.submit_many(uploads[start : start + 1_000])
            seen = len(installation.tracks("K-"))
            wait_until(lambda seen=seen: len(installation.tracks("K-")) > seen)  # type: ignore[misc]
            worker.end(signal.SIGKILL)
            worker = installation.start("ledger", session_timeout_s=2)
    wait_until(lambda: len(installation.tracks("K-")) >= len(uploads), 60)
    assert sorted(installation.tracks("K-")) == sorted(one.track_id for one in uploads)
    assert worker.end() == 0


def test_a_poisonous_message_is_buried_with_its_bytes_and_the_rest_goes_on(
    installation: Installation,
) -> None:
    poison = b'{"schema_version": 1, "upload_id": "upl_poison", \xff'
    decided = decide(classified(track_id="P-1"), load(installation.settings.policy)).decided
    installation.publish([(topics.DECIDED, poison), (topics.DECIDED, decided)])
    installation.start("ledger")
    installation.start("catalogue")

    def buried() -> list[Any]:
        letters = log_of(installation.settings, topics.dead(topics.DECIDED))
        return [letter for letter in letters if letter.value == poison]

    wait_until(lambda: len(buried()) == 2)  # each of the two could not read it
    ledger = Ledger.open(installation.settings.ledger)
    wait_until(lambda: queries.decision(ledger, upload_id=decided.upload_id) == decided)
    wait_until(
        lambda: len(dead_letter_store.find(ledger, DeadLetterFilter())) == 1
    )  # it is one message
    answer = [dead_letters.read(one.topic, one.key, one.value, one.headers) for one in buried()]
    assert Counter(letter.processor for letter in answer) == {"ledger": 1, "catalogue": 1}
    assert {letter.reason for letter in answer} == {"invalid_record"}
    assert all(letter.origin.startswith("tracks.decided/") for letter in answer)
    assert [worker.end() for worker in installation.workers] == [0, 0]


def test_a_worker_waits_for_its_broker_and_says_so(installation: Installation) -> None:
    port = free_port()
    worker = installation.start("ledger", brokers=f"127.0.0.1:{port}")
    wait_until(lambda: worker.missing() is not None and "ledger_open" not in worker.missing())  # type: ignore[operator]
    assert worker.missing() == ["broker_reachable", "topics_exist", "partitions_assigned"]
    with EmbeddedBroker(port=port) as late:
        wait_until(lambda: "broker_reachable" not in (worker.missing() or ["broker_reachable"]))
        ensure_topics(installation.settings.model_copy(update={"brokers": late.bootstrap}))
        wait_until(lambda: worker.missing() == [])
        assert worker.end() == 0


def test_the_example_of_the_hook_delivers_a_file(installation: Installation) -> None:
    audio = installation.folder / "take.wav"
    audio.write_bytes(b"RIFF")
    done = subprocess.run(
        [sys.executable, "examples/ingest_hook.py", str(audio)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            **installation.settings.environment(),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    track_id, _, place = done.stdout.strip().partition(" ")
    assert place.startswith("partition ")
    keys = {message.key.decode() for message in log_of(installation.settings, topics.UPLOADED)}
    assert track_id in keys

"""Every Kafka client on a listener with TLS and SASL of a real Apache Kafka."""

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detector.errors import EarmarkError
from streams.contract import topics
from streams.contract.records import Declaration
from streams.ops.embedded_broker import ensure_topics
from streams.ops.supervisor import Supervisor
from streams.ops.watch import Ended, Watcher
from streams.runtime.kafka import clients
from streams.runtime.kafka.clients import open_producer, open_reader
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.publisher import KafkaPublisher
from streams.runtime.kafka.security import BrokerRefuses
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from streams.store.database import Ledger
from streams.store.queries import counts
from tests.support.events import classified, upload
from tests.support.forks import forks
from tests.support.kafka import ApacheKafka, apache_kafka

pytestmark = pytest.mark.pipeline

WRONG = "a-wrong-password"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with apache_kafka(tmp_path_factory.mktemp("secure"), secure=True) as running:
        yield running


def settings_of(fields: dict[str, Any], **changes: Any) -> Settings:
    return Settings.model_validate(fields | {"session_timeout_s": 6, **changes})


def wait_for_decision(watcher: Watcher, upload_id: str) -> Ended:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for ended in watcher.poll(0.2):
            if ended.upload_id == upload_id:
                return ended
    raise AssertionError("no decision")


def test_the_whole_pipeline_by_tls_and_password(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Hook, topics, Faust, its publisher, batches, watcher; and the password stays hidden."""
    settings = settings_of(kafka.secured(), ledger=f"sqlite:///{tmp_path}/ledger.db")
    ensure_topics(settings)
    delivery = upload("T-1", declared=Declaration(contains_ai="None"))
    with Supervisor(["decide", "ledger", "catalogue"], settings, tmp_path, forks()) as supervisor:
        assert supervisor.wait_ready(60) == []
        with Watcher(settings) as watcher, IngestHook(settings) as hook:
            hook.submit(delivery)
            event = classified(declared=Declaration(contains_ai="None"))
            producer = open_producer(settings, "test")
            producer.send(topics.CLASSIFIED, key=b"T-1", value=event.to_bytes()).get(20)
            producer.close()
            ended = wait_for_decision(watcher, delivery.upload_id)
        assert ended.decision is not None
        ledger = Ledger.open(settings.ledger)
        deadline = time.monotonic() + 30
        while counts(ledger)["applied"] < 1:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert counts(ledger)["uploads"] == counts(ledger)["decisions"] == 1
        for child in supervisor.children:
            assert child.process is not None
            title = Path(f"/proc/{child.process.pid}/cmdline")
            if title.exists():
                assert kafka.password not in title.read_text()
            with urllib.request.urlopen(child.metrics_url) as answer:  # noqa: S310 - our own
                assert kafka.password not in answer.read().decode()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"decide.log", "ledger.log", "catalogue.log"} <= {path.name for path in written}
    assert not [path for path in written if kafka.password.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("SASL_SSL", "PLAIN"),
        ("SASL_SSL", "SCRAM-SHA-256"),
        ("SASL_SSL", "SCRAM-SHA-512"),
        ("SASL_PLAINTEXT", "PLAIN"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-512"),
        ("SSL", ""),
    ],
)
def test_every_protocol_and_mechanism(kafka: ApacheKafka, protocol: str, mechanism: str) -> None:
    settings = settings_of(kafka.secured(protocol, mechanism))
    ensure_topics(settings)
    open_producer(settings, "test").close()
    open_reader(settings).close()
    assert set(topics.ALL) <= asyncio.run(seen_by_publisher(settings))


async def seen_by_publisher(settings: Settings) -> set[str]:
    publisher = KafkaPublisher(settings, "test")
    await publisher.start()
    try:
        return await publisher.topics()
    finally:
        await publisher.stop()


def test_faust_by_a_client_certificate(kafka: ApacheKafka, tmp_path: Path) -> None:
    settings = settings_of(kafka.secured("SSL"), group_prefix="tls", ledger="sqlite://")
    ensure_topics(settings)
    with Supervisor(["decide"], settings, tmp_path, forks()) as supervisor:
        assert supervisor.wait_ready(60) == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_called_so(kafka: ApacheKafka, mechanism: str) -> None:
    fields = kafka.secured(mechanism=mechanism) | {"sasl_password": WRONG}
    for answer in refusals(settings_of(fields)):
        assert isinstance(answer, BrokerRefuses)
        assert "check EARMARK_SASL_USERNAME and EARMARK_SASL_PASSWORD" in str(answer)
        assert WRONG not in str(answer)


def test_a_stranger_is_not_trusted(kafka: ApacheKafka) -> None:
    fields = kafka.secured() | {"tls_ca_file": None}
    for answer in refusals(settings_of(fields)):
        assert isinstance(answer, BrokerRefuses)
        assert "check EARMARK_TLS_CA_FILE" in str(answer)


def test_the_wrong_protocol_is_suspected(kafka: ApacheKafka) -> None:
    for answer in refusals(settings_of({"brokers": kafka.address("SASL_SSL")})):
        assert isinstance(answer, BrokerAway)  # or it is just starting
        assert "another EARMARK_SECURITY_PROTOCOL" in str(answer)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is refused tries again for a limited time: here that is short."""
    monkeypatch.setattr(clients, "BOOTSTRAP_MS", 1_000)


def refusals(settings: Settings) -> list[EarmarkError]:
    """What a synchronous and an asynchronous client say."""
    answer = []
    for ask in (lambda: ensure_topics(settings), lambda: asyncio.run(seen_by_publisher(settings))):
        with pytest.raises(EarmarkError) as caught:
            ask()
        answer.append(caught.value)
    return answer


@pytest.mark.parametrize("name", ["decide", "ledger"])
def test_a_worker_with_a_wrong_password_ends_and_says_why(
    kafka: ApacheKafka, tmp_path: Path, name: str
) -> None:
    fields = kafka.secured() | {"sasl_password": WRONG}
    settings = settings_of(fields, ledger=f"sqlite:///{tmp_path}/ledger.db")
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", "worker", name],
        env=os.environ | settings.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "refuses us" in done.stderr
    assert "check EARMARK_SASL_USERNAME and EARMARK_SASL_PASSWORD" in done.stderr
    assert WRONG not in done.stderr + done.stdout

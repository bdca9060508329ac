"""The monitor on a real broker and a real database."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from streams.contract import topics
from streams.contract.records import Extent
from streams.ops.checks import certificates, disks
from streams.ops.checks.broker import Lag
from streams.ops.checks.ledger import LedgerGauges, measure_quality
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.monitor import Check, run_check
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.clients import open_consumer
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.services.reviews import REASONS, Form, give, take
from streams.services.reviews import Outcome as VerdictOutcome
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger
from streams.store.tables import APPLIED, DECISIONS
from tests.support.accounts import create_user
from tests.support.certificates import make_certificates
from tests.support.ledger_filling import row
from tests.support.stories import a_task


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        ensure_topics(Settings(brokers=running.bootstrap))
        yield running


@pytest.mark.pipeline
def test_lag_is_seen_without_any_worker(broker: EmbeddedBroker) -> None:
    settings = Settings(brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for _ in range(5):
        producer.send(topics.UPLOADED, b"{}", partition=2).get(10)
    producer.close()
    labels = {"processor": "fingerprint", "topic": topics.UPLOADED}
    with Lag(settings) as lag:
        lag.measure()
        assert value("earmark_consumer_lag", **labels, partition="2") == 5
        assert value("earmark_consumer_lag", **labels, partition="0") == 0
        # a worker has done three of them
        consumer = open_consumer(settings, "fingerprint", [topics.UPLOADED])
        deadline = time.monotonic() + 20
        while not consumer.assignment() and time.monotonic() < deadline:
            consumer.poll(timeout_ms=200)
        done = {TopicPartition(topics.UPLOADED, 2): OffsetAndMetadata(3, "", -1)}
        consumer.commit(done)
        consumer.close(autocommit=False)
        lag.measure()
    assert value("earmark_consumer_lag", **labels, partition="2") == 2
    assert value("earmark_consumer_offset", **labels, partition="2") == 3


@pytest.mark.pipeline
def test_topics_that_are_not_as_they_should_be_are_named(broker: EmbeddedBroker) -> None:
    with Lag(Settings(brokers=broker.bootstrap, partitions=8)) as lag:
        lag.measure()
    assert value("earmark_topic_differences", topic=topics.UPLOADED, kind="grow") == 1
    with Lag(Settings(brokers=broker.bootstrap)) as lag:
        lag.measure()
    assert value("earmark_topic_differences", topic=topics.UPLOADED, kind="grow") is None


def test_a_failed_check_takes_its_figures_away() -> None:
    metrics.LAG.labels("decide", "old", "0").set(7)
    before = value("earmark_monitor_failures_total", check="broker") or 0
    health = Health("broker")
    with Lag(Settings(brokers=f"127.0.0.1:{free_port()}")) as lag:
        check = Check("broker", 1.0, lag.measure, (metrics.LAG,))
        with pytest.raises(BrokerAway):
            lag.measure()
        run_check(check, health)
    assert value("earmark_monitor_failures_total", check="broker") == before + 1
    assert value("earmark_consumer_lag", processor="decide", topic="old", partition="0") is None
    assert health.missing == ["broker"]


BOUNDS = ("low", "share", "high")
OPEN = {"state": "open", "kind": "review"}


def test_what_waits_in_the_ledger_is_counted(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    now = datetime.now(UTC)
    long_ago, lately = now - timedelta(minutes=20), now - timedelta(minutes=1)
    ledger.write(
        [
            row(DECISIONS, decision_id="answered", recorded_at=long_ago),
            row(APPLIED, decision_id="answered"),
            row(DECISIONS, decision_id="silent", recorded_at=long_ago),
            row(DECISIONS, decision_id="fresh", recorded_at=lately),
            row(TASK_STATES, task_id="one", queue="appeals", opened_at=long_ago, **OPEN),
            row(TASK_STATES, task_id="two", queue="appeals", opened_at=lately, **OPEN),
        ]
    )
    LedgerGauges(ledger, Settings()).measure()
    ledger.close()
    assert value("earmark_decisions_unapplied", processor="catalogue") == 1
    assert value("earmark_review_tasks_open", queue="appeals") == 2
    oldest = value("earmark_review_task_oldest_seconds", queue="appeals")
    assert oldest == pytest.approx(1200, abs=30)
    assert value("earmark_review_sla_seconds") == 48 * 3_600
    assert value("earmark_appeals_open", state="received") == 0


def test_quality_is_measured_on_verdicts(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    anna = create_user(ledger, "anna", "reviewer")
    outcomes: tuple[VerdictOutcome, ...] = ("confirm", "confirm", "correct")
    for number, outcome in enumerate(outcomes):
        task_id = a_task(ledger, f"T-{number}")
        take(ledger, task_id, anna)
        extent = Extent.NONE if outcome == "correct" else Extent.ALL
        give(ledger, task_id, anna, Form(f"f{number}", outcome, (next(iter(REASONS)),), extent))
    measure_quality(ledger)
    ledger.close()
    labels = {"measure": "overturned_by_model", "of": "clock-1"}
    shares = [value("earmark_quality_share", **labels, bound=one) for one in BOUNDS]
    assert shares == [
        pytest.approx(0.061, abs=0.01),
        pytest.approx(1 / 3),
        pytest.approx(0.792, abs=0.01),
    ]
    assert value("earmark_quality_cases", **labels) == 3


def test_only_disks_of_ours_are_looked_at(tmp_path: Path) -> None:
    here = Settings(store=f"file://{tmp_path}/store", ledger=f"sqlite:///{tmp_path}/l/ledger.db")
    assert disks.places(here) == {
        "store": tmp_path / "store",
        "ledger": tmp_path / "l",
        "index": tmp_path / "l" / "index",
    }
    disks.measure(here)  # neither folder exists yet
    free, size = (value(f"earmark_disk_{name}_bytes", place="store") for name in ("free", "size"))
    assert free is not None
    assert size is not None
    assert 0 < free < size
    away = Settings(store="memory://bucket", ledger="postgresql://db/earmark")
    assert disks.places(away) == {}


def test_certificates_are_dated(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    port = free_port()
    server = subprocess.Popen(
        [
            *("openssl", "s_server", "-accept", str(port), "-quiet"),
            *("-cert", str(tmp_path / "node.crt"), "-key", str(tmp_path / "node.key")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    settings = Settings(
        security_protocol="SSL", tls_ca_file=tmp_path / "ca.crt", brokers=f"localhost:{port}"
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                certificates.measure(settings)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    finally:
        server.kill()
        server.wait()
    for name in ("ca", f"localhost:{port}"):
        ends = value("earmark_certificate_not_after_seconds", certificate=name)
        assert ends is not None
        assert ends > time.time()


@pytest.mark.pipeline
def test_the_process_becomes_ready_and_ends_on_a_signal(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    Ledger.open(f"sqlite:///{tmp_path}/ledger.db").close()
    port = free_port()
    settings = Settings(
        brokers=broker.bootstrap, ledger=f"sqlite:///{tmp_path}/ledger.db", metrics_port=port
    )
    environment = {key: text for key, text in os.environ.items() if not key.startswith("EARMARK")}
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli.main", "worker", "monitor"],
        env=environment | settings.environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _await_ready(port, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            families = {one.name for one in text_string_to_metric_families(answer.read().decode())}
        assert {"earmark_consumer_lag", "earmark_disk_free_bytes"} <= families
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()


def _await_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("not ready")

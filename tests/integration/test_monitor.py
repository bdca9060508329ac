"""The monitor on a real broker and a real database."""

import os
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.ops.checks.broker import measure
from streams.ops.embedded_broker import EmbeddedBroker
from streams.ops.monitor import Check, run_check
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from tests.support.gauges import value


def test_a_failed_check_takes_its_figures_away() -> None:
    metrics.LAG.labels("decide", "old", "0").set(7)
    before = value("earmark_monitor_failures_total", check="broker") or 0
    health = Health("broker")
    ask = partial(measure, Settings(brokers=f"127.0.0.1:{free_port()}"))
    check = Check("broker", 1.0, ask, (metrics.LAG,))
    with pytest.raises(BrokerAway):
        ask()
    run_check(check, health)
    assert value("earmark_monitor_failures_total", check="broker") == before + 1
    assert value("earmark_consumer_lag", processor="decide", topic="old", partition="0") is None
    assert health.missing == ["broker"]


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

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from streams.contract import topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.kafka.errors import BrokerAway, BrokerFailed
from streams.runtime.settings import Settings
from tests.support.paths import ROOT

pytestmark = pytest.mark.pipeline

PARENT = """
import time
from streams.ops.embedded_broker import EmbeddedBroker
broker = EmbeddedBroker()
broker.start()
print(broker._process.pid, flush=True)
time.sleep(60)
"""


def there(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().split()[2] != "Z"


def test_topics_are_created_once_and_left_as_they_are(broker: EmbeddedBroker) -> None:
    ensure_topics(Settings(brokers=broker.bootstrap, partitions=9))  # they are there, with 4
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    result = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    admin.close()
    assert {name: result[name] for name in topics.EVENTS} == dict.fromkeys(topics.EVENTS, 4)
    assert {name: result[name] for name in topics.DEAD} == dict.fromkeys(topics.DEAD, 1)


def test_no_broker_is_said_soon() -> None:
    start = time.monotonic()
    with pytest.raises(BrokerAway, match=r"127\.0\.0\.1:1"):
        ensure_topics(Settings(brokers="127.0.0.1:1"))
    assert time.monotonic() - start < 15


def test_a_taken_port_is_a_failure(broker: EmbeddedBroker) -> None:
    second = EmbeddedBroker(port=int(broker.bootstrap.split(":")[1]))
    with pytest.raises(BrokerFailed, match="something else answers"):
        second.start()
    second.stop()


def test_a_broker_that_ends_at_once_is_a_failure_with_a_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/bin/false")
    with pytest.raises(BrokerFailed, match=r"ended at once.*tansu\.log"):
        EmbeddedBroker(log_file=tmp_path / "tansu.log").start()


def test_it_stops_twice_and_starts_again() -> None:
    broker = EmbeddedBroker()
    broker.start()
    assert broker.running
    broker.stop()
    broker.stop()
    assert not broker.running
    broker.start()
    broker.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_it_dies_with_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    # the log line of its start comes first
    pid = next(int(line) for line in parent.stdout if line.strip().isdigit())
    assert there(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while there(pid):
        assert time.monotonic() < deadline, "the broker outlives its parent"
        time.sleep(0.05)

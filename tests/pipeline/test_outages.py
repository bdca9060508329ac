"""A broker that holds its connections and does not answer."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.ops.embedded_broker import ensure_topics
from streams.runtime.settings import Settings
from tests.pipeline.backpressure import resident_mb
from tests.pipeline.conftest import StageOn
from tests.pipeline.staging import Process, at_most, numbers, ping, wait_until
from tests.soak.installation import Tansu
from tests.support.forks import forks

pytestmark = pytest.mark.pipeline

PINGS = 120


@pytest.fixture
def tansu() -> Iterator[Tansu]:
    """A broker of this test's own, to be paused."""
    with Tansu() as broker:
        yield broker
        broker.resume()


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
    assert numbers(stage, PINGS) == set(range(PINGS))


def test_a_short_stall_is_waited_out(tansu: Tansu, stage_on: StageOn) -> None:
    stage = stage_on(tansu.bootstrap)
    worker = stage.start()
    worker.wait_for("partitions_assigned")
    stage.send([ping(number, "crawl") for number in range(PINGS)])
    tansu.pause()
    time.sleep(8)  # longer than a session
    tansu.resume()
    assert numbers(stage, PINGS) == set(range(PINGS))
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
        environment = os.environ | settings.environment()
        popen = forks().start("streams.cli.main", ["worker", "ledger"], environment, log)
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

"""Memory of a worker before a long queue: ``python -m tests.pipeline.backpressure [EVENTS]``.

Events of 4 kB wait on the topic of an echo processor that is too slow for them. What a
worker holds must not depend on how many wait.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from kafka.admin import KafkaAdminClient

from streams.contract import topics
from streams.ops.embedded_broker import EmbeddedBroker
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from tests.support.paths import ROOT

SOURCE, TARGET = "waiting", "waited"
PADDING = "x" * 4_000
WINDOW = 5_000
SETTLED_S = 5.0  # from the first assignment on: the first fetches
ASSIGNED_PATIENCE_S = 60.0


def fill(settings: Settings, events: int) -> None:
    """Create the topics and lay the events there; each takes 50 ms."""
    admin = KafkaAdminClient(bootstrap_servers=settings.brokers)
    for name in (SOURCE, TARGET, topics.dead(SOURCE)):
        admin.create_topics({name: {"num_partitions": 4, "replication_factor": 1}})
    admin.close()
    producer = open_producer(settings, "test")
    for number in range(events):
        ping = {"track_id": f"t{number}", "number": number, "mode": "crawl", "padding": PADDING}
        producer.send(SOURCE, key=b"t%d" % number, value=json.dumps(ping).encode())
        if number % WINDOW == WINDOW - 1:
            producer.flush()
    producer.flush()
    producer.close()


def resident_mb(pid: int) -> float:
    """Return what a process holds in memory; nothing where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure(events: int, seconds: float) -> list[tuple[float, float]]:
    """Return seconds since the assignment, and MB, once a second after it has settled."""
    with EmbeddedBroker() as broker, tempfile.NamedTemporaryFile() as log:
        settings = Settings(brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
        fill(settings, events)
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.echo", SOURCE, TARGET],
            cwd=ROOT,
            env=os.environ | settings.environment(),
            stdout=log,
            stderr=log,
        )
        sizes: list[tuple[float, float]] = []
        try:
            deadline = time.monotonic() + ASSIGNED_PATIENCE_S
            while b"partitions_assigned" not in Path(log.name).read_bytes():
                if time.monotonic() > deadline:
                    raise TimeoutError(Path(log.name).read_text())
                time.sleep(0.1)
            began = time.monotonic()
            while (now := time.monotonic() - began) < SETTLED_S + seconds:
                if now > SETTLED_S:
                    sizes.append((now, resident_mb(worker.pid)))
                time.sleep(1)
        finally:
            worker.kill()
            worker.wait()
    return sizes


def main() -> int:
    """Measure for a minute and print."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    sizes = measure(events, 60)
    sys.stdout.write(f"{events} events of 4 kB wait\n")
    sys.stdout.writelines(f"{at:5.0f} s  {size:6.1f} MB\n" for at, size in sizes[::5])
    return 0


if __name__ == "__main__":
    sys.exit(main())

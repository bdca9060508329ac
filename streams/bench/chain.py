"""``earmark bench chain``: the whole pipeline, from the hook to the catalogue.

Every file is new content, so that each is fetched, decoded and scored. First all at once
(tracks a second, CPU seconds a track by worker, memory), then at shares of that rate
(how long an upload waits for its decision).
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from detector.errors import Fatal
from streams.bench.decode import bare, bare_peer
from streams.bench.measure import by_turns, cpu_of_tree, resident_mb
from streams.bench.table import Report, Row
from streams.broker.embedded import EmbeddedBroker, ensure_topics
from streams.ingest import IngestHook, upload_from_file
from streams.local.state import State
from streams.local.supervisor import Supervisor
from streams.local.up import WORKERS
from streams.local.watch import Watcher
from streams.settings import Settings

READY_S: Final = 120.0
STALL_S: Final = 120.0
LOADS: Final = (0.25, 0.5, 0.8)
BARE_ROUNDS: Final = 3


@dataclass
class Running:
    """The house, what was sent to it, and how long each upload waited, in seconds."""

    state: State
    settings: Settings
    supervisor: Supervisor
    watcher: Watcher
    hook: IngestHook
    sent: dict[str, float] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)

    def send(self, file: Path) -> None:
        """Send a file as a new upload."""
        upload = upload_from_file(file, title=file.name)
        self.sent[upload.upload_id] = time.time()
        self.hook.submit(upload)

    def look(self, timeout_s: float) -> None:
        """Note what has ended; wait so long for the first."""
        for ended in self.watcher.poll(timeout_s):
            if ended.upload_id in self.sent and ended.upload_id not in self.waits:
                if ended.decision is None:
                    raise Fatal(f"an upload of the benchmark died: {ended.dead_letter}")
                self.waits[ended.upload_id] = ended.at - self.sent[ended.upload_id]
        self.supervisor.watch()

    def finish(self) -> None:
        """Wait until all that was sent has ended."""
        news = time.monotonic()
        while missing := len(self.sent) - len(self.waits):
            self.look(0.05)
            if len(self.sent) - len(self.waits) < missing:
                news = time.monotonic()
            if time.monotonic() - news > STALL_S:
                raise Fatal(f"{missing} uploads do not end; logs: see --state")

    def cpu(self) -> dict[str, float]:
        """Return CPU seconds so far, by worker."""
        return {
            child.name: cpu_of_tree(child.process.pid)
            for child in self.supervisor.children
            if child.process is not None
        }


@contextmanager
def running(first: Path, state: Path, brokers: str | None) -> Iterator[Running]:
    """Start the house, on an embedded broker unless ``brokers`` are named; send it a track."""
    with tempfile.TemporaryDirectory(dir=state) as folder, ExitStack() as stack:
        here = State(Path(folder))
        if brokers is None:
            broker = stack.enter_context(EmbeddedBroker())
            settings = here.settings(broker.bootstrap)
        else:
            settings = here.settings(None).model_copy(update={"brokers": brokers})
        ensure_topics(settings)
        supervisor = stack.enter_context(Supervisor(list(WORKERS), settings, state / "logs"))
        if late := supervisor.wait_ready(READY_S):
            raise Fatal(f"not ready: {'; '.join(late)}; logs: {state / 'logs'}")
        watcher = stack.enter_context(Watcher(settings))
        hook = stack.enter_context(IngestHook(settings))
        here.announce(settings)
        house = Running(here, settings, supervisor, watcher, hook)
        house.send(first)  # the first track pays for caches and imports
        house.finish()
        yield house


def bench_chain(files: Iterator[Path], state: Path, tracks: int, brokers: str | None) -> Report:
    """Run it.

    Args:
        files: an endless supply of files with different content and equal cost.
        state: a folder for the artefacts, the ledger and the logs.
        tracks: how many to send at each load.
        brokers: bootstrap servers, or None for an embedded broker.
    """
    peer_file = next(files)
    limit = by_turns({"bare": bare(peer_file)}, BARE_ROUNDS)["bare"]
    with running(peer_file, state, brokers) as house:
        rows, figures = _full_speed(house, files, tracks, limit)
        for share in LOADS:
            row, p50 = _paced(house, files, tracks, share, figures["tracks_per_second"])
            rows.append(row)
            figures[f"p50_ms_at_{share:.0%}".replace("%", "_percent")] = p50
            figures["p99_ms"] = _percentile(row.values, 99)
    kind = "embedded broker" if brokers is None else "Kafka"
    notes = (f"{tracks} tracks at each load, {kind}; memory counts shared pages in each process",)
    return Report("chain", bare_peer(), tuple(rows), figures, notes)


def _full_speed(
    house: Running, files: Iterator[Path], tracks: int, limit: tuple[float, ...]
) -> tuple[list[Row], dict[str, float]]:
    batch = [next(files) for _ in range(tracks)]
    before, began = house.cpu(), time.monotonic()
    for file in batch:
        house.send(file)
    house.finish()
    took = time.monotonic() - began
    after = house.cpu()
    spent = {name: (after[name] - before.get(name, 0.0)) / tracks for name in after}
    bare_s = Row("", limit, "").median
    rows = [Row("bare decoding", limit, "CPU-s/track", 1.0)]
    rows += [
        Row(f"worker {name}", (value,), "CPU-s/track", value / bare_s)
        for name, value in spent.items()
    ]
    total = sum(spent.values())
    rows.append(Row("all workers", (total,), "CPU-s/track", total / bare_s))
    rows += [
        Row(f"memory of {child.name}", (resident_mb(child.process.pid),), "MB")
        for child in house.supervisor.children
        if child.process is not None
    ]
    figures = {
        "tracks_per_second": tracks / took,
        "cpu_seconds_per_track": total,
        "ratio_to_bare_decode": total / bare_s,
    }
    return rows, figures


def _paced(
    house: Running, files: Iterator[Path], tracks: int, share: float, rate: float
) -> tuple[Row, float]:
    known = set(house.waits)
    began = time.monotonic()
    for number in range(tracks):
        due = began + number / (share * rate)
        while (left := due - time.monotonic()) > 0:
            house.look(min(left, 0.05))
        house.send(next(files))
    house.finish()
    waits = tuple(1_000 * w for one, w in house.waits.items() if one not in known)
    ends = {name: _percentile(waits, name) for name in (50, 95, 99)}
    said = ", ".join(f"p{name} {value:.0f}" for name, value in ends.items())
    return Row(f"upload to decision at {share:.0%} ({said})", waits, "ms"), ends[50]


def _percentile(values: tuple[float, ...], percent: int) -> float:
    return float(np.percentile(values, percent))

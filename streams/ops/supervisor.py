"""Processors as child processes: started, watched, restarted, ended in time.

Each child is ``earmark worker NAME``, forked (``streams.ops.forking``), with its log in a file.
One that ends is started again after a back-off that doubles up to 30 s, and starts anew after a
minute of good service.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
import structlog

from streams.contract.processes import PROCESSES
from streams.ops.forking import ForkServer, Running
from streams.runtime.processes import free_port, undisturbed
from streams.runtime.settings import Settings

log = structlog.get_logger()

MODULE = "streams.cli.main"
STOP_PATIENCE_S = 6.0
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S: Final = 30.0
GOOD_SERVICE_S: Final = 60.0
GIVE_UP_RESTARTS: Final = 2
UNCAUGHT: Final = re.compile(r"[A-Za-z_.]+(Error|Exception): ")


@dataclass
class Child:
    """One supervised worker."""

    name: str
    settings: Settings
    log_path: Path
    process: Running | None = None
    started: float = 0.0
    restarts: int = 0
    backoff_s: float = field(default_factory=lambda: FIRST_BACKOFF_S)
    not_before: float = 0.0

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://{self.settings.metrics_host}:{self.settings.metrics_port}/metrics"

    def start(self, forks: ForkServer) -> None:
        """Start it."""
        if self.restarts:  # the port may have been taken since it was chosen
            port = free_port(self.settings.metrics_host, self.settings.metrics_port)
            self.settings = self.settings.model_copy(update={"metrics_port": port})
        kept = {key: value for key, value in os.environ.items() if not key.startswith("EARMARK_")}
        with undisturbed(), self.log_path.open("ab") as log_file:
            environment = kept | self.settings.environment(PROCESSES.get(self.name))
            self.process = forks.start(MODULE, ["worker", self.name], environment, log_file)
        self.started = time.monotonic()

    def ready(self) -> bool:
        """Ask its /ready."""
        url = self.metrics_url.replace("/metrics", "/ready")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    def last_words(self) -> str:
        """Return the last error in its log; empty where there is none."""
        with contextlib.suppress(OSError):
            for line in reversed(self.log_path.read_text(errors="replace").splitlines()[-50:]):
                with contextlib.suppress(orjson.JSONDecodeError, AttributeError):
                    entry = orjson.loads(line)
                    why = entry.get("error") or str(entry.get("exception", "")).splitlines()[-1:]
                    if why:
                        return why if isinstance(why, str) else str(why[0])
                if line.startswith("earmark: "):
                    return line.removeprefix("earmark: ")
                if UNCAUGHT.match(line):  # a traceback's last line: it died before its log
                    return line
        return ""

    def watch(self, forks: ForkServer) -> bool:
        """Start it again once its back-off is over; return whether it has ended just now."""
        now = time.monotonic()
        ended = False
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                if now - self.started > GOOD_SERVICE_S:
                    self.backoff_s = FIRST_BACKOFF_S
                return False
            ended = True
            log.warning("worker_ended", worker=self.name, code=code, log=str(self.log_path))
            self.process = None
            self.restarts += 1
            self.not_before = now + self.backoff_s
            self.backoff_s = min(2 * self.backoff_s, LONGEST_BACKOFF_S)
        if now >= self.not_before:
            self.start(forks)
        return ended


class Supervisor:
    """All workers of one machine; use as a context manager.

    Workers of one name share the work of that stage; the second one's log is ``NAME-2.log``.
    They are forked by ``forks``, which remains open; without it, by a server of its own.
    """

    def __init__(
        self,
        names: list[str],
        settings: Settings,
        log_folder: Path,
        forks: ForkServer | None = None,
    ) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        self._forks = forks or ForkServer()
        self._own_forks = forks is None
        self._settings, self._log_folder = settings, log_folder
        self.children: list[Child] = []
        for name in names:
            self._append(name)

    def _append(self, name: str) -> Child:
        number = sum(child.name == name for child in self.children) + 1
        port = free_port(self._settings.metrics_host)
        log_name = f"{name}.log" if number == 1 else f"{name}-{number}.log"
        settings = self._settings.model_copy(update={"metrics_port": port})
        self.children.append(Child(name, settings, self._log_folder / log_name))
        return self.children[-1]

    def add(self, name: str) -> Child:
        """Start one more worker, without waiting for it to be ready."""
        child = self._append(name)
        child.start(self._forks)
        return child

    @property
    def targets(self) -> dict[str, str]:
        """Address of each worker's metrics, ``host:port``, by the name of its log."""
        return {
            child.log_path.stem: f"{child.settings.metrics_host}:{child.settings.metrics_port}"
            for child in self.children
        }

    def __enter__(self) -> "Supervisor":
        try:
            for child in self.children:
                child.start(self._forks)
        except BaseException:  # Ctrl-C too: those that run must end
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def watch(self) -> list[Child]:
        """Look after every child, about once a second; return those that have just ended."""
        return [child for child in self.children if child.watch(self._forks)]

    def wait_ready(self, patience_s: float) -> list[str]:
        """Wait until all are ready; return those that are not, with their last words."""
        waiting = list(self.children)
        deadline = time.monotonic() + patience_s
        while waiting and time.monotonic() < deadline:
            self.watch()
            if any(child.restarts >= GIVE_UP_RESTARTS for child in waiting):
                break  # it cannot start: waiting will not help
            waiting = [child for child in waiting if not child.ready()]
            if waiting:
                time.sleep(0.1)
        return [f"{child.name} ({child.last_words() or 'still starting'})" for child in waiting]

    def stop(self) -> None:
        """End all within ten seconds: ask, wait, kill."""
        alive = [child.process for child in self.children if child.process is not None]
        for process in alive:
            # the worker alone: its decode processes finish what they hold while it drains
            process.terminate()
        deadline = time.monotonic() + STOP_PATIENCE_S
        for process in alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, deadline - time.monotonic()))
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what a worker left in its group
            process.wait()
        for child in self.children:
            child.process = None
        if self._own_forks:
            self._forks.close()

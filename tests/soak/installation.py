"""Broker, artefact store, database and workers of one soak, each with its faults."""

import ctypes
import errno
import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from streams.contract.processes import GROUPS
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Supervisor
from streams.runtime.settings import Settings
from tests.support.kafka import ApacheKafka
from tests.support.postgres import PrivatePostgres

DISK_MB = 192
READY_PATIENCE_S = 120.0
AT_FDCWD, RENAME_EXCHANGE = -100, 2


class Broker(Protocol):
    """What the faults ask of a broker."""

    @property
    def bootstrap(self) -> str:
        """Where it listens."""

    def pause(self) -> None:
        """Keep it from answering while its connections stay open."""

    def resume(self) -> None:
        """Let it go on."""


class Tansu(EmbeddedBroker):
    """The embedded broker; it forgets everything with its process, so it is never killed."""

    def pause(self) -> None:
        """See ``Broker``."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """See ``Broker``."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class Store:
    """A folder on a small disk of its own, where mounting is permitted."""

    def __init__(self, folder: Path) -> None:
        self._disk = folder / "disk"
        self._disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(self._disk)]
        self.mounted = os.geteuid() == 0 and (
            subprocess.run(mount, check=False, capture_output=True).returncode == 0
        )
        self.folder = self._disk / "artefacts"
        self._instead = self._disk / "instead"
        self._ballast = self._disk / "ballast"
        self.folder.mkdir()
        self._instead.write_text("not a folder")

    def exchange(self) -> None:
        """Put a file where the folder is, or back, in one step: no moment without either."""
        libc = ctypes.CDLL(None, use_errno=True)
        item, other = os.fsencode(self.folder), os.fsencode(self._instead)
        if libc.renameat2(AT_FDCWD, item, AT_FDCWD, other, RENAME_EXCHANGE) != 0:
            raise OSError(ctypes.get_errno(), "cannot exchange", str(self.folder))

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:
            while True:
                try:
                    ballast.write(bytes(2**16))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the disk back."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self._disk)], check=False, capture_output=True)


class LockedFile:
    """A SQLite ledger, and a way to be in the way of every writer."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path
        self._lock: sqlite3.Connection | None = None

    def stop(self) -> None:
        """Lock it exclusively."""
        self._lock = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        self._lock.execute("BEGIN EXCLUSIVE")

    def start(self) -> None:
        """Unlock it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class Installation:
    """Everything of one run; a context manager."""

    broker: Broker
    database: LockedFile | PrivatePostgres
    settings: Settings
    supervisor: Supervisor

    def __init__(
        self,
        folder: Path,
        broker: str,
        *,
        postgres: bool = False,
        per_stage: int = 2,
        **changes: Any,
    ) -> None:
        self._folder, self._kind, self._postgres = folder, broker, postgres
        self._per_stage, self._changes = per_stage, changes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._kind == "kafka":
                self.broker = stack.enter_context(ApacheKafka(self._folder / "kafka"))
            else:
                self.broker = stack.enter_context(Tansu(log_file=self._folder / "tansu.log"))
            self.store = Store(self._folder)
            stack.callback(self.store.close)
            if self._postgres:
                self.database = stack.enter_context(PrivatePostgres())
            else:
                self.database = LockedFile(self._folder / "ledger.db")
            embedded = {"fetch_max_wait_ms": 50, "leave_groups": False}
            quick = embedded if self._kind == "tansu" else {}
            self.settings = Settings.model_validate(
                {
                    "brokers": self.broker.bootstrap,
                    "session_timeout_s": 6,
                    "file_roots": str(self._folder / "audio"),
                    "store": f"file://{self.store.folder}",
                    "ledger": self.database.url,
                    "decode_workers": 1,
                    **quick,
                    **self._changes,
                }
            )
            ensure_topics(self.settings)
            names = [name for name in GROUPS for _ in range(self._per_stage)]
            self.supervisor = Supervisor(names, self.settings, self._folder / "logs")
            stack.enter_context(self.supervisor)
            late = self.supervisor.wait_ready(READY_PATIENCE_S)
            if late:
                raise RuntimeError(f"not ready: {late}; see {self._folder}/logs")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def keep_logs(self, target: Path) -> None:
        """Copy the logs of the workers, to find the cause of a failure."""
        shutil.copytree(self._folder / "logs", target, dirs_exist_ok=True)

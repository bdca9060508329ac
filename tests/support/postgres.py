"""A PostgreSQL of the tests' own, where the machine has one; nothing is shared, nothing kept."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from streams.runtime.processes import free_port

PATIENCE_S: Final = 60.0
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of a random name in it
ROOM_MB: Final = 1_024


class NoPostgres(RuntimeError):
    """PostgreSQL cannot be had here; the message names what is missing."""


class PrivatePostgres:
    """A server in a temporary folder, a context manager; ``stop`` and ``start`` keep its data."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not programs:
            raise NoPostgres("no PostgreSQL here: /usr/lib/postgresql/*/bin/initdb is missing")
        self._programs = programs[-1].parent
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # the server refuses root
            if shutil.which("runuser") is None:
                raise NoPostgres("PostgreSQL refuses root, and there is no runuser")
            self._as_user = ["runuser", "-u", "postgres", "--"]
        self._folder = tempfile.TemporaryDirectory(prefix="earmark-pg-", dir=_in_memory())
        self._data, self._port = f"{self._folder.name}/data", free_port()

    @property
    def url(self) -> str:
        """Its SQLAlchemy URL."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, the first time or again, and wait for it."""
        folder = self._folder.name
        options = f"-c listen_addresses=127.0.0.1 -p {self._port} -k {folder} -c fsync=off"
        self._control("-l", f"{folder}/log", "-o", options, "start")

    def stop(self) -> None:
        """End it at once; all connections are closed."""
        self._control("-m", "immediate", "stop")

    def __enter__(self) -> Self:
        Path(self._folder.name).chmod(0o777)
        locale = ("-E", "UTF8", "--locale=C.UTF-8")
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "-N", *locale)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self._folder.cleanup()

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, timeout=PATIENCE_S, stdout=subprocess.DEVNULL, cwd="/")


def _in_memory() -> Path | None:
    """Return a place in memory, where there is room: 300 files a database are dear on a disk.

    (ext4 steps over every number of a file that was deleted within the last minutes.)
    """
    there = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_MB * 2**20
    return MEMORY if there else None


@contextmanager
def private_postgres() -> Iterator[str]:
    """Start a server; yield its SQLAlchemy URL. Skips without one."""
    try:
        server = PrivatePostgres()
    except NoPostgres as error:
        pytest.skip(str(error))
    with server:
        yield server.url

"""Processes that start with their libraries loaded: forks of one server that has loaded them.

A new interpreter spends a second or more of a core on imports. A fork spends a tenth, and shares
the memory of what is loaded. The server (``streams.cli.fork_server``) is the
parent of the forks. It has one thread and no connection, so that forking is safe, and knows no
settings: each process gets its own environment. All end with the process that started the server.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Final, Protocol

import orjson

from streams.runtime.processes import dying_with

POSSIBLE: Final = sys.platform == "linux"
MAX_REQUEST: Final = 2**20
LONGEST_TITLE: Final = 200
"""Bytes that the server's command line leaves for those of its forks."""


class Running(Protocol):
    """A child process: what ``subprocess.Popen`` and ``Forked`` have in common."""

    @property
    def pid(self) -> int:
        """Its id, and that of its process group."""

    @property
    def returncode(self) -> int | None:
        """The exit code or minus the signal, once it was seen to have ended."""

    def poll(self) -> int | None:
        """Look whether it has ended; return its code, or None."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise ``subprocess.TimeoutExpired`` where that takes longer."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Forked:
    """A process of the server; its exit code comes through a pipe."""

    def __init__(self, name: str, pid: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._name, self._status = name, status

    def poll(self) -> int | None:
        """See ``Running``."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """See ``Running``."""
        if self.returncode is None:
            ready = select.poll()
            ready.register(self._status)
            if not ready.poll(None if timeout is None else max(0, timeout) * 1_000):
                raise subprocess.TimeoutExpired(self._name, timeout or 0)
            code = os.read(self._status, 16)
            os.close(self._status)
            # nothing: the server was killed, and its forks with it
            self.returncode = int(code) if code else -signal.SIGKILL
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """See ``Running``."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """See ``Running``."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """See ``Running``."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The client of one server: a context manager, which starts it; else the first fork does.

    Elsewhere than on Linux each process is an interpreter of its own.
    """

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def __enter__(self) -> "ForkServer":
        if POSSIBLE:
            self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: IO[bytes]
    ) -> Running:
        """Run ``python -m module arguments`` in a process group of its own, its output in ``log``.

        Raises:
            OSError: no process can be started.
        """
        if not POSSIBLE:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=dying_with(os.getpid()),
            )
        request = orjson.dumps([module, list(arguments), dict(environment)])
        if self._requests is not None:
            with contextlib.suppress(ConnectionError):
                return self._fork(self._requests, module, request, log)
            self.close()  # the server was killed, as by a lack of memory
        return self._fork(self._connect(), module, request, log)

    def _connect(self) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_REQUEST)
        kept = {key: v for key, v in os.environ.items() if not key.startswith("EARMARK_")}
        with its:
            self._server = subprocess.Popen(
                # a fork writes its own command line over this one
                [sys.executable, "-m", "streams.cli.fork_server", " " * LONGEST_TITLE],
                env=kept,
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                process_group=0,  # as its forks: Ctrl-C on the terminal is not for them
                preexec_fn=dying_with(os.getpid()),
            )
        self._requests = ours
        return ours

    def _fork(self, requests: socket.socket, module: str, request: bytes, log: IO[bytes]) -> Forked:
        status, write = os.pipe()
        try:
            socket.send_fds(requests, [request], [log.fileno(), write])
            answer = requests.recv(16)
            if not answer:
                raise ConnectionError("the fork server has ended")
            if (pid := int(answer)) < 0:
                raise OSError(-pid, os.strerror(-pid))
        except BaseException:
            os.close(status)
            raise
        finally:
            os.close(write)
        return Forked(module, pid, status)

    def close(self) -> None:
        """End the server, and with it what it has started."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

"""What the fork server loads lets it be forked: no thread, no socket, nothing heavy."""

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli import fork_server

PROBE = """
import os, pathlib, sys
from streams.cli.fork_server import load
load()
tasks = len(list(pathlib.Path("/proc/self/task").iterdir()))
places = [str(fd.readlink()) for fd in pathlib.Path("/proc/self/fd").iterdir() if fd.is_symlink()]
sockets = sum(place.startswith("socket:") for place in places)
names = ("faust", "sqlalchemy", "torch", "fastapi")
print(tasks, sockets, *(name in sys.modules for name in names))
"""


def test_libraries_are_loaded_and_neither_threads_nor_sockets_are_there() -> None:
    command = [sys.executable, "-c", PROBE]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert ran.stdout.split() == [b"1", b"0", b"True", b"True", b"False", b"False"]


def test_where_there_is_no_room_for_a_process_the_client_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise OSError(errno.EAGAIN, "no process more")

    monkeypatch.setattr(os, "fork", refuse)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = signal.getsignal(signal.SIGCHLD)
    with ours, its, Path(os.devnull).open("wb") as log:
        socket.send_fds(ours, [b"{}"], [log.fileno(), log.fileno()])
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(SystemExit):
            fork_server.serve(its)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        assert int(ours.recv(16)) == -errno.EAGAIN

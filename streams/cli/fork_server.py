"""``python -m streams.cli.fork_server``: loads what most processes need, then forks on request.

Requests and answers go over the socket that is its standard input; see ``streams.ops.forking``.
Import it nowhere else. The libraries stay for good, shared by all forks: no garbage collection
need look through them.
"""

import contextlib
import ctypes
import errno
import gc
import os
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Final

import orjson

from streams.ops.forking import MAX_REQUEST
from streams.runtime.processes import dying_with

SOCKET: Final = 0
ARGUMENTS_BEGIN, ARGUMENTS_END = 45, 46  # of /proc/self/stat, behind the name


def load() -> None:
    """Load what most workers have in common; the rest is loaded by those that need it."""
    # a worker misses it again, and has it in its log
    with contextlib.suppress(ImportError):
        import streams.cli.processes
        import streams.cli.renamed
        import streams.cli.tracks
        import streams.runtime.kafka.batch_consumer
        import streams.runtime.kafka.faust_worker
        import streams.stages.classify
        import streams.stages.decide
        import streams.stages.fingerprint
        import streams.stages.ledger
        import streams.stages.redecide  # noqa: F401


def serve(requests: socket.socket) -> None:
    """Fork for each request and report the exit codes, until the client is gone.

    In a fork, returns likewise, once it is the process that was asked for.
    """
    children: dict[int, int] = {}  # by process id, where its exit code is written
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    ready = selectors.DefaultSelector()
    ready.register(requests, selectors.EVENT_READ)
    ready.register(woken, selectors.EVENT_READ)
    tie = dying_with(os.getpid())
    while True:
        for key, _ in ready.select():
            if key.fd == woken:
                os.read(woken, 2**10)
                _reap(children)
                continue
            request, fds, _, _ = socket.recv_fds(requests, MAX_REQUEST, 2)
            if not request:
                raise SystemExit
            log, status = fds
            try:
                pid = os.fork()
            except OSError as error:  # no memory, or too many processes: those that run go on
                os.close(log)
                os.close(status)
                requests.send(b"%d" % -(error.errno or errno.EAGAIN))
                continue
            if pid == 0:
                if tie is not None:
                    tie()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                ready.close()
                for fd in (woken, wakes, status, *children.values()):
                    os.close(fd)
                requests.detach()
                _become(request, log)
                return
            with contextlib.suppress(OSError):  # it may have done so itself, or have ended
                os.setpgid(pid, pid)
            os.close(log)
            children[pid] = status
            requests.send(b"%d" % pid)


def _reap(children: dict[int, int]) -> None:
    for pid in list(children):
        ended, how = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = children.pop(pid)
            with contextlib.suppress(BrokenPipeError):
                os.write(status, b"%d" % os.waitstatus_to_exitcode(how))
            os.close(status)


def _become(request: bytes, log: int) -> None:
    """Take the streams, the environment and the command line that were asked for."""
    with contextlib.suppress(OSError):  # the server may have done so
        os.setpgid(0, 0)
    module, arguments, environment = orjson.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(fd, place)
    os.close(nothing)
    os.close(log)
    _entitle([sys.executable, "-m", module, *arguments])
    sys.argv = [module, *arguments]


def _entitle(arguments: list[str]) -> None:
    """Write a command line over that of this process, for ``ps`` and its like."""
    with contextlib.suppress(OSError):
        stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(stat[ARGUMENTS_BEGIN]), int(stat[ARGUMENTS_END])
        title = "\0".join(arguments).encode()[: end - begin - 1]
        ctypes.memmove(begin, title.ljust(end - begin, b"\0"), end - begin)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread, also while numpy is loaded
    gc.disable()
    load()
    gc.freeze()
    serve(socket.socket(fileno=SOCKET))
    gc.enable()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

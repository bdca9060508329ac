"""Operating-system processes, ports, and turns of threads."""

import ctypes
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from detector.errors import Transient

log = structlog.get_logger()

PR_SET_PDEATHSIG: Final = 1
_drawn: set[int] = set()
BELOW_EPHEMERAL: Final = range(20_000, 32_000)  # Linux hands out 32768 and more by itself


def free_port(host: str = "127.0.0.1", preferred: int = 0) -> int:
    """Return ``preferred`` where it is free, else a free port that was not returned before.

    It is from below the ephemeral range: no outgoing connection takes it before the server does.
    """
    drawn = [port for port in random.sample(BELOW_EPHEMERAL, 200) if port not in _drawn]
    for port in (*((preferred,) if preferred else ()), *drawn, 0):
        with socket.socket() as probe:
            # what a server of ours has left behind a moment ago does not keep the next one out
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port != 0))
            try:
                probe.bind((host, port))
            except OSError:
                continue
            _drawn.add(port)
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host}")


def listens(address: str) -> bool:
    """Return whether anything takes connections at ``host:port``."""
    host, _, port = address.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    except OSError:
        return False


def dying_with(parent: int) -> Callable[[], None] | None:
    """Return a ``preexec_fn``: the child is killed when its parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    # libc is loaded in the parent: between fork and exec a child should do as little as it can
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before this call
            os._exit(1)

    return child


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back for a moment; they come when it is over.

    Between the start of a child and its registration they would leave the child running.
    A mask of signals does not serve: a child would inherit it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def turn(turns: threading.Semaphore, wait_s: float, busy: Transient) -> Iterator[None]:
    """Hold one of these turns; raise ``busy`` where none becomes free in time."""
    if not turns.acquire(timeout=wait_s):
        raise busy
    try:
        yield
    finally:
        turns.release()


def end_within(seconds: float) -> None:
    """End this process after that time, even if a thread hangs.

    A worker that hangs keeps its partitions, since its heartbeats come from a thread.
    """

    def end() -> None:
        log.error("processor_killed_itself", after_s=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()

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
_held: Final[dict[int, socket.socket]] = {}
BELOW_EPHEMERAL: Final = range(20_000, 32_000)  # Linux hands out 32768 and more by itself


def free_port(host: str = "127.0.0.1", preferred: int = 0) -> int:
    """Return ``preferred`` where it is free, else a free port; hold it for the server to come.

    This process binds the port as long as it lives, and does not listen. So no other program gets
    it, and connections are refused. On Linux a server that sets SO_REUSEADDR, as all of ours do,
    can bind it beside us. Elsewhere the port is let go, and another program may be faster; it is
    from below the ephemeral range, so no outgoing connection is.
    """
    first = [preferred] if preferred else []
    for port in (*first, *random.sample(BELOW_EPHEMERAL, 200), 0):
        holder = socket.socket()
        # what a server of ours has left behind a moment ago does not keep the next one out
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port == preferred))
        try:
            holder.bind((host, port))
        except OSError:
            holder.close()
            continue
        number = int(holder.getsockname()[1])
        if sys.platform == "linux":
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if number in _held:  # drawn before, for a server that has ended
                _held[number].close()
            _held[number] = holder
        else:
            holder.close()
        return number
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

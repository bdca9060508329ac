"""Small facts about processes and ports that several rooms need."""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def free_port(host: str = "127.0.0.1", wanted: int = 0) -> int:
    """Return ``wanted`` where it is free, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host}")


def dying_with(parent: int) -> Callable[[], None] | None:
    """Return a ``preexec_fn``: the child is killed when its parent dies (Linux only).

    libc is loaded here, in the parent: between fork and exec a child of a threaded
    process should do as little as it can.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked to be told
            os._exit(1)

    return child

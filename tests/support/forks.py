"""The processes that tests start have their libraries loaded: forks of one server."""

import atexit
from functools import cache

from streams.ops.forking import ForkServer


@cache
def forks() -> ForkServer:
    """Return the fork server of this process of pytest; it ends with it."""
    server = ForkServer()
    atexit.register(server.close)
    return server

"""How long a fetch waits for news: short while something comes, longer while nothing does.

Apache Kafka answers a fetch as soon as there is data, so the wait costs nobody anything. The
embedded broker sleeps through half of it and is not woken: there a short wait makes events quick,
and twenty empty fetches a second by every process, half of a core in all, while nothing happens.
"""

import time
from collections.abc import Callable
from typing import Final

QUIET_S: Final = 3.0
"""Without an event for so long, nothing happens."""
IDLE_MS: Final = 500


class FetchWait:
    """The wait of one consumer; ``set_ms`` is told whenever it changes."""

    def __init__(self, shortest_ms: int, set_ms: Callable[[int], None]) -> None:
        self._shortest_ms, self._set_ms = shortest_ms, set_ms
        self._now_ms = shortest_ms
        self._last_event = time.monotonic()

    def busy(self) -> None:
        """An event has come."""
        self._last_event = time.monotonic()
        self._change(self._shortest_ms)

    def look(self) -> None:
        """Wait longer where nothing has come for a while; call it now and then."""
        if time.monotonic() - self._last_event > QUIET_S:
            self._change(max(self._shortest_ms, IDLE_MS))

    def _change(self, wait_ms: int) -> None:
        if wait_ms != self._now_ms:
            self._now_ms = wait_ms
            self._set_ms(wait_ms)

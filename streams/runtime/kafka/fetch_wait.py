"""How long a fetch waits for records: briefly while some come, longer while none do.

Apache Kafka answers a fetch as soon as there is data. The embedded broker sleeps through half of
the wait. With a short one an idle process makes twenty empty fetches a second: half a core in all.
"""

import time
from collections.abc import Callable
from typing import Final

QUIET_S: Final = 3.0  # after this time without an event the wait is IDLE_MS
IDLE_MS: Final = 500


class FetchWait:
    """The wait of one consumer; ``set_ms`` is called with every change."""

    def __init__(self, shortest_ms: int, set_ms: Callable[[int], None]) -> None:
        self._shortest_ms, self._set_ms = shortest_ms, set_ms
        self._now_ms = shortest_ms
        self._last_event = time.monotonic()

    def busy(self) -> None:
        """Note that an event came."""
        self._last_event = time.monotonic()
        self._change(self._shortest_ms)

    def update(self) -> None:
        """Wait longer if no event came for a while; call it every second."""
        if time.monotonic() - self._last_event > QUIET_S:
            self._change(max(self._shortest_ms, IDLE_MS))

    def _change(self, wait_ms: int) -> None:
        if wait_ms != self._now_ms:
            self._now_ms = wait_ms
            self._set_ms(wait_ms)

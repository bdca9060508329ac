"""A patch of kafka-python 3.0.12, for outages.

While a broker holds its connections and does not answer, a heartbeat is overdue. Then ``poll``
waits no time at all for a fetch, a thousand times a second, and each wait leaks a little memory:
half a CPU and 8 MB a second for each process.
"""

from typing import Any, Final

LEAST_WAIT_S: Final = 0.1  # far below any interval of heartbeats


def slow_idle_poll(consumer: Any) -> None:
    """Let a consumer wait ``LEAST_WAIT_S`` for a fetch, even if a heartbeat is overdue."""
    coordinator = getattr(consumer, "_coordinator", None)
    due_in_s = getattr(coordinator, "time_to_next_poll", None)
    if coordinator is not None and due_in_s is not None:  # else: another version
        coordinator.time_to_next_poll = lambda: max(LEAST_WAIT_S, due_in_s())

"""A repair of kafka-python 3.0.12, for outages.

While a heartbeat is overdue, as it is whenever a broker holds its connections and does not
answer, ``poll`` waits no time at all for a fetch, a thousand times a second, and each wait
leaves something behind with the fetch that does not return: half a CPU and 8 MB a second for
each process.
"""

from typing import Any, Final

LEAST_WAIT_S: Final = 0.1  # far below any interval of heartbeats


def without_hurry(consumer: Any) -> None:
    """Let a consumer wait a little for a fetch, whatever is overdue."""
    coordinator = getattr(consumer, "_coordinator", None)
    due_in_s = getattr(coordinator, "time_to_next_poll", None)
    if coordinator is not None and due_in_s is not None:  # else: another version, other habits
        coordinator.time_to_next_poll = lambda: max(LEAST_WAIT_S, due_in_s())

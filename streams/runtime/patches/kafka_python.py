"""Two patches of kafka-python 3.0.12: for outages, and for joins that outlast a poll.

While a broker holds its connections and does not answer, a heartbeat is overdue. Then ``poll``
waits no time at all for a fetch, a thousand times a second, and each wait leaks a little memory:
half a CPU and 8 MB a second for each process.

A member whose metadata or subscription changed joins its group again. If the broker answers after
the poll has ended, no later poll takes the answer: by then nothing demands a join any more. The
member has no partitions, sends no heartbeats and polls without a pause, for ever. Apache's client
asks for a join that is "needed or pending" instead, and so does this one with the patch.
"""

from typing import Any, Final

from kafka.coordinator.consumer import ConsumerCoordinator

LEAST_WAIT_S: Final = 0.1  # far below any interval of heartbeats


def slow_idle_poll(consumer: Any) -> None:
    """Let a consumer wait ``LEAST_WAIT_S`` for a fetch, even if a heartbeat is overdue."""
    coordinator = getattr(consumer, "_coordinator", None)
    due_in_s = getattr(coordinator, "time_to_next_poll", None)
    if coordinator is not None and due_in_s is not None:  # else: another version
        coordinator.time_to_next_poll = lambda: max(LEAST_WAIT_S, due_in_s())


_needed = ConsumerCoordinator.need_rejoin  # as it is published


def _need_rejoin(coordinator: Any) -> bool:
    """Say whether a join is needed, or one has begun and did not end."""
    pending = coordinator.rejoining and coordinator._subscription.partitions_auto_assigned()
    return bool(_needed(coordinator) or pending)


def finish_joins() -> None:
    """Let every consumer of this process finish the joins that it begins."""
    ConsumerCoordinator.need_rejoin = _need_rejoin

"""What a consumer of kafka-python waits for (``kafka_python``)."""

from types import SimpleNamespace
from typing import Any

from streams.runtime.patches.kafka_python import LEAST_WAIT_S, slow_idle_poll


def test_a_kafka_python_consumer_waits_a_little_whatever_is_overdue() -> None:
    due: list[float] = [0.0, 2.0]
    coordinator = SimpleNamespace(time_to_next_poll=lambda: due.pop(0))
    slow_idle_poll(SimpleNamespace(_coordinator=coordinator))
    waits: list[Any] = [coordinator.time_to_next_poll() for _ in range(2)]
    assert waits == [LEAST_WAIT_S, 2.0]
    slow_idle_poll(object())  # another version, other habits

"""Two patches of Faust's and aiokafka's consumer, for the embedded broker (Tansu).

The wait of a fetch. Faust 0.15.3 has a fixed longest wait of 1,500 ms, and no setting changes it.
Apache Kafka answers as soon as there is data. Tansu sleeps through half of the remaining wait, and
no producer wakes it: every hop of an event would take about half a second. With 100 ms a hop takes
some 60 ms there, at the price of more empty fetches.

No leave requests. Tansu waits for ever for a leader that left before it had assigned anything, and
so do all members that join later. A silent member is removed after its session, a leader too.
"""

from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

_create = AIOKafkaConsumerThread._create_worker_consumer
_leave = GroupCoordinator._maybe_leave_group


def install(fetch_max_wait_ms: int, *, leave_groups: bool) -> None:
    """Patch both for every worker that starts from now on in this process."""

    def create(self: Any, transport: Any) -> Any:
        consumer = _create(self, transport)
        # Private, and read when the consumer starts, which is after Faust has made it:
        # hence the exact versions among the dependencies.
        if not hasattr(consumer, "_fetch_max_wait_ms"):
            raise AttributeError("aiokafka has changed: its consumer has no _fetch_max_wait_ms")
        consumer._fetch_max_wait_ms = fetch_max_wait_ms
        return consumer

    async def stay(self: Any) -> None:
        self.reset_generation()

    AIOKafkaConsumerThread._create_worker_consumer = create
    GroupCoordinator._maybe_leave_group = _leave if leave_groups else stay


def remove() -> None:
    """Put back what both libraries do by themselves."""
    AIOKafkaConsumerThread._create_worker_consumer = _create
    GroupCoordinator._maybe_leave_group = _leave

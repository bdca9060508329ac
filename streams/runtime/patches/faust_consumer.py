"""Two patches of Faust's and aiokafka's consumer, for the embedded broker (Tansu).

The wait of a fetch. Faust 0.15.3 has a fixed longest wait of 1,500 ms, and no setting changes it.
Apache Kafka answers as soon as there is data. Tansu sleeps through half of the remaining wait, and
no producer wakes it: every hop of an event would take about half a second. With 100 ms a hop takes
some 60 ms there, at the price of more empty fetches.

The first generation. aiokafka 0.14 leaves its group only from generation 1 on, where Apache Kafka
begins; Tansu begins with 0. Without the leave request the group waits for the silent member, and a
restarted worker is idle for a session and more.
"""

from contextlib import suppress
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator, LeaveGroupRequest
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

_create = AIOKafkaConsumerThread._create_worker_consumer
_leave = GroupCoordinator._maybe_leave_group


def install(fetch_max_wait_ms: int) -> None:
    """Patch both for every worker that starts from now on in this process."""

    def create(self: Any, transport: Any) -> Any:
        consumer = _create(self, transport)
        # Private, and read when the consumer starts, which is after Faust has made it:
        # hence the exact versions among the dependencies.
        if not hasattr(consumer, "_fetch_max_wait_ms"):
            raise AttributeError("aiokafka has changed: its consumer has no _fetch_max_wait_ms")
        consumer._fetch_max_wait_ms = fetch_max_wait_ms
        return consumer

    async def leave(self: Any) -> None:
        if self.generation == 0 and self._group_instance_id is None:
            # As aiokafka does: if it fails, the group notices after the session timeout.
            with suppress(KafkaError):
                await self._send_req(LeaveGroupRequest(self.group_id, self.member_id))
        await _leave(self)

    AIOKafkaConsumerThread._create_worker_consumer = create
    GroupCoordinator._maybe_leave_group = leave

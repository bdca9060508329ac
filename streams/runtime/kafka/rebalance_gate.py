"""A gate against the rebalance race of Faust 0.15.3, which loses events.

THE RACE. After partitions are assigned, Faust's ``Recovery._resume_streams`` seeks each one to its
committed offset and then opens the flow: records may pass to the agents. It checks *before* the
seek whether it is still current. While it seeks, only the next *assignment* interrupts it, not the
revocation before that. So:

    1. rebalance 1 assigns, its recovery begins the seek;
    2. rebalance 2 revokes: Faust stops the flow and clears the queues;
    3. the seek of rebalance 1 ends: its recovery, now stale, opens the flow;
    4. rebalance 2 assigns; records are fetched and put into the agents' queues while the
       recovery of rebalance 2 is still seeking;
    5. that recovery ends and opens the flow *again*, which clears the queues.

The records of step 4 are gone: the position is past them. As soon as a later event of the
partition is acknowledged, the committed offset is past them too, and they never come again. A plain
restart of one of several workers is sometimes enough.

THE GATE. Rebalances are counted. A recovery may open the flow only if it began after the latest
revocation, and no rebalance is between its revocation and its assignment. Otherwise the flow stays
shut until the current recovery opens it. Each refusal is counted
(``earmark_stale_resumes_total``): each could have lost events.

Four methods are overridden, hence the exact version of Faust among the dependencies, and
``tests/integration/test_rebalance_gate.py``, which provokes the race with and without this.
"""

from typing import Any

import structlog
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import Consumer

from streams.runtime import metrics

log = structlog.get_logger()

_INSTALLED = "_earmark_gate"


def install(processor: str) -> None:
    """Put the gate into Faust, for this whole process. Again is harmless.

    ``processor`` labels the metrics; a process runs one processor.
    """
    if hasattr(Consumer, _INSTALLED):
        return
    revoke, assign = Consumer.on_partitions_revoked, Consumer.on_partitions_assigned
    resume, recover = Consumer.resume_flow, Recovery._resume_streams

    async def on_partitions_revoked(self: Any, revoked: set[Any]) -> None:
        self._gate_rebalances += 1
        self._gate_rebalancing = True
        self.stop_flow()
        if revoked:  # Faust also revokes nothing, when it starts
            metrics.REBALANCES.labels(processor).inc()
        await revoke(self, revoked)

    async def on_partitions_assigned(self: Any, assigned: set[Any], generation_id: int = 0) -> None:
        self._gate_rebalancing = False
        await assign(self, assigned, generation_id)

    async def _resume_streams(self: Any, generation_id: int = 0) -> None:
        consumer = self.app.consumer
        consumer._gate_recovering = consumer._gate_rebalances
        await recover(self, generation_id)

    def resume_flow(self: Any) -> None:
        # Without a recovery, the flow is opened by hand, as clients without agents do.
        stale = self._gate_recovering not in (None, self._gate_rebalances)
        if stale or self._gate_rebalancing:
            metrics.STALE_RESUMES.labels(processor).inc()
            log.warning("resume_refused", rebalances=self._gate_rebalances)
            return
        resume(self)

    Consumer._gate_rebalances = 0
    Consumer._gate_rebalancing = False
    Consumer._gate_recovering = None
    Consumer.on_partitions_revoked = on_partitions_revoked
    Consumer.on_partitions_assigned = on_partitions_assigned
    Consumer.resume_flow = resume_flow
    Recovery._resume_streams = _resume_streams
    setattr(Consumer, _INSTALLED, True)

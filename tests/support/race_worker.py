"""The echo processor, prepared for the rebalance race; see ``test_rebalance_gate``.

``python -m tests.support.race_worker VARIANT SOURCE TARGET`` with VARIANT ``full``,
``guard`` (no gate) or ``bare`` (no gate, no guard: what Faust does by itself).
"""

import asyncio
import sys
from typing import Any

from faust.transport.drivers.aiokafka import Consumer

from streams.runtime.kafka import rebalance_gate
from streams.runtime.kafka.acks import OrderedAcker
from streams.runtime.kafka.processor import run
from streams.runtime.settings import Settings
from tests.pipeline.echo import processor

# The next revocation comes one heartbeat (1 s) after an assignment, the next assignment two
# seconds later: the stale recovery must end between the two.
AFTER_SEEK_S = 2.0


def prepare(variant: str) -> None:
    """Stretch the moment in which a recovery goes stale, and take protections away."""
    seek = Consumer.perform_seek

    async def slow_seek(self: Any) -> None:
        await seek(self)
        await asyncio.sleep(AFTER_SEEK_S)

    Consumer.perform_seek = slow_seek
    if variant != "full":
        rebalance_gate.install = lambda processor: None
    if variant == "bare":

        async def look_away(self: OrderedAcker, message: Any, expected: int) -> None:
            """Let every gap pass."""

        OrderedAcker._check_gap = look_away  # type: ignore[method-assign]


if __name__ == "__main__":
    variant, source, target = sys.argv[1:]
    prepare(variant)
    sys.exit(run(processor(source, target), Settings.from_env()))

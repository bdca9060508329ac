"""A patch of Faust's consumer: a log that began anew is read from its first record.

A topic that was deleted and created again is shorter than its readers have committed. So is one
whose end a broker has lost. aiokafka then goes back to the first record. But Faust 0.15.3 drops
each record below the offset that it read last: the first events of the new log would be lost.
"""

from collections.abc import Callable
from typing import Any, Final

import structlog
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.runtime import metrics

log = structlog.get_logger()

_getmany: Final = AIOKafkaConsumerThread.getmany


def install(processor: str, restarted: Callable[[TP], None]) -> None:
    """Patch it for every worker that starts from now on in this process.

    ``restarted`` is called with a partition before the records of its new log are delivered.
    """

    async def getmany(self: Any, *arguments: Any, **options: Any) -> Any:
        records = await _getmany(self, *arguments, **options)
        for partition, batch in records.items():
            if batch and _forget(self.consumer, partition, batch[0].offset):
                metrics.LOGS_RESTARTED.labels(processor).inc()
                restarted(TP(*partition))
        return records

    AIOKafkaConsumerThread.getmany = getmany


def remove() -> None:
    """Put back what Faust does by itself."""
    AIOKafkaConsumerThread.getmany = _getmany


def _forget(consumer: Any, partition: Any, first: int) -> bool:
    """Forget all offsets of the former log, where this is another one; return whether it is."""
    read = consumer._read_offset.get(partition)
    if read is None or first >= read:
        return False
    log.error("log_restarted", partition=str(partition), read=read, first=first)
    for offsets in (consumer._gap, consumer._acked, consumer._acked_index):
        offsets.pop(partition, None)
    consumer._read_offset[partition] = consumer._committed_offset[partition] = None
    return True

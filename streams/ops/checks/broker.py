"""How far each consumer group is behind, asked of the broker."""

from typing import Final

from streams.contract.processes import GROUPS
from streams.runtime import metrics
from streams.runtime.kafka.offsets import log_ends, positions
from streams.runtime.kafka.topic_plan import on_broker, open_admin, plan, target_shapes
from streams.runtime.settings import Settings

GAUGES: Final = (metrics.LAG, metrics.CONSUMED, metrics.TOPIC_DIFFERENCES)


def measure(settings: Settings) -> None:
    """Set the gauges."""
    with open_admin(settings) as admin:
        there = on_broker(admin)
        ends = log_ends(admin, list(there)) if there else {}
        read = {
            name: positions(admin, f"{settings.group_prefix}.{name}", own)
            for name, topics in GROUPS.items()
            if (own := [partition for partition in ends if partition.topic in topics])
        }
    for gauge in GAUGES:
        gauge.clear()  # partitions and groups may have gone
    for change in plan(target_shapes(settings), there):
        metrics.TOPIC_DIFFERENCES.labels(change.topic, change.kind).set(1)
    for name, offsets in read.items():
        for partition, at in offsets.items():
            labels = (name, partition.topic, str(partition.partition))
            metrics.CONSUMED.labels(*labels).set(at)
            metrics.LAG.labels(*labels).set(max(0, ends[partition] - at))

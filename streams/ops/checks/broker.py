"""How far each consumer group is behind, asked of the broker."""

from collections.abc import Container, Mapping
from typing import Any, Final

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from streams.contract.processes import GROUPS
from streams.runtime import metrics
from streams.runtime.kafka.topic_plan import Shape, on_broker, open_admin, plan, target_shapes
from streams.runtime.settings import Settings

GAUGES: Final = (metrics.LAG, metrics.CONSUMED, metrics.TOPIC_DIFFERENCES)


def measure(settings: Settings) -> None:
    """Set the gauges."""
    with open_admin(settings) as admin:
        there = on_broker(admin)
        partitions = _partitions(there, there)
        begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        committed = {name: _committed(admin, settings, name) for name in GROUPS}
    for gauge in GAUGES:
        gauge.clear()  # partitions and groups may have gone
    for change in plan(target_shapes(settings), there):
        metrics.TOPIC_DIFFERENCES.labels(change.topic, change.kind).set(1)
    for name, read in GROUPS.items():
        for partition in _partitions(there, read):
            # A group that has never committed here will start at the beginning.
            at = max(committed[name].get(partition, 0), begins[partition].offset)
            labels = (name, partition.topic, str(partition.partition))
            metrics.CONSUMED.labels(*labels).set(at)
            metrics.LAG.labels(*labels).set(max(0, ends[partition].offset - at))


def behind(admin: Any, settings: Settings, name: str) -> int:
    """Return how many events a process has not finished: those that wait, and those in work.

    Raises:
        KafkaError: the broker does not answer, or refuses to.
    """
    partitions = _partitions(on_broker(admin), GROUPS[name])
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    committed = _committed(admin, settings, name)
    return sum(max(0, ends[item].offset - committed.get(item, 0)) for item in partitions)


def _partitions(shapes: Mapping[str, Shape], names: Container[str]) -> list[TopicPartition]:
    return [
        TopicPartition(topic, number)
        for topic, shape in shapes.items()
        if topic in names
        for number in range(shape.partitions)
    ]


def _committed(admin: Any, settings: Settings, name: str) -> dict[TopicPartition, int]:
    group = f"{settings.group_prefix}.{name}"
    return {
        partition: at.offset
        for partition, at in admin.list_group_offsets({group: None})[group].items()
        if at.offset >= 0
    }

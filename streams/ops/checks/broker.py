"""How far each consumer group is behind, asked of the broker."""

from types import TracebackType
from typing import Any, Final, Self

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from streams.contract.processes import GROUPS
from streams.runtime import metrics
from streams.runtime.kafka.topic_plan import on_broker, open_admin, plan, target_shapes
from streams.runtime.settings import Settings

GAUGES: Final = (metrics.LAG, metrics.CONSUMED, metrics.TOPIC_DIFFERENCES)


class Lag:
    """Asks over one connection, which is opened when first needed and again after a failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: Any = None
        self._opened: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def measure(self) -> None:
        """Set the gauges.

        Raises:
            Transient, Fatal, KafkaError: the broker does not answer, or does not tell.
        """
        try:
            if self._admin is None:
                self._opened = open_admin(self._settings)
                self._admin = self._opened.__enter__()
            self._measure(self._admin)
        except Exception:
            self._close()
            raise

    def _measure(self, admin: Any) -> None:
        there = on_broker(admin)
        metrics.TOPIC_DIFFERENCES.clear()
        for change in plan(target_shapes(self._settings), there):
            metrics.TOPIC_DIFFERENCES.labels(change.topic, change.kind).set(1)
        partitions = [
            TopicPartition(name, number)
            for name, shape in there.items()
            for number in range(shape.partitions)
        ]
        begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        groups = {name: f"{self._settings.group_prefix}.{name}" for name in GROUPS}
        committed = {name: _committed(admin, group) for name, group in groups.items()}
        for gauge in (metrics.LAG, metrics.CONSUMED):
            gauge.clear()  # partitions and groups may have gone
        for name, read in GROUPS.items():
            for partition in partitions:
                if partition.topic in read:
                    # A group that has never committed here will start at the beginning.
                    at = max(committed[name].get(partition, 0), begins[partition].offset)
                    labels = (name, partition.topic, str(partition.partition))
                    metrics.CONSUMED.labels(*labels).set(at)
                    metrics.LAG.labels(*labels).set(max(0, ends[partition].offset - at))

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
        self._admin = self._opened = None


def behind(admin: Any, settings: Settings, name: str) -> int:
    """Return how many events a process has not finished: those that wait, and those in work.

    Raises:
        KafkaError: the broker does not answer, or does not tell.
    """
    read = GROUPS[name]
    partitions = [
        TopicPartition(topic, number)
        for topic, shape in on_broker(admin).items()
        if topic in read
        for number in range(shape.partitions)
    ]
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    committed = _committed(admin, f"{settings.group_prefix}.{name}")
    return sum(max(0, ends[one].offset - committed.get(one, 0)) for one in partitions)


def _committed(admin: Any, group: str) -> dict[TopicPartition, int]:
    return {
        partition: at.offset
        for partition, at in admin.list_group_offsets({group: None})[group].items()
        if at.offset >= 0
    }

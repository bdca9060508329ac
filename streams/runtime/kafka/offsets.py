"""Offsets of consumer groups: how far one has read, and its reset to a point in time.

After a reset it handles again what came since. That does no harm: ids are derived from content,
so the same model and policy give the same events again, and every reader ignores those. A reset
never goes forward, except past one record (``services.skipping``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CoordinatorNotAvailableError,
    KafkaError,
    NoError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.protocol.consumer import FetchRequest

from detector.errors import SingleReason
from streams.contract.processes import GROUPS
from streams.runtime.kafka.errors import BrokerFailed
from streams.runtime.settings import Settings

BEGINNING: Final = -2
END: Final = -1
NEVER_MS: Final = 10**13  # in the year 2286
FETCH_MS: Final = 500  # in which a broker finds the records that it has


class CannotRewind(SingleReason, reason="cannot_rewind"):
    """The group cannot be reset now, or on this broker."""


@dataclass(frozen=True)
class Move:
    """One partition: from where the group is now to where it goes; ``end``: of the log."""

    topic: str
    partition: int
    before: int
    after: int
    end: int


def log_ends(admin: Any, topics: Sequence[str]) -> dict[TopicPartition, int]:
    """Return where each partition of these topics ends.

    The embedded broker (Tansu 0.6) answers with the offset after the *first* record of the last
    batch, and adds the time of that batch, which Apache Kafka does not. What waits within the batch
    would not be seen. Such an end is asked for once more, as a high watermark.
    """
    partitions = [
        TopicPartition(topic["name"], number)
        for topic in admin.describe_topics(list(topics))
        for number in range(len(topic["partitions"]))
    ]
    offsets = admin.list_partition_offsets(dict.fromkeys(partitions, END))
    ends = {partition: offset.offset for partition, offset in offsets.items()}
    last = {p: end - 1 for p, end in ends.items() if offsets[p].timestamp >= 0}
    return ends | _high_watermarks(admin, last)


def _high_watermarks(
    admin: Any, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the high watermarks of partitions of the embedded broker, which is one node.

    The answers to a fetch contain them. There are records at these offsets, so that the broker
    answers at once; they are not read.
    """
    if not offsets:
        return {}
    parts: dict[str, list[Any]] = {}
    for partition, offset in offsets.items():
        part = FetchRequest.FetchTopic.FetchPartition(
            partition=partition.partition, fetch_offset=offset, partition_max_bytes=1
        )
        parts.setdefault(partition.topic, []).append(part)
    request = FetchRequest(
        max_wait_ms=FETCH_MS,
        min_bytes=1,
        max_bytes=1,
        topics=[
            FetchRequest.FetchTopic(topic=topic, partitions=own) for topic, own in parts.items()
        ],
        max_version=11,  # topics by their names
    )
    manager = admin._manager  # the admin client of kafka-python 3.0.12 has no fetch

    async def fetched() -> Any:
        return await manager.send(request)

    marks = {}
    for topic in manager.run(fetched).responses:
        for answer in topic.partitions:
            error = for_code(answer.error_code)
            if error is not NoError:
                raise error(f"{topic.topic}/{answer.partition_index}: {error.__name__}")
            marks[TopicPartition(topic.topic, answer.partition_index)] = answer.high_watermark
    if missing := offsets.keys() - marks.keys():
        raise UnknownTopicOrPartitionError(f"no high watermark of {sorted(missing)}")
    return marks


def positions(
    admin: Any, group: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return the offsets that a group reads next; what has expired counts as read."""
    begins = admin.list_partition_offsets(dict.fromkeys(partitions, BEGINNING))
    committed = admin.list_group_offsets({group: None}).get(group, {})
    return {
        partition: max(begin.offset, committed[partition].offset if partition in committed else 0)
        for partition, begin in begins.items()
    }


def behind(admin: Any, settings: Settings, process: str) -> int:
    """Return how many events a process has not finished: those that wait, and those in work.

    Raises:
        KafkaError: the broker does not answer, or refuses to.
    """
    ends = log_ends(admin, GROUPS[process])
    read = positions(admin, f"{settings.group_prefix}.{process}", ends)
    return sum(max(0, ends[partition] - at) for partition, at in read.items())


def moves(admin: Any, group: str, topics: Sequence[str], to: datetime) -> list[Move]:
    """Return what a reset would do; partitions with nothing since then are left out.

    Raises:
        CannotRewind: the group has committed nothing there.
        BrokerFailed: the broker does not answer.
    """
    try:
        committed = admin.list_group_offsets({group: None})[group]
        partitions = sorted(
            p for p, at in committed.items() if p.topic in topics and at.offset >= 0
        )
        if not partitions:
            raise CannotRewind(f"{group} has done nothing of {', '.join(topics)} yet")
        first = partitions[0]
        if admin.list_partition_offsets({first: NEVER_MS})[first].offset >= 0:
            raise CannotRewind("this broker does not find events by their time (the embedded one)")
        at_ms = int(to.timestamp() * 1_000)
        since = admin.list_partition_offsets(dict.fromkeys(partitions, at_ms))
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, END))
    except CoordinatorNotAvailableError as error:
        raise CannotRewind(f"{group} has done nothing yet; the broker knows no groups") from error
    except KafkaError as error:
        raise BrokerFailed(f"{group}: {error!r}") from error
    moved = (
        Move(*partition, *(at[partition].offset for at in (committed, since, ends)))
        for partition in partitions
    )
    return [move for move in moved if 0 <= move.after < move.before]


def rewind(admin: Any, group: str, moves: Sequence[Move]) -> None:
    """Reset the offsets.

    Raises:
        CannotRewind: the group has members: stop them first.
        BrokerFailed: the broker refuses.
    """
    offsets = {
        TopicPartition(move.topic, move.partition): OffsetAndMetadata(move.after, "", -1)
        for move in moves
    }
    try:
        refused = set(admin.alter_group_offsets(group, offsets).values())
    except KafkaError as error:
        raise BrokerFailed(f"{group}: {error!r}") from error
    refused.discard(NoError)
    if UnknownMemberIdError in refused:
        raise CannotRewind(f"{group} has members: stop the workers first")
    if refused:
        raise BrokerFailed(f"{group}: {', '.join(sorted(one.__name__ for one in refused))}")


def position(admin: Any, group: str, topic: str, partition: int) -> int:
    """Return the offset that a group without members handles next.

    Raises:
        CannotRewind: the group has members: stop them first.
        BrokerFailed: the broker does not answer.
    """
    place = TopicPartition(topic, partition)
    try:
        committed = admin.list_group_offsets({group: None})[group].get(place)
        offset = -1 if committed is None else int(committed.offset)
        if offset < 0:
            offset = int(admin.list_partition_offsets({place: BEGINNING})[place].offset)
    except KafkaError as error:
        raise BrokerFailed(f"{group}: {error!r}") from error
    rewind(admin, group, [Move(topic, partition, offset, offset, offset)])  # refused to members
    return offset

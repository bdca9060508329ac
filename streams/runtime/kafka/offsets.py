"""Rewinding a process: its consumer group goes back to a time, and does again what came since.

Harmless by construction: ids are made of content, so the same model and policy give the same
events again, which every reader knows. Never forward: that would pass over events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CoordinatorNotAvailableError, KafkaError, NoError, UnknownMemberIdError

from detector.errors import BadInput
from streams.runtime.kafka.errors import BrokerFailed

NEVER_MS: Final = 10**13  # in the year 2286


class CannotRewind(BadInput):
    """Not now, or not there; the detail says why."""

    def __init__(self, detail: str) -> None:
        super().__init__("cannot_rewind", detail)


@dataclass(frozen=True)
class Move:
    """One partition: from where the group is now to where it goes; ``end``: of the log."""

    topic: str
    partition: int
    before: int
    after: int
    end: int


def moves(admin: Any, group: str, topics: Sequence[str], to: datetime) -> list[Move]:
    """Return what rewinding would do; partitions with nothing since then are left out.

    Raises:
        CannotRewind: the group has never done anything there.
        BrokerFailed: the broker does not tell.
    """
    try:
        committed = admin.list_group_offsets({group: None})[group]
        mine = [one for one in committed if one.topic in topics and committed[one].offset >= 0]
        if not mine:
            raise CannotRewind(f"{group} has done nothing of {', '.join(topics)} yet")
        if admin.list_partition_offsets({mine[0]: NEVER_MS})[mine[0]].offset >= 0:
            raise CannotRewind("this broker does not find events by their time (the embedded one)")
        asked = dict.fromkeys(mine, int(to.timestamp() * 1_000))
        since: Mapping[Any, Any] = admin.list_partition_offsets(asked)
        ends: Mapping[Any, Any] = admin.list_partition_offsets(dict.fromkeys(mine, -1))
    except CoordinatorNotAvailableError as error:
        raise CannotRewind(f"{group} has done nothing yet; the broker knows no groups") from error
    except KafkaError as error:
        raise BrokerFailed(f"{group}: {error!r}") from error
    found = []
    for one in sorted(mine):
        before, after = committed[one].offset, since[one].offset
        if 0 <= after < before:
            found.append(Move(one.topic, one.partition, before, after, ends[one].offset))
    return found


def rewind(admin: Any, group: str, wanted: Sequence[Move]) -> None:
    """Do it.

    Raises:
        CannotRewind: the group has members: stop them first.
        BrokerFailed: the broker refuses.
    """
    offsets = {
        TopicPartition(one.topic, one.partition): OffsetAndMetadata(one.after, "", -1)
        for one in wanted
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

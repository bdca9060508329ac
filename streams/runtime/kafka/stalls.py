"""Partitions that no member of a group reads, although messages wait in them.

The embedded broker answers a member that joins again within a generation with its former
partitions, whatever the leader assigned (Tansu 0.6). No client notices: the group is stable, and
nothing comes. So a leader compares its share with what it assigned to itself, and each member
looks at the offsets of the whole group. A member that joins as a new one begins a generation.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import KafkaError

from detector.errors import EarmarkError
from streams.runtime.kafka.offsets import log_ends, positions
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings

CHECK_S: Final = 30.0
STALLED_S: Final = 300.0  # max.poll.interval.ms: a member that takes longer is no member any more


class Stalls:
    """Looks at a group through one of its members, at most every ``CHECK_S``."""

    def __init__(
        self, settings: Settings, consumer: Any, group: str, topics: Sequence[str]
    ) -> None:
        self._settings, self._consumer, self._group = settings, consumer, group
        self._topics = topics
        self._checked = time.monotonic()
        self._since: dict[tuple[TopicPartition, int], float] = {}  # by partition and offset
        self._own_share: set[TopicPartition] = set()
        self._lost_before: set[TopicPartition] = set()
        self._watch_assignments()

    def partitions(self) -> list[TopicPartition]:
        """Return the partitions in which nothing moves."""
        now = time.monotonic()
        if now - self._checked < CHECK_S:
            return []
        self._checked = now
        lost, before = self._lost(), self._lost_before
        self._lost_before = lost
        if lost and lost == before:  # and not in the middle of a rebalance
            return sorted(lost)
        try:
            waiting = self._waiting()
        except (KafkaError, EarmarkError):  # an outage is another's finding
            return []
        self._since = {place: self._since.get(place, now) for place in waiting.items()}
        return sorted(p for (p, _), since in self._since.items() if now - since > STALLED_S)

    def _lost(self) -> set[TopicPartition]:
        """Return what this member assigned to itself, as the leader, and did not get."""
        leads = getattr(getattr(self._consumer, "_coordinator", None), "_is_leader", False)
        return self._own_share - self._consumer.assignment() if leads else set()

    def forget(self) -> None:
        """Begin anew, after a pause in which nothing could move."""
        self._since = {}

    def renew(self) -> None:
        """Join the group as a new member."""
        self._since, self._own_share, self._lost_before = {}, set(), set()
        self._consumer.unsubscribe()
        self._consumer.subscribe(self._topics)

    def _waiting(self) -> dict[TopicPartition, int]:
        """Return the committed offsets of partitions with messages after them."""
        with open_admin(self._settings) as admin:
            until = log_ends(admin, self._topics)
            offsets = positions(admin, self._group, until)
        return {p: offset for p, offset in offsets.items() if until[p] > offset}

    def _watch_assignments(self) -> None:
        coordinator = getattr(self._consumer, "_coordinator", None)
        perform = getattr(coordinator, "_perform_assignment", None)
        if coordinator is None or perform is None:  # another version: the offsets must do
            return

        def performed(leader_id: str, *arguments: Any) -> Any:
            assigned = perform(leader_id, *arguments)
            self._own_share = {
                TopicPartition(topic, number)
                for topic, numbers in assigned[leader_id].assigned_partitions
                for number in numbers
            }
            return assigned

        coordinator._perform_assignment = performed

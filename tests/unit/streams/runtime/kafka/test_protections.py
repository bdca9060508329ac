"""What each protection is for: without it, events are lost or answers conflict, and it is seen.

Two members of a group work on one partition of ten events, one after the other, as after
a deploy: the second runs a newer release. Everything is deterministic; Kafka is the few
lines of ``Partition``. The third protection, the gate, is taken away from a real worker on
a real broker in ``test_rebalance_gate``.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.contract.output import Outgoing, Output
from streams.contract.records import Record
from streams.runtime.kafka.acks import Entry, OrderedAcker
from streams.runtime.kafka.handler import each
from streams.runtime.kafka.handling import EventHandling
from streams.runtime.settings import Settings

EVENTS = 10
SLOW = 3  # ends after the hand-over, if at all
SETTINGS = Settings(drain_s=0.05)


class Ping(Record):
    track_id: str
    number: int


class Answer(Record):
    track_id: str
    number: int
    release: int


@dataclass
class Partition:
    """The log, its committed offset, and what was published because of it."""

    committed: int = 0
    published: list[Answer] = field(default_factory=list)

    @property
    def lost(self) -> set[int]:
        """Events that are not delivered again and have no result."""
        return set(range(self.committed)) - {answer.number for answer in self.published}

    @property
    def conflicting(self) -> set[int]:
        """Events to which an older release answered after the newer one had."""
        last = {answer.number: answer.release for answer in self.published}
        newest: dict[int, int] = {}
        for answer in self.published:
            newest[answer.number] = max(answer.release, newest.get(answer.number, 0))
        return {number for number, release in last.items() if release < newest[number]}

    async def publish(self, messages: Sequence[Outgoing]) -> list[None]:
        self.published += [Answer.model_validate_json(sent.value or b"") for sent in messages]
        return [None] * len(messages)


@dataclass
class Member:
    """One worker of the group: the real acker and the real handling."""

    partition: Partition
    release: int

    def __post_init__(self) -> None:
        self.go_on = asyncio.Event()
        self.acker = OrderedAcker("test", self, self.stop, limit=EVENTS, drain_s=0.05)
        handler = each("test", Ping, self.handle)
        self.work = EventHandling("test", handler, self.partition, SETTINGS)
        self.failures: list[BaseException] = []
        self.acker.opened()

    async def handle(self, ping: Ping) -> list[Output]:
        if ping.number == SLOW and not self.go_on.is_set():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                # Libraries do swallow it, now and then; then the work goes on.
                await self.go_on.wait()
        return [Output("out", Answer(release=self.release, **ping.model_dump()))]

    async def take(self) -> None:
        """Work on everything from the committed offset on."""

        async def events() -> AsyncIterator[Any]:
            for offset in range(self.partition.committed, EVENTS):
                value = Ping(track_id="t", number=offset).to_bytes()
                message = SimpleNamespace(
                    tp=("in", 0), topic="in", partition=0, offset=offset, generation_id=1,
                    key=b"t", value=value, headers=(), timestamp=1.0,
                )  # fmt: skip
                yield SimpleNamespace(message=message, ack=lambda: True)

        await self.acker.run(events(), self.work)
        await asyncio.sleep(0.01)

    async def stop(self, error: BaseException) -> None:
        self.failures.append(error)

    def generation(self) -> int:
        return 1

    def committed(self, partition: Any) -> int | None:
        return self.partition.committed

    async def commit(self, offsets: Mapping[Any, int]) -> None:
        self.partition.committed = max(offsets.values())

    async def offsets_from(self, partition: Any, start: int) -> tuple[int, int]:
        return 0, start


async def hand_over() -> Partition:
    """The first member is revoked while one event is under way; the second takes over."""
    partition = Partition()
    first, second = Member(partition, 1), Member(partition, 2)
    await first.take()
    await first.acker.revoked()
    second.go_on.set()
    await second.take()
    first.go_on.set()
    await asyncio.sleep(0.01)
    await second.acker.revoked()
    assert partition.committed == EVENTS
    assert not first.failures + second.failures
    return partition


def acknowledge_at_once(acker: OrderedAcker, entry: Entry) -> None:
    """What plain ``event.ack()`` at the end of a task comes to."""
    message = entry.event.message
    lane = acker._lanes[message.tp]
    lane.entries.pop(message.offset)
    lane.order.remove(message.offset)
    heapq.heapify(lane.order)
    entry.event.ack()
    lane.done_before = max(lane.done_before or 0, message.offset + 1)


def never_revoked(acker: OrderedAcker, entry: Entry) -> bool:
    """Whether an entry is ours: always, as if no partition was ever revoked."""
    return True


def test_with_all_protections_nothing_is_lost_and_nothing_conflicts() -> None:
    partition = asyncio.run(hand_over())
    assert (partition.lost, partition.conflicting) == (set(), set())
    assert {answer.number for answer in partition.published} == set(range(EVENTS))


@pytest.mark.parametrize(
    ("method", "instead", "lost", "conflicting"),
    [
        ("_complete", acknowledge_at_once, {SLOW}, set()),
        ("_alive", never_revoked, set(), {SLOW}),
    ],
)
def test_without_one_it_is_seen(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    instead: Callable[..., Any],
    lost: set[int],
    conflicting: set[int],
) -> None:
    monkeypatch.setattr(OrderedAcker, method, instead)
    partition = asyncio.run(hand_over())
    assert partition.lost == lost
    assert partition.conflicting == conflicting

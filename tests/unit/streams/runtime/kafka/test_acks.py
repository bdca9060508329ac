"""The ordered acker, without Kafka: events are fakes, time is the event loop's."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime import metrics
from streams.runtime.kafka.acks import Alive, OffsetGap, OrderedAcker, Partition

P0, P1 = ("topic", 0), ("topic", 1)


@dataclass
class Consumer:
    """What the acker asks: an assignment, and the log behind it."""

    number: int = 1
    committed_offsets: dict[Partition, int] = field(default_factory=dict)
    log_start: int = 0
    holes: set[int] = field(default_factory=set)
    commits: list[dict[Partition, int]] = field(default_factory=list)

    def generation(self) -> int:
        return self.number

    def committed(self, partition: Partition) -> int | None:
        return self.committed_offsets.get(partition)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.commits.append(dict(offsets))

    async def offsets_from(self, partition: Partition, start: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        offset = max(start, self.log_start)
        while offset in self.holes:
            offset += 1
        return self.log_start, offset


@dataclass
class Event:
    message: Any
    acked: list[tuple[Partition, int]]

    def ack(self) -> bool:
        self.acked.append((self.message.tp, self.message.offset))
        return True


class Bench:
    """An acker whose work waits until the test lets it end."""

    def __init__(self, **limits: Any) -> None:
        self.consumer = Consumer()
        self.acked: list[tuple[Partition, int]] = []
        self.failures: list[BaseException] = []
        self.doors: dict[tuple[Partition, int], list[asyncio.Future[None]]] = {}
        self.published: list[tuple[Partition, int]] = []
        self.alive_when_cancelled: list[bool] = []
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        limits = {"limit": 100, "drain_s": 0.05} | limits
        self.acker = OrderedAcker("test", self.consumer, self.stop, **limits)
        self.acker.opened()

    async def stop(self, error: BaseException) -> None:
        self.failures.append(error)

    async def work(self, event: Event, alive: Alive) -> None:
        message = event.message
        door: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.doors.setdefault((message.tp, message.offset), []).append(door)
        try:
            await door
        except asyncio.CancelledError:
            self.alive_when_cancelled.append(alive())
            raise
        if alive():
            self.published.append((message.tp, message.offset))

    def send(self, offsets: Iterable[int], partition: Partition = P0, generation: int = 1) -> None:
        for offset in offsets:
            message = SimpleNamespace(tp=partition, offset=offset, generation_id=generation)
            self.queue.put_nowait(Event(message, self.acked))

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self.queue.get()

    async def let_end(self, *offsets: int, partition: Partition = P0) -> None:
        for offset in offsets:
            self.doors[partition, offset][-1].set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def bench(test: Callable[[Bench], Awaitable[None]], **limits: Any) -> Bench:
    async def run() -> Bench:
        made = Bench(**limits)
        running = asyncio.create_task(made.acker.run(made.events(), made.work))
        await test(made)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return made

    return asyncio.run(run())


def test_acks_wait_for_earlier_ones_of_the_same_partition_only() -> None:
    async def test(bench: Bench) -> None:
        bench.send([0, 1, 2])
        bench.send([0, 1], P1)
        await settle()
        await bench.let_end(2, 1)
        assert bench.acked == []
        await bench.let_end(0, partition=P1)
        assert bench.acked == [(P1, 0)]
        await bench.let_end(0)
        assert bench.acked == [(P1, 0), (P0, 0), (P0, 1), (P0, 2)]

    assert not bench(test).failures


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_endings_acks_all_in_order(seed: int) -> None:
    async def test(bench: Bench) -> None:
        bench.send(range(50))
        await settle()
        order = list(range(50))
        random.Random(seed).shuffle(order)
        for count, offset in enumerate(order, 1):
            await bench.let_end(offset)
            done = set(order[:count])
            head = next(number for number in range(51) if number not in done)
            assert bench.acked == [(P0, number) for number in range(head)]

    bench(test)


def test_no_more_than_the_limit_are_worked_on() -> None:
    async def test(bench: Bench) -> None:
        bench.send(range(10))
        await settle()
        assert len(bench.doors) == 3
        await bench.let_end(1)
        assert len(bench.doors) == 4

    bench(test, limit=3)


def test_a_pause_begins_nothing_and_lets_end_what_is_in_work() -> None:
    async def test(bench: Bench) -> None:
        bench.send([0, 1])
        await settle()
        bench.acker.pause(True)
        bench.send([2, 3])
        await settle()
        await bench.let_end(0, 1)
        assert bench.acked == [(P0, 0), (P0, 1)]
        assert len(bench.doors) == 2
        bench.acker.pause(False)
        await settle()
        assert len(bench.doors) == 4

    bench(test)


def test_a_revocation_does_not_wait_for_the_end_of_a_pause() -> None:
    async def test(bench: Bench) -> None:
        bench.acker.pause(True)
        bench.send([0])
        await settle()
        await asyncio.wait_for(bench.acker.revoked(), 1)
        bench.consumer.number = 2
        bench.acker.opened()
        bench.send([0], generation=2)
        await settle()
        assert not bench.doors
        bench.acker.pause(False)
        await settle()
        assert len(bench.doors[P0, 0]) == 1

    bench(test, drain_s=60)


def test_a_slow_head_holds_back_at_most_a_window() -> None:
    async def test(bench: Bench) -> None:
        bench.send(range(30))
        await settle()
        for offset in range(1, 6):
            await bench.let_end(offset)
        started = len(bench.doors)
        assert started == 6  # of 30: five have ended behind the head, and wait with it
        await bench.let_end(0)
        assert len(bench.doors) > started

    bench(test, limit=2, window=6)


def test_what_is_done_is_committed_at_a_revocation_and_the_rest_forgotten() -> None:
    async def test(bench: Bench) -> None:
        bench.send(range(4))
        await settle()
        await bench.let_end(0, 1, 3)
        await bench.acker.revoked()
        assert bench.consumer.commits == [{P0: 2}]
        late = bench.doors[P0, 2][0]
        assert late.cancelled()

    bench(test)


def test_a_drain_waits_for_what_ends_in_time() -> None:
    async def test(bench: Bench) -> None:
        bench.send(range(2))
        await settle()
        asyncio.get_running_loop().call_later(0.05, bench.doors[P0, 0][0].set_result, None)
        asyncio.get_running_loop().call_later(0.05, bench.doors[P0, 1][0].set_result, None)
        await bench.acker.revoked()
        assert bench.consumer.commits == [{P0: 2}]

    bench(test, drain_s=5)


def test_the_late_result_of_a_revoked_event_neither_publishes_nor_acks() -> None:
    async def test(bench: Bench) -> None:
        bench.send([0, 1])
        await settle()
        await bench.acker.revoked()
        await settle()
        assert bench.alive_when_cancelled == [False, False]
        bench.consumer.number = 2
        bench.acker.opened()
        bench.send([0], generation=1)  # of the old assignment, still in a queue
        await settle()
        assert len(bench.doors[P0, 0]) == 1
        bench.send([0], generation=2)
        await settle()
        await bench.let_end(0)
        assert bench.acked == bench.published == [(P0, 0)]

    bench(test)


def test_work_that_cannot_be_cancelled_ends_without_effect() -> None:
    async def run() -> None:
        bench = Bench(drain_s=0)
        cancelled = asyncio.Event()

        async def thread(event: Event, alive: Alive) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:  # a thread goes on, and its result comes
                cancelled.set()
            if alive():
                bench.published.append((event.message.tp, event.message.offset))

        running = asyncio.create_task(bench.acker.run(bench.events(), thread))
        bench.send([0])
        await settle()
        await bench.acker.revoked()
        bench.acker.opened()
        bench.send([0])  # the new copy of the same offset is another entry
        await asyncio.wait_for(cancelled.wait(), 1)
        await settle()
        assert bench.acked == bench.published == []
        running.cancel()

    asyncio.run(run())


def test_a_drain_starts_nothing_new() -> None:
    async def test(bench: Bench) -> None:
        bench.send([0, 1])
        await settle()
        asyncio.get_running_loop().call_later(0.02, bench.doors[P0, 0][0].set_result, None)
        await bench.acker.revoked()
        await settle()
        assert bench.consumer.commits == [{P0: 1}]
        assert (P0, 1) not in bench.doors

    bench(test, limit=1, drain_s=5)


def test_nothing_is_taken_between_revocation_and_assignment() -> None:
    async def test(bench: Bench) -> None:
        await bench.acker.revoked()
        bench.send([0])
        await settle()
        assert not bench.doors

    bench(test)


def test_nothing_is_taken_after_the_end() -> None:
    async def test(bench: Bench) -> None:
        await bench.acker.close(0)
        bench.acker.opened()  # a rebalance that comes too late
        bench.send([0])
        await settle()
        assert not bench.doors

    bench(test)


def test_an_event_delivered_twice_is_worked_on_once() -> None:
    async def test(bench: Bench) -> None:
        bench.send([0, 1, 2, 1])
        await settle()
        await bench.let_end(0)
        bench.send([0, 1, 2, 3])  # the offset was reset to an earlier one
        await settle()
        assert {offset: len(doors) for (_, offset), doors in bench.doors.items()} == {
            0: 1,
            1: 1,
            2: 1,
            3: 1,
        }

    bench(test)


def test_a_log_that_began_anew_is_worked_on_from_its_start() -> None:
    """What is in work of the former log is published, and no offset of it is acknowledged."""

    async def test(bench: Bench) -> None:
        bench.send(range(4))
        await settle()
        await bench.let_end(0, 1)
        bench.acker.restarted(P0)
        bench.send(range(3))
        await settle()
        await bench.let_end(0)
        bench.doors[P0, 3][0].set_result(None)
        bench.doors[P0, 2][0].set_result(None)
        await settle()
        assert [offset for _, offset in bench.acked] == [0, 1, 0]
        await bench.let_end(1, 2)
        assert [offset for _, offset in bench.acked] == [0, 1, 0, 1, 2]
        assert sorted(offset for _, offset in bench.published) == [0, 0, 1, 1, 2, 2, 3]

    assert bench(test).failures == []


def test_a_record_that_never_arrived_stops_the_worker_before_it_is_passed() -> None:
    before = metrics.OFFSET_GAPS.labels("test")._value.get()

    async def test(bench: Bench) -> None:
        bench.send([0, 1, 3])
        await settle()
        await bench.let_end(0, 1)
        assert bench.acked == [(P0, 0), (P0, 1)]
        assert (P0, 3) not in bench.doors

    assert [type(error) for error in bench(test).failures] == [OffsetGap]
    assert metrics.OFFSET_GAPS.labels("test")._value.get() == before + 1


def test_a_hole_that_the_log_has_is_passed() -> None:
    async def test(bench: Bench) -> None:
        bench.consumer.holes = {2, 3}  # a transaction's marker, a compacted record
        bench.send([0, 1, 4])
        await settle()
        await bench.let_end(0, 1, 4)
        assert bench.acked[-1] == (P0, 4)

    assert not bench(test).failures


def test_a_log_trimmed_by_retention_is_passed_and_counted() -> None:
    before = metrics.EXPIRED.labels("test")._value.get()

    async def test(bench: Bench) -> None:
        bench.consumer.log_start = 500
        bench.consumer.committed_offsets[P0] = 100
        bench.send([500, 501])
        bench.consumer.committed_offsets.pop(P1, None)
        bench.send([500], P1)  # never committed
        await settle()
        assert set(bench.doors) == {(P0, 500), (P0, 501), (P1, 500)}

    assert not bench(test).failures
    assert metrics.EXPIRED.labels("test")._value.get() == before + 400  # a new group: nothing


def test_the_first_event_after_an_assignment_is_checked_against_the_committed_one() -> None:
    async def test(bench: Bench) -> None:
        bench.consumer.committed_offsets[P0] = 10
        bench.send([12])
        await settle()

    assert [type(error) for error in bench(test).failures] == [OffsetGap]


def test_a_failure_of_the_work_stops_the_worker_and_does_not_ack() -> None:
    async def test(bench: Bench) -> None:
        bench.send([0])
        await settle()
        bench.doors[P0, 0][0].set_exception(RuntimeError("told to"))
        await settle()
        assert bench.acked == []

    assert [str(error) for error in bench(test).failures] == ["told to"]


def test_a_revocation_in_the_middle_of_everything_loses_nothing() -> None:
    """Random work, revocations and redelivery: what is committed has been published."""
    noise = random.Random(3)

    async def run() -> None:
        consumer = Consumer()
        published: set[int] = set()
        failures: list[BaseException] = []
        queue: asyncio.Queue[Event] = asyncio.Queue()

        async def work(event: Event, alive: Alive) -> None:
            await asyncio.sleep(noise.random() * 0.01)
            if alive():
                published.add(event.message.offset)

        async def events() -> AsyncIterator[Event]:
            while True:
                yield await queue.get()

        async def stop(error: BaseException) -> None:
            failures.append(error)

        acker = OrderedAcker("test", consumer, stop, limit=8, drain_s=0.002, window=16)
        running = asyncio.create_task(acker.run(events(), work))
        for generation in range(1, 40):
            consumer.number = generation
            start = consumer.commits[-1][P0] if consumer.commits else 0
            consumer.committed_offsets[P0] = start
            assert published >= set(range(start))
            acker.opened()
            for offset in range(start, start + 40):
                message = SimpleNamespace(tp=P0, offset=offset, generation_id=generation)
                queue.put_nowait(Event(message, []))
            await asyncio.sleep(noise.random() * 0.03)
            await acker.revoked()
        running.cancel()
        assert not failures
        assert consumer.commits[-1][P0] > 40

    asyncio.run(run())

"""Acknowledge in order: an event counts as done once all before it are done too.

Events of one partition are worked on side by side and end in any order. Kafka stores one number
per partition: the offset before which everything is done. So an event is acknowledged when it has
ended *and* every earlier one of its partition has. After a crash the rest comes again; nothing is
skipped.

Partitions are assigned and revoked while events are worked on, so each event has an ``Entry``. The
entry's identity is the fence: when the partition is revoked, its entries are dropped. The late
result of a dropped entry neither publishes nor acknowledges, even if the same offset was delivered
again.

Events worked on at once are bounded (``limit``), and so are ended events that wait behind a slow
one (``window``). So is the wait at a revocation or at the end (``drain_s``).

The guard: offsets of a partition must follow each other. Where one is missing, the log itself is
read. Gaps that it has (retention, compaction, transaction markers) are skipped; what retention has
taken is counted. A record that is in the log but never arrived was lost, and the worker stops
before the committed offset passes it.
"""

import asyncio
import heapq
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from detector.errors import Fatal
from streams.runtime import metrics

log = structlog.get_logger()

COMMIT_TIMEOUT_S = 5.0

Partition = Hashable  # Faust's TP(topic, partition)
Alive = Callable[[], bool]
Work = Callable[[Any, Alive], Awaitable[None]]


class OffsetGap(Fatal):
    """Records of a partition never arrived although they are in its log."""


class Assignment(Protocol):
    """What is asked of the consumer."""

    def generation(self) -> int:
        """Return the number of the current assignment."""

    def committed(self, partition: Partition) -> int | None:
        """Return the committed offset of a partition, None where there is none."""

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit these offsets now."""

    async def offsets_from(self, partition: Partition, start: int) -> tuple[int, int]:
        """Return where the log begins, and its first record at or after ``start``."""


def note_expired(processor: str, partition: Partition, expected: int, begin: int) -> None:
    """Count events that the broker has deleted before the process has read them.

    ``expected`` is the next offset to read; at 0 the process is new, and had nothing to read.
    """
    if 0 < expected < begin:
        metrics.EXPIRED.labels(processor).inc(begin - expected)
        log.error("events_expired", partition=str(partition), first=expected, until=begin)


@dataclass(eq=False)  # compared by identity: that is the fence
class Entry:
    """One event being worked on, or ended and waiting for those before it."""

    event: Any
    since: float
    done: bool = False


@dataclass
class _Lane:
    """One partition."""

    entries: dict[int, Entry] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # priority queue of the offsets in ``entries``
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    done_before: int | None = None  # everything below is done: the offset to commit
    expected: int | None = None  # offset that should arrive next


class OrderedAcker:
    """Runs ``work`` over events, ``limit`` at once, and acknowledges them in order.

    Call ``opened`` when partitions are assigned, ``revoked`` when they are taken and
    ``close`` before the consumer stops. ``stop`` is called with what must end the worker.
    """

    def __init__(
        self,
        processor: str,
        assignment: Assignment,
        stop: Callable[[BaseException], Awaitable[None]],
        *,
        limit: int,
        drain_s: float,
        window: int = 512,
    ) -> None:
        self._processor = processor
        self._assignment = assignment
        self._stop = stop
        self._drain_s = drain_s
        self._window = max(window, limit)
        self._slots = asyncio.Semaphore(limit)
        self._room = asyncio.Event()
        self._lanes: defaultdict[Partition, _Lane] = defaultdict(_Lane)
        self._of_former_logs: set[Entry] = set()  # in work; published, never acknowledged
        self._open = False
        self._closed = False
        self._paused = False

    # --- assignments and revocations ------------------------------------------------------

    def opened(self) -> None:
        """Partitions were assigned: take events."""
        self._open = not self._closed

    async def revoked(self) -> None:
        """Partitions are being taken: drain, commit what is done, forget the rest."""
        self._open = False
        await self._drain()
        await self._commit_heads()
        self._forget()

    async def close(self, drain_s: float) -> None:
        """The worker ends: as ``revoked``, and take no event ever after."""
        self._closed = True
        self._drain_s = drain_s
        await self.revoked()

    def restarted(self, partition: Partition) -> None:
        """A partition's log began anew: what is in work of the former one ends as it would."""
        former = self._lanes.pop(partition, None)
        if former is not None:
            self._of_former_logs.update(one for one in former.entries.values() if not one.done)
            self._lanes[partition] = _Lane(tasks=former.tasks)

    def pause(self, on: bool) -> None:
        """Begin no event while ``on``; those in work end and are acknowledged."""
        self._paused = on
        self._room.set()

    def observe(self) -> None:
        """Set the gauges; call about every second."""
        pending = [
            entry.since
            for lane in self._lanes.values()
            for entry in lane.entries.values()
            if not entry.done
        ]
        oldest = time.monotonic() - min(pending) if pending else 0.0
        metrics.IN_FLIGHT.labels(self._processor).set(len(pending))
        metrics.OLDEST_IN_FLIGHT.labels(self._processor).set(oldest)

    # --- events --------------------------------------------------------------------------

    async def run(self, events: AsyncIterator[Any], work: Work) -> None:
        """Work on events until there are none or the worker stops."""
        async for event in events:
            try:
                entry = await self._admit(event)
            except Exception as error:  # noqa: BLE001 - the worker ends with it
                await self._stop(error)
                return
            if entry is not None:
                await self._start(entry, work)

    async def _admit(self, event: Any) -> Entry | None:
        """Register an event; None where its partition is not ours (any more) or it is known.

        Without a gap in the offsets there is no ``await`` before it is registered: a
        revocation in between would forget everything but this one.
        """
        message = event.message
        if not self._current(message):
            return None
        lane = self._lanes[message.tp]
        if lane.expected is None:
            lane.expected = self._assignment.committed(message.tp) or 0
        if message.offset > lane.expected:
            await self._check_gap(message, lane.expected)
            if not self._current(message) or self._lanes.get(message.tp) is not lane:
                return None
        lane.expected = max(lane.expected, message.offset + 1)
        known = message.offset in lane.entries
        if known or (lane.done_before is not None and message.offset < lane.done_before):
            return None  # delivered again after a seek; the first copy is being worked on
        entry = Entry(event, time.monotonic())
        lane.entries[message.offset] = entry
        heapq.heappush(lane.order, message.offset)
        return entry

    def _current(self, message: Any) -> bool:
        return self._open and bool(message.generation_id == self._assignment.generation())

    async def _check_gap(self, message: Any, expected: int) -> None:
        begin, first = await self._assignment.offsets_from(message.tp, expected)
        where = {"partition": str(message.tp), "expected": expected, "got": message.offset}
        if first < message.offset and self._current(message):
            metrics.OFFSET_GAPS.labels(self._processor).inc()
            log.error("records_lost", first=first, **where)
            raise OffsetGap(
                f"{message.tp}: expected offset {expected}, got {message.offset}, "
                f"but the log has a record at {first}"
            )
        log.info("offset_gap_verified", **where)
        note_expired(self._processor, message.tp, expected, min(begin, message.offset))

    async def _start(self, entry: Entry, work: Work) -> None:
        lane = self._lanes[entry.event.message.tp]
        await self._slots.acquire()
        while self._alive(entry) and (self._paused or len(lane.entries) > self._window):
            self._room.clear()
            await self._room.wait()
        if not (self._open and self._alive(entry)):  # revoked while it waited
            self._slots.release()
            return
        task = asyncio.create_task(self._work(entry, work))
        lane.tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            # A callback, not ``finally`` in the task: a task that is cancelled before its
            # first step never gets there.
            lane.tasks.discard(task)
            self._slots.release()

        task.add_done_callback(ended)

    async def _work(self, entry: Entry, work: Work) -> None:
        try:
            await work(entry.event, lambda: self._alive(entry))
        except Exception as error:  # noqa: BLE001 - the worker ends with it
            if self._alive(entry):
                await self._stop(error)
            return
        self._complete(entry)

    def _alive(self, entry: Entry) -> bool:
        if entry in self._of_former_logs:
            return True
        message = entry.event.message
        lane = self._lanes.get(message.tp)
        return lane is not None and lane.entries.get(message.offset) is entry

    def _complete(self, entry: Entry) -> None:
        if entry in self._of_former_logs or not self._alive(entry):
            self._of_former_logs.discard(entry)
            return
        entry.done = True
        lane = self._lanes[entry.event.message.tp]
        while lane.order and lane.entries[lane.order[0]].done:
            offset = heapq.heappop(lane.order)
            lane.entries.pop(offset).event.ack()
            lane.done_before = offset + 1
            self._room.set()

    # --- the end of an assignment --------------------------------------------------------

    async def _drain(self) -> None:
        tasks = [task for lane in self._lanes.values() for task in lane.tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._drain_s)
            if late:
                log.warning("drain_incomplete", left=len(late), drain_s=self._drain_s)

    async def _commit_heads(self) -> None:
        """Commit by hand: Faust drops the acknowledgements since its last commit here."""
        offsets = {
            partition: lane.done_before
            for partition, lane in self._lanes.items()
            if lane.done_before is not None
        }
        if not offsets:
            return
        try:
            await asyncio.wait_for(self._assignment.commit(offsets), COMMIT_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - the events come again, that is all
            log.warning("commit_failed", error=repr(error))

    def _forget(self) -> None:
        for lane in self._lanes.values():
            for task in list(lane.tasks):
                task.cancel()
        self._lanes.clear()
        self._of_former_logs.clear()
        self._room.set()

"""Fair shares: a distributor or a sender that does not answer holds up no other.

A sender is the host or the bucket of a URI. One alone never has all slots. Of one distributor, the
senders whose last fetch did not end well and the new ones have half of the slots together. A sender
that failed several times is asked again after growing pauses; in between its uploads fail at once.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from detector.errors import BadInput, SenderAway
from streams.runtime import metrics

MOST_FAILURES: Final = 3  # one after the other; then a sender is away
PAUSE_S: Final = (2.0, 60.0)  # shortest and longest between two fetches from one that is away
LOST_S: Final = 60.0  # away for longer than attempts take: its uploads get no more of them
FORGET_S: Final = 300.0
SLOW_S: Final = 10.0  # of a turn; most take a second
REMEMBERED: Final = 10_000


@dataclass(eq=False)
class _Sender:
    running: int = 0
    answers: bool = False  # its last fetch ended well
    failures: int = 0  # since then, the first and the last of them at:
    first: float = -math.inf
    last: float = -math.inf

    def note(self, *, answers: bool) -> None:
        now = time.monotonic()
        if answers or now - self.last > FORGET_S:
            self.failures, self.first = 0, now
        self.answers, self.last = answers, now
        self.failures += not answers

    def is_away(self) -> bool:
        shortest, longest = PAUSE_S
        pause = min(longest, max(shortest, (self.last - self.first) / 2))
        return self.failures >= MOST_FAILURES and (
            self.running > 0 or time.monotonic() < self.last + pause
        )


class FairSlots:
    """At most so many at once; the distributor with the fewest at work comes first.

    ``spare`` slots are only for distributors with nothing at work. One whose last turn was slow, or
    of which none has ended, leaves a slot to others that came lately: a file may take minutes.
    """

    def __init__(self, slots: int, spare: int = 0) -> None:
        self._free, self._spare = slots, min(spare, slots - 1)
        self._last: OrderedDict[str, tuple[float, bool]] = OrderedDict()  # end, and whether slow
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._turns = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, distributor: str) -> AsyncIterator[None]:
        """Wait for a slot, and give it back at the end."""
        async with self._turns:
            self._waiting[distributor] += 1
            try:
                await self._turns.wait_for(lambda: self._is_next(distributor))
            finally:
                _count_down(self._waiting, distributor)
            self._free -= 1
            self._running[distributor] += 1
        begun = time.monotonic()
        try:
            yield
        finally:
            async with self._turns:
                self._free += 1
                _count_down(self._running, distributor)
                self._note(distributor, begun)
                self._turns.notify_all()

    def _note(self, distributor: str, begun: float) -> None:
        now = time.monotonic()
        self._last[distributor] = now, now - begun > SLOW_S
        self._last.move_to_end(distributor)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    def _is_next(self, distributor: str) -> bool:
        running = self._running.get(distributor, 0)
        if self._free <= (max(self._spare, self._leaves(distributor)) if running else 0):
            return False
        return all(running <= self._running.get(other, 0) for other in self._waiting)

    def _leaves(self, distributor: str) -> int:
        """Return how many slots a distributor leaves to others that came lately."""
        latest = islice(reversed(self._last.items()), 2)
        recent = time.monotonic() - FORGET_S
        others = any(name != distributor and end > recent for name, (end, _) in latest)
        _, was_slow = self._last.get(distributor, (0.0, True))
        return int(was_slow and others)


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


class Senders:
    """Gives senders their turns; ``longest_s``: of a fetch."""

    def __init__(self, slots: int, longest_s: float) -> None:
        self._each, self._unproven = max(1, slots - 1), max(1, slots // 2)
        self._longest_s = longest_s
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._at_work: list[tuple[_Sender, str]] = []  # with its distributor
        self._turns = asyncio.Condition()
        self._proved = time.monotonic()  # when a sender last began to answer

    @asynccontextmanager
    async def turn(
        self, name: str, distributor: str = ""
    ) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Wait for a turn of this sender; yields what to await when the fetch has ended well.

        Raises:
            SenderAway: it failed several times a short time ago.
            BadInput: it is away for long, or too many others do not answer.
        """
        if not name:  # the place is ours
            yield partial(asyncio.sleep, 0)
            return
        sender = self._senders.setdefault(name, _Sender())
        self._senders.move_to_end(name)
        begun = time.monotonic()

        def is_stuck() -> bool:
            waited = time.monotonic() - max(begun, self._proved)
            return not sender.answers and waited > self._longest_s

        async with self._turns:
            await self._turns.wait_for(
                lambda: sender.is_away() or self._is_free(sender, distributor) or is_stuck()
            )
            if sender.is_away():
                if time.monotonic() - sender.first > LOST_S:
                    raise _lost(f"{name} does not answer, {sender.failures} times")
                detail = f"{name} did not answer a moment ago, {sender.failures} times"
                raise SenderAway(detail, "failed_before")
            if not self._is_free(sender, distributor):
                raise _lost(f"{name} is new, and too many others do not answer")
            sender.running += 1
            self._at_work.append((sender, distributor))
        try:
            yield partial(self._answered, sender)
        except SenderAway:
            sender.note(answers=False)
            raise
        finally:  # a refusal proves nothing: any name answers with one
            sender.running -= 1
            self._at_work.remove((sender, distributor))
            while len(self._senders) > REMEMBERED:
                self._senders.popitem(last=False)
            async with self._turns:
                self._turns.notify_all()

    async def _answered(self, sender: _Sender) -> None:
        if not sender.answers:
            self._proved = time.monotonic()
        sender.note(answers=True)
        async with self._turns:
            self._turns.notify_all()

    def _is_free(self, sender: _Sender, distributor: str) -> bool:
        if sender.answers:
            return sender.running < self._each
        unproven = (one for one, whose in self._at_work if whose == distributor)
        return sum(not one.answers for one in unproven) < self._unproven


def _lost(detail: str) -> BadInput:
    metrics.UNREACHABLE.labels("failed_before").inc()
    return BadInput("unreachable", detail)

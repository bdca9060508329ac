"""Turns of senders: by a clock that the test sets."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace

import pytest

from detector.errors import BadInput, SenderAway
from streams.media import senders as module
from streams.media.senders import (
    FORGET_S,
    LOST_S,
    MOST_FAILURES,
    PAUSE_S,
    SLOW_S,
    FairSlots,
    Senders,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


async def fail(senders: Senders, name: str = "a") -> bool:
    """Whether the sender was asked."""
    asked = False
    with suppress(SenderAway):
        async with senders.turn(name):
            asked = True
            raise SenderAway("503")
    return asked


async def succeed(senders: Senders, name: str = "a") -> None:
    async with senders.turn(name) as answered:
        await answered()


def test_a_sender_that_failed_is_asked_after_growing_pauses(clock: list[float]) -> None:
    async def run() -> None:
        senders = Senders(4, 60.0)
        assert [await fail(senders) for _ in range(MOST_FAILURES + 2)] == [True] * 3 + [False] * 2
        clock[0] += PAUSE_S[0]
        assert [await fail(senders) for _ in range(2)] == [True, False]
        clock[0] += PAUSE_S[0]
        await succeed(senders)
        assert await fail(senders), "one that answered begins anew"

    asyncio.run(run())


def test_uploads_of_a_lost_sender_get_no_more_attempts(clock: list[float]) -> None:
    async def run() -> None:
        senders = Senders(4, 60.0)
        for _ in range(MOST_FAILURES):
            await fail(senders)
        clock[0] += LOST_S
        assert await fail(senders), "it is asked now and then"
        clock[0] += 1
        with pytest.raises(BadInput) as caught:
            await fail(senders)
        assert caught.value.reason == "unreachable"
        await succeed(senders, "b")
        clock[0] += FORGET_S
        assert [await fail(senders) for _ in range(2)] == [True, True], "as if it were new"

    asyncio.run(run())


def test_nobody_has_all_slots(clock: list[float]) -> None:
    async def run() -> None:
        senders = Senders(5, 60.0)
        begun: list[str] = []
        end = asyncio.Event()

        async def hold(name: str, ends: Callable[[], Awaitable[object]]) -> None:
            async with senders.turn(name) as answered:
                begun.append(name)
                if name == "good":
                    await answered()
                await ends()

        tasks = [asyncio.create_task(hold(name, end.wait)) for name in ("new1", "new2", "new3")]
        await asyncio.sleep(0.01)
        assert begun == ["new1", "new2"], "half of the slots for all that are new"
        tasks[0].cancel()
        await asyncio.sleep(0.01)
        assert begun[2:] == ["new3"], "a turn that is given up is another's"
        tasks[1].cancel()
        tasks += [asyncio.create_task(hold("good", end.wait)) for _ in range(6)]
        await asyncio.sleep(0.01)
        assert begun[3:] == ["good"] * 4, "all but one for the one that answers"
        end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert begun[3:] == ["good"] * 6

    asyncio.run(run())


def test_a_place_of_ours_is_never_away(clock: list[float]) -> None:
    async def run() -> None:
        senders = Senders(2, 60.0)
        assert all([await fail(senders, "") for _ in range(3 * MOST_FAILURES)])
        await succeed(senders, "")

    asyncio.run(run())


def test_new_senders_end_where_all_others_are_stuck(clock: list[float]) -> None:
    async def run() -> None:
        senders = Senders(2, 60.0)
        holds, ends = asyncio.Event(), asyncio.Event()

        async def stuck() -> None:
            async with senders.turn("stuck"):
                holds.set()
                await ends.wait()

        await succeed(senders, "good")
        holding = asyncio.create_task(stuck())
        await holds.wait()
        waiting = asyncio.create_task(fail(senders, "new"))
        await asyncio.sleep(0.01)
        clock[0] += 61
        await succeed(senders, "good")
        with pytest.raises(BadInput, match="too many others do not answer"):
            await waiting
        ends.set()
        await holding
        assert await fail(senders, "new")

    asyncio.run(run())


def test_slots_go_to_the_distributor_with_fewest_at_work() -> None:
    """Six files of one key held all decoders for nine minutes, and an honest one waited."""
    order: list[str] = []

    async def work(slots: FairSlots, distributor: str) -> None:
        async with slots.turn(distributor):
            order.append(distributor)
            for _ in range(5):
                await asyncio.sleep(0)

    async def main() -> None:
        slots = FairSlots(2)
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(work(slots, "greedy"))
            await asyncio.sleep(0)
            group.create_task(work(slots, "honest"))

    asyncio.run(main())
    assert order.count("greedy") == 6
    assert order.index("honest") <= 3  # not after the six


def test_a_spare_slot_is_for_a_distributor_with_nothing_at_work() -> None:
    async def main() -> None:
        slots = FairSlots(3, spare=1)
        async with slots.turn("greedy"), slots.turn("greedy"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), slots.turn("greedy"):
                    pass
            async with asyncio.timeout(5), slots.turn("honest"):
                pass

    asyncio.run(main())


def test_a_slow_distributor_leaves_a_slot_to_the_others(clock: list[float]) -> None:
    """Six files of four hours held both decoders for minutes, again and again."""

    async def turns_at_once(slots: FairSlots) -> int:
        async with slots.turn("slow"):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05), slots.turn("slow"):
                    return 2
        return 1

    async def main() -> None:
        slots = FairSlots(2)
        async with slots.turn("slow"):
            clock[0] += SLOW_S + 1
        assert await turns_at_once(slots) == 2, "no other distributor waits"
        async with slots.turn("slow"):
            clock[0] += SLOW_S + 1
        async with slots.turn("honest"):
            pass
        async with slots.turn("slow"):
            clock[0] += SLOW_S + 1
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), slots.turn("slow"):
                    pass
            async with asyncio.timeout(5), slots.turn("honest"):
                pass
        async with slots.turn("new"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), slots.turn("new"):
                    pass
        assert await turns_at_once(slots) == 1
        clock[0] += FORGET_S + 1
        assert await turns_at_once(slots) == 2, "the others are gone"

    asyncio.run(main())


def test_new_senders_of_one_distributor_leave_the_slots_of_another() -> None:
    async def main() -> None:
        senders = Senders(4, 60.0)
        async with senders.turn("a.example", "greedy"), senders.turn("b.example", "greedy"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), senders.turn("c.example", "greedy"):
                    pass
            async with asyncio.timeout(5), senders.turn("d.example", "honest"):
                pass

    asyncio.run(main())


def test_a_refusal_proves_nothing() -> None:
    """Any name answers with a 404; then its uploads trickled, and had all slots but one."""

    async def main() -> None:
        senders = Senders(4, 60.0)
        for name in ("a.example", "b.example", "c.example"):
            with pytest.raises(BadInput):
                async with senders.turn(name):
                    raise BadInput("missing_file", "404")
        async with senders.turn("a.example"), senders.turn("b.example"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), senders.turn("c.example"):
                    pass

    asyncio.run(main())

"""What is particular to the event adapter: revocations, and a publisher that fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from detector.errors import BadInput, Transient
from streams.contract import topics
from streams.contract.output import Outgoing, Output
from streams.runtime import metrics
from streams.runtime.kafka.handler import each
from streams.runtime.kafka.handling import EventHandling
from streams.runtime.kafka.publisher import PublishFailed
from streams.runtime.settings import Settings
from tests.unit.streams.runtime.kafka.test_handler import Decoded, ended, good

SETTINGS = Settings(retry_attempts=3, retry_base_s=0.001, dead_letter_window=10)
NAME = "unit"


class Memory:
    """A publisher in memory, unless it is broken."""

    def __init__(self, broken: bool = False) -> None:
        self.messages: list[Outgoing] = []
        self.broken = broken

    async def publish(self, messages: Sequence[Outgoing]) -> list[None]:
        await asyncio.sleep(0)
        if self.broken:
            raise PublishFailed("broken")
        self.messages += messages
        return [None] * len(messages)


def event(headers: Sequence[tuple[str, bytes | None]] = (("trace", b"1"),)) -> Any:
    message = SimpleNamespace(
        topic="source", partition=3, offset=7, key=b"t1", value=b'{"track_id": "t1"}',
        headers=headers, timestamp=1.5,
    )  # fmt: skip
    return SimpleNamespace(message=message)


Handle = Callable[[Decoded], Awaitable[Sequence[Output]]]


def raising(error: Exception) -> Handle:
    async def handle(record: Decoded) -> list[Output]:
        raise error

    return handle


def end(
    handle: Handle = good,
    publisher: Memory | None = None,
    alive: Callable[[], bool] = lambda: True,
) -> list[Outgoing]:
    publisher = publisher or Memory()
    handling = EventHandling(NAME, each(NAME, Decoded, handle), publisher, SETTINGS)
    asyncio.run(handling(event(), alive))
    return publisher.messages


def test_our_own_cancellation_is_no_dead_letter() -> None:
    publisher = Memory()
    before = ended("revoked")

    async def stuck(record: Decoded) -> list[Output]:
        await asyncio.sleep(60)
        return []

    async def run() -> None:
        handling = EventHandling(NAME, each(NAME, Decoded, stuck), publisher, SETTINGS)
        task = asyncio.ensure_future(handling(event(), lambda: True))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not publisher.messages
    assert ended("revoked") == before + 1


def test_a_broker_that_fails_is_never_the_inputs_fault() -> None:
    before = metrics.DEAD_LETTERS.labels(NAME, "bad")._value.get()
    with pytest.raises(PublishFailed):
        end(publisher=Memory(broken=True))
    with pytest.raises(PublishFailed):
        end(raising(BadInput("bad", "bad")), Memory(broken=True))
    assert metrics.DEAD_LETTERS.labels(NAME, "bad")._value.get() == before


@pytest.mark.parametrize("checks", range(3))
@pytest.mark.parametrize("handle", [good, raising(BadInput("b", "b")), raising(Transient("t"))])
def test_a_revoked_event_is_not_published(handle: Handle, checks: int) -> None:
    """``checks``: how often the partition is still ours when it is asked."""
    before = ended("revoked")
    left = iter([True] * checks)
    assert end(handle, alive=lambda: next(left, False)) == []
    assert ended("revoked") == before + 1


def test_a_dead_letter_is_not_buried_again() -> None:
    """It lies on its topic, and there is no topic of the dead letters of dead letters."""
    publisher, before = Memory(), ended("dead_letter")
    odd = event()
    odd.message.topic = topics.dead(topics.UPLOADED)
    handle = each(NAME, Decoded, raising(BadInput("bad", "bad")))
    asyncio.run(EventHandling(NAME, handle, publisher, SETTINGS)(odd, lambda: True))
    assert publisher.messages == []
    assert ended("dead_letter") == before + 1

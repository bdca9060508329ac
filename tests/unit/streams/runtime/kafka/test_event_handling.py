"""How one event ends (``streams.runtime.kafka.event_handling``), with a publisher in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from detector.errors import BadInput, Fatal, InvalidAudio, Transient
from streams.contract import dead_letters
from streams.contract.dead_letters import DeadLetterLimit
from streams.contract.output import Output
from streams.contract.records import MAX_RECORD_BYTES, Record
from streams.runtime import metrics
from streams.runtime.kafka.event_handling import Handling
from streams.runtime.kafka.publisher import Outgoing, PublishFailed, RecordTooLarge
from streams.runtime.settings import Settings

SETTINGS = Settings(retry_attempts=3, retry_base_s=0.001, dead_letter_window=10)
NAME = "unit"


class Heard(Record):
    track_id: str
    upload_id: str = "upl_1"


class Said(Record):
    track_id: str
    text: str = ""


class Memory:
    """A publisher that keeps what it is given, unless it is too large or broken."""

    def __init__(self, limit: int = 2_000_000, broken: bool = False) -> None:
        self.messages: list[Outgoing] = []
        self.limit = limit
        self.broken = broken

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise PublishFailed("told to")
        for message in messages:
            headers = sum(len(name) + len(value) for name, value in message.headers)
            if len(message.key or b"") + len(message.value or b"") + headers > self.limit:
                raise RecordTooLarge(detail="told to")
        self.messages += messages


def event(
    value: bytes | None = b'{"track_id": "t1"}',
    key: bytes | None = b"t1",
    headers: Sequence[tuple[str, bytes | None]] = (("trace", b"1"),),
) -> Any:
    message = SimpleNamespace(
        topic="heard", partition=3, offset=7, key=key, value=value, headers=headers, timestamp=1.5
    )
    return SimpleNamespace(message=message)


async def good(heard: Heard) -> list[Output]:
    return [Output("said", Said(track_id=heard.track_id)), Output("told", heard)]


def raising(*errors: BaseException) -> Callable[[Heard], Awaitable[list[Output]]]:
    left = list(errors)

    async def handle(heard: Heard) -> list[Output]:
        if left:
            raise left.pop(0)
        return await good(heard)

    return handle


def end(
    one: Any,
    handler: Callable[[Heard], Awaitable[Sequence[Output]]] = good,
    publisher: Memory | None = None,
    alive: Callable[[], bool] = lambda: True,
) -> list[Outgoing]:
    publisher = publisher or Memory()
    asyncio.run(Handling(NAME, Heard, handler, publisher, SETTINGS)(one, alive))
    return publisher.messages


def letter(messages: Sequence[Outgoing]) -> dead_letters.DeadLetter:
    assert len(messages) == 1
    message = messages[0]
    assert message.topic == "heard.dead"
    return dead_letters.read(message.topic, message.key, message.value, message.headers)


def ended(outcome: str) -> float:
    return float(metrics.ENDED.labels(NAME, outcome)._value.get())


def test_an_event_becomes_its_outputs_keyed_by_track_with_its_headers() -> None:
    before = ended("emitted")
    headers = [("trace", b"1"), (dead_letters.REASON, b"of an earlier death"), ("empty", None)]
    kept = (("trace", b"1"), ("empty", b""))
    assert end(event(headers=headers)) == [
        Outgoing("said", b"t1", b'{"track_id":"t1","text":""}', kept),
        Outgoing("told", b"t1", b'{"track_id":"t1","upload_id":"upl_1"}', kept),
    ]
    assert ended("emitted") == before + 1


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, b"k"),
        (b"", b"k"),
        (b"\xff\x00{", b"\xfe"),
        (b"[]", b"k"),
        (b'{"track_id": 1}', b"k"),
        (b'{"track_id": "t1"}', None),
        (b'"' + b"x" * MAX_RECORD_BYTES + b'"', b"k"),
    ],
)
def test_what_is_no_record_is_dead_with_its_exact_bytes(
    value: bytes | None, key: bytes | None
) -> None:
    dead = letter(end(event(value, key)))
    assert (dead.value, dead.key) == (value, key)
    assert (dead.reason, dead.origin, dead.processor) == ("invalid_record", "heard/3/7", NAME)


def test_a_message_without_key_and_value_can_still_be_sent() -> None:
    messages = end(event(None, None))
    assert (messages[0].key, messages[0].value) == (None, b"")
    assert letter(messages).value is None


def test_bad_input_is_dead_with_its_reason_and_headers() -> None:
    messages = end(event(), raising(InvalidAudio("undecodable", "no frames")))
    assert ("trace", b"1") in messages[0].headers
    assert (letter(messages).reason, letter(messages).detail) == ("undecodable", "no frames")


def test_a_bug_is_dead_and_does_not_stick() -> None:
    dead = letter(end(event(), raising(KeyError("x"))))
    assert (dead.reason, dead.detail) == ("unexpected_error", "KeyError: 'x'")


def test_a_handler_cancelled_by_others_is_dead_and_does_not_stick() -> None:
    assert letter(end(event(), raising(asyncio.CancelledError()))).reason == "unexpected_error"


def test_our_own_cancellation_is_no_dead_letter() -> None:
    publisher = Memory()
    before = ended("revoked")

    async def stuck(heard: Heard) -> list[Output]:
        await asyncio.sleep(60)
        return []

    async def run() -> None:
        task = asyncio.create_task(
            Handling(NAME, Heard, stuck, publisher, SETTINGS)(event(), lambda: True)  # type: ignore[arg-type]
        )
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert not publisher.messages
    assert ended("revoked") == before + 1


def test_what_passes_is_tried_again() -> None:
    before = metrics.RETRIES.labels(NAME)._value.get()
    messages = end(event(), raising(Transient("away"), Transient("away")))
    assert [message.topic for message in messages] == ["said", "told"]
    assert metrics.RETRIES.labels(NAME)._value.get() == before + 2


@pytest.mark.parametrize("errors", [[Transient("away")] * 3, [Fatal("model")]])
def test_what_does_not_pass_stops_the_worker(errors: list[Exception]) -> None:
    publisher = Memory()
    with pytest.raises(type(errors[0])):
        end(event(), raising(*errors), publisher)
    assert not publisher.messages


def test_a_broker_that_fails_is_never_the_inputs_fault() -> None:
    with pytest.raises(PublishFailed):
        end(event(), publisher=Memory(broken=True))
    with pytest.raises(PublishFailed):
        end(event(), raising(BadInput("bad", "bad")), Memory(broken=True))


def test_an_output_too_large_for_its_readers_is_dead() -> None:
    async def huge(heard: Heard) -> list[Output]:
        return [Output("said", Said(track_id="t1", text="x" * MAX_RECORD_BYTES))]

    dead = letter(end(event(), huge))
    assert (dead.reason, dead.value) == ("record_too_large", event().message.value)


def test_an_output_that_the_broker_finds_too_large_is_dead() -> None:
    async def large(heard: Heard) -> list[Output]:
        return [Output("said", Said(track_id="t1", text="x" * 5_000))]

    assert letter(end(event(), large, Memory(limit=2_000))).reason == "record_too_large"


@pytest.mark.parametrize(("key", "kept"), [(b"k", b"k"), (b"k" * 20_000, None)])
def test_a_dead_letter_that_the_broker_finds_too_large_sheds_its_value(
    key: bytes, kept: bytes | None
) -> None:
    messages = end(event(b"x" * 5_000, key), publisher=Memory(limit=2_000))
    dead = letter(messages)
    assert (dead.key, dead.value, dead.omitted) == (kept, None, True)
    assert (dead.reason, dead.origin) == ("invalid_record", "heard/3/7")


def test_what_is_revoked_while_it_is_handled_is_not_published() -> None:
    before = ended("revoked")
    assert end(event(), alive=lambda: False) == []
    assert end(event(), raising(BadInput("bad", "bad")), alive=lambda: False) == []
    assert end(event(), raising(Transient("away")), alive=lambda: False) == []
    assert ended("revoked") == before + 3


def test_too_many_dead_letters_stop_the_worker() -> None:
    async def run() -> None:
        handling = Handling(NAME, Heard, good, Memory(), SETTINGS)  # type: ignore[arg-type]
        for _ in range(SETTINGS.dead_letter_window):
            await handling(event(b"junk"), lambda: True)
        with pytest.raises(DeadLetterLimit):
            await handling(event(b"junk"), lambda: True)

    asyncio.run(run())

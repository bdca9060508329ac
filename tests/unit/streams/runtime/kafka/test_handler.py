"""One contract (``streams.runtime.kafka.handler``): the same cases over both adapters."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import MessageSizeTooLargeError

from detector.errors import (
    BadInput,
    Fatal,
    InvalidAudio,
    NotYet,
    OwnSideAway,
    SenderAway,
    Transient,
)
from streams.contract import dead_letters
from streams.contract.dead_letters import Message
from streams.contract.output import Outgoing, Output
from streams.contract.records import MAX_RECORD_BYTES, Record
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka import batch_consumer
from streams.runtime.kafka.batch_consumer import BatchConsumer
from streams.runtime.kafka.handler import Handled, Handler, blocking, each, message_of, read_each
from streams.runtime.kafka.handling import EventHandling, RecordTooLarge
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings

SETTINGS = Settings(
    retry_attempts=3, retry_base_s=0.001, dead_letter_window=10, dead_letter_pause_s=0.01
)
NAME = "unit"
BROKER_BYTES = 2_000_000


class Decoded(Record):
    track_id: str
    upload_id: str = "upl_1"


class Reply(Record):
    track_id: str
    text: str = ""


@dataclass
class Log:
    """What an adapter is given and what it stored; ``limit`` is the broker's, in bytes."""

    values: Sequence[bytes | None] = (b'{"track_id": "t1"}',)
    key: bytes | None = b"t1"
    headers: Sequence[tuple[str, bytes | None]] = (("trace", b"1"),)
    limit: int = BROKER_BYTES
    refused_by: str = "client"
    published: list[Outgoing] = field(default_factory=list)
    acknowledged: int = 0
    pauses: int = 0

    def deliveries(self) -> list[Any]:
        return [
            SimpleNamespace(
                topic="source",
                partition=3,
                offset=7 + index,
                key=self.key,
                value=value,
                headers=self.headers,
                timestamp=1_500,
            )
            for index, value in enumerate(self.values)
        ]

    def too_large(self, message: Outgoing) -> bool:
        headers = sum(len(name) + len(value) for name, value in message.headers)
        return len(message.key or b"") + len(message.value or b"") + headers > self.limit


class EventPublisher:
    def __init__(self, log: Log) -> None:
        self.log = log

    async def publish(self, messages: Sequence[Outgoing]) -> list[RecordTooLarge | None]:
        await asyncio.sleep(0)
        large = [self.log.too_large(message) for message in messages]
        pairs = zip(messages, large, strict=True)
        self.log.published += [message for message, refused in pairs if not refused]
        return [RecordTooLarge("the test's broker") if refused else None for refused in large]


def run_events(handler: Handler, log: Log) -> None:
    def pause(reason: str) -> None:
        log.pauses += 1

    handling = EventHandling(NAME, handler, EventPublisher(log), SETTINGS, pause)

    async def run() -> None:
        for delivery in log.deliveries():
            delivery.timestamp /= 1_000
            await handling(SimpleNamespace(message=delivery), lambda: True)
            log.acknowledged += 1

    asyncio.run(run())


class BatchBroker:
    """A consumer and a producer of kafka-python."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.position = 0
        self.stop = threading.Event()

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]:
        records = self.log.deliveries()[self.position :][:max_records]
        self.position += len(records)
        if not records:
            self.stop.set()
        return {TopicPartition("source", 3): records}

    def assignment(self) -> set[Any]:
        return {TopicPartition("source", 3)}

    def committed(self, partition: Any) -> int | None:
        return None

    def pause(self, *partitions: Any) -> None:
        self.log.pauses += 1

    def paused(self) -> set[Any]:
        return self.assignment()

    def resume(self, *partitions: Any) -> None:
        assert set(partitions) == self.assignment()

    def seek(self, partition: Any, offset: int) -> None:
        self.position = offset - 7

    def commit(self, offsets: dict[Any, Any], timeout_ms: int) -> None:
        (position,) = offsets.values()
        self.log.acknowledged = position.offset - 7

    def send(self, topic: str, *, key: Any, value: Any, headers: Any, timestamp_ms: Any) -> Any:
        message = Outgoing(topic, key, value, tuple(headers), timestamp_ms)
        if not self.log.too_large(message):
            self.log.published.append(message)
            return SimpleNamespace(get=lambda timeout: None)
        if self.log.refused_by == "client":
            raise MessageSizeTooLargeError

        def refuse(timeout: float) -> None:
            raise MessageSizeTooLargeError

        return SimpleNamespace(get=refuse)


def run_batches(handler: Handler, log: Log) -> None:
    broker = BatchBroker(log)
    health = Health(*batch_consumer.CONDITIONS)
    consumer = BatchConsumer(NAME, ["source"], SETTINGS, health, broker.stop)
    consumer._consumer = consumer._producer = broker
    consumer.run(handler, RetryPolicy(NAME, SETTINGS, health, broker.stop))


Adapter = Callable[[Handler, Log], None]


@pytest.fixture(params=[run_events, run_batches], ids=["events", "batches"])
def adapter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Adapter:
    monkeypatch.setattr(batch_consumer, "GATHER_S", 0.0)
    chosen: Adapter = request.param
    return chosen


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Adapter:
    monkeypatch.setattr(batch_consumer, "GATHER_S", 0.0)
    return run_batches


async def good(record: Decoded) -> list[Output]:
    return [Output("result", Reply(track_id=record.track_id)), Output("told", record)]


def raising(*errors: BaseException) -> Handler:
    left = list(errors)

    async def handle(record: Decoded) -> list[Output]:
        if left:
            raise left.pop(0)
        return await good(record)

    return each(NAME, Decoded, handle)


GOOD = each(NAME, Decoded, good)


def letter(log: Log) -> dead_letters.DeadLetter:
    (message,) = log.published
    assert message.topic == "source.dead"
    return dead_letters.read(message.topic, message.key, message.value, message.headers)


def ended(outcome: str) -> float:
    return float(metrics.ENDED.labels(NAME, outcome)._value.get())


def test_a_message_becomes_its_outputs_with_its_headers(adapter: Adapter) -> None:
    before = ended("emitted")
    headers = [("trace", b"1"), (dead_letters.REASON, b"of an earlier death"), ("empty", None)]
    carried = (("trace", b"1"), ("empty", b""))
    log = Log(headers=headers)
    adapter(GOOD, log)
    assert log.published == [
        Outgoing("result", b"t1", b'{"track_id":"t1","text":""}', carried),
        Outgoing("told", b"t1", b'{"track_id":"t1","upload_id":"upl_1"}', carried),
    ]
    assert log.acknowledged == 1
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
def test_what_is_no_record_becomes_a_dead_letter_with_its_exact_bytes(
    adapter: Adapter, value: bytes | None, key: bytes | None
) -> None:
    log = Log([value], key)
    adapter(GOOD, log)
    dead = letter(log)
    assert (dead.value, dead.key) == (value, key)
    assert (dead.reason, dead.origin, dead.processor) == ("invalid_record", "source/3/7", NAME)
    assert dict(log.published[0].headers)[dead_letters.ORIGIN_TIME] == b"1500"
    assert log.acknowledged == 1


def test_a_message_without_key_and_value_can_still_be_sent(adapter: Adapter) -> None:
    log = Log([None], None)
    adapter(GOOD, log)
    assert (log.published[0].key, log.published[0].value) == (None, b"")
    assert (letter(log).value, letter(log).omitted) == (None, False)


def test_bad_input_becomes_a_dead_letter_with_its_reason_and_headers(adapter: Adapter) -> None:
    log = Log()
    adapter(raising(*[InvalidAudio("undecodable", "no frames")] * 2), log)
    assert ("trace", b"1") in log.published[0].headers
    assert (letter(log).reason, letter(log).detail) == ("undecodable", "no frames")


def test_a_bug_becomes_a_dead_letter_of_the_message_that_triggers_it(adapter: Adapter) -> None:
    async def handle(record: Decoded) -> list[Output]:
        if record.track_id == "bug":
            raise KeyError("x")
        return [Output("result", Reply(track_id=record.track_id))]

    log = Log([b'{"track_id": "a"}', b'{"track_id": "bug"}', b'{"track_id": "b"}'])
    adapter(each(NAME, Decoded, handle), log)
    topics = sorted(message.topic for message in log.published)
    assert topics == ["result", "result", "source.dead"]
    (dead,) = [message for message in log.published if message.topic == "source.dead"]
    headers = dict(dead.headers)
    assert headers[dead_letters.REASON] == b"unexpected_error"
    assert headers[dead_letters.DETAIL] == b"KeyError: 'x'"
    assert headers[dead_letters.ORIGIN] == b"source/3/8"
    assert log.acknowledged == 3


def test_a_blocking_handler_may_refuse_a_whole_batch(adapter: Adapter) -> None:
    def handle(batch: Sequence[Message]) -> Handled:
        if any(message.offset == 8 for message in batch):
            raise BadInput("unstorable", "no")
        return Handled()

    log = Log([b"1", b"2", b"3"])
    adapter(blocking(NAME, handle), log)
    assert (letter(log).reason, letter(log).origin) == ("unstorable", "source/3/8")
    assert log.acknowledged == 3


def test_a_cancellation_from_within_becomes_a_dead_letter(adapter: Adapter) -> None:
    log = Log()
    adapter(raising(asyncio.CancelledError()), log)
    assert letter(log).reason == "unexpected_error"


def test_a_transient_failure_is_attempted_again(adapter: Adapter) -> None:
    before = metrics.RETRIES.labels(NAME)._value.get()
    log = Log()
    adapter(raising(Transient("away"), Transient("away")), log)
    assert [message.topic for message in log.published] == ["result", "told"]
    assert metrics.RETRIES.labels(NAME)._value.get() == before + 2
    assert log.acknowledged == 1


@pytest.mark.parametrize("errors", [[Transient("away")] * 9, [Fatal("model")]])
def test_a_lasting_failure_stops_the_process(adapter: Adapter, errors: list[Exception]) -> None:
    log = Log()
    with pytest.raises(type(errors[0])):
        adapter(raising(*errors), log)
    assert (log.published, log.acknowledged) == ([], 0)


@pytest.mark.parametrize("refused_by", ["reader", "client", "broker"])
def test_an_output_that_is_too_large_becomes_a_dead_letter(
    adapter: Adapter, refused_by: str
) -> None:
    async def large(record: Decoded) -> list[Output]:
        size = MAX_RECORD_BYTES if refused_by == "reader" else 5_000
        return [Output("result", Reply(track_id="t1", text="x" * size))]

    log = Log(limit=BROKER_BYTES if refused_by == "reader" else 2_000, refused_by=refused_by)
    adapter(each(NAME, Decoded, large), log)
    assert (letter(log).reason, letter(log).value) == ("record_too_large", log.values[0])


@pytest.mark.parametrize("refused_by", ["client", "broker"])
@pytest.mark.parametrize(("key", "carried"), [(b"k", b"k"), (b"k" * 20_000, None)])
def test_a_dead_letter_that_is_too_large_sheds_its_value_and_headers(
    adapter: Adapter, refused_by: str, key: bytes, carried: bytes | None
) -> None:
    log = Log([b"x" * 5_000], key, limit=2_000, refused_by=refused_by)
    adapter(GOOD, log)
    dead = letter(log)
    assert (dead.key, dead.value, dead.omitted) == (carried, None, True)
    assert (dead.reason, dead.origin) == ("invalid_record", "source/3/7")
    assert "trace" not in dict(log.published[0].headers)


def test_too_many_dead_letters_pause_the_process(adapter: Adapter) -> None:
    log = Log([b"junk"] * (SETTINGS.dead_letter_window + 1))
    adapter(GOOD, log)
    assert log.pauses == 1
    assert log.acknowledged == len(log.published) == SETTINGS.dead_letter_window + 1


def test_messages_are_read_one_by_one() -> None:
    values = (b"1", b"x", b"", b"4")
    batch = [message_of(delivery, 0) for delivery in Log(values).deliveries()]

    def read(message: Message) -> int:
        if not message.value:
            raise BadInput("empty", "nothing there")
        return int(message.value)

    records, refused = read_each(batch, read)
    assert [number for _, number in records] == [1, 4]
    assert [one.error.reason for one in refused] == ["unexpected_error", "empty"]


@pytest.mark.parametrize(("timestamp", "read"), [(None, 0), (-1, 0), (5, 5)])
def test_any_timestamp_is_a_time(timestamp: int | None, read: int) -> None:
    assert message_of(Log().deliveries()[0], timestamp).timestamp_ms == read


@pytest.mark.parametrize(("after_ms", "far"), [(None, False), (0, False), (10**14, True)])
def test_an_output_comes_after_what_it_follows(
    adapter: Adapter, after_ms: int | None, *, far: bool
) -> None:
    async def handle(batch: Sequence[Message]) -> Handled:
        return Handled([], [(message, Output("result", REPLY, after_ms)) for message in batch])

    log = Log()
    adapter(handle, log)
    (sent,) = log.published
    if after_ms is None:
        assert sent.timestamp_ms is None  # the client's clock
    elif far:
        assert sent.timestamp_ms == after_ms + 1
    else:
        assert abs((sent.timestamp_ms or 0) / 1_000 - time.time()) < 60


@pytest.mark.parametrize("timestamp", [4_102_444_800_000, 10**18])
def test_a_time_of_the_future_is_the_clocks(timestamp: int) -> None:
    now_ms = time.time() * 1_000
    read = message_of(Log().deliveries()[0], timestamp).timestamp_ms
    assert abs(read - now_ms) < 60_000
    soon = int(now_ms) + 60_000  # clocks differ a little
    assert message_of(Log().deliveries()[0], soon).timestamp_ms == soon


def failing_for(poison: bytes, error: type[Exception]) -> Handler:
    """Return a handler of batches that fails wherever the poison is."""

    async def handle(batch: Sequence[Message]) -> Handled:
        if any(message.value == poison for message in batch):
            raise error("it is away")
        return Handled([], [(message, Output("result", REPLY)) for message in batch])

    return handle


REPLY = Reply(track_id="t1")
POISON = b"poison"


@pytest.mark.parametrize("place", [0, 7, 20])
def test_one_message_that_fails_every_time_stops_no_other(batches: Adapter, place: int) -> None:
    values = [b"good"] * 20
    values.insert(place, POISON)
    log = Log(values=values)
    batches(failing_for(POISON, Transient), log)
    dead = [one for one in log.published if one.topic == "source.dead"]
    assert [one.value for one in dead] == [POISON]
    assert dead_letters.read("source.dead", None, b"", dead[0].headers).reason == (
        "attempts_exhausted"
    )
    assert sum(one.topic == "result" for one in log.published) == 20
    assert log.acknowledged == 21


def test_where_every_message_fails_it_is_our_side(batches: Adapter) -> None:
    log = Log(values=[POISON] * 40)
    with pytest.raises(Transient):
        batches(failing_for(POISON, Transient), log)
    assert log.published == []
    assert log.acknowledged == 0


def test_a_message_that_fails_while_our_side_is_away_is_not_to_blame(batches: Adapter) -> None:
    """The database goes away for good right after a part of the batch."""
    handled: list[Message] = []

    async def handle(batch: Sequence[Message]) -> Handled:
        if len(batch) > 1 or handled:
            raise Transient("away")
        handled.extend(batch)
        return Handled()

    log = Log(values=[b"1", b"2", b"3"])
    with pytest.raises(Transient):
        batches(handle, log)
    assert log.published == []
    assert log.acknowledged == 0


def test_what_is_late_is_awaited_without_an_end(adapter: Adapter) -> None:
    log = Log()
    adapter(raising(*(NotYet("on its way") for _ in range(9))), log)
    assert log.acknowledged == 1
    assert [one.topic for one in log.published] == ["result", "told"]


def test_a_sender_that_is_away_is_a_dead_letter_after_its_attempts() -> None:
    log = Log()
    run_events(raising(*(SenderAway("503") for _ in range(3))), log)
    assert (letter(log).reason, letter(log).detail) == ("unreachable", "503")
    assert log.acknowledged == 1


def test_outputs_that_cannot_be_encoded_are_a_dead_letter(adapter: Adapter) -> None:
    async def surrogate(record: Decoded) -> list[Output]:
        return [Output("result", Reply(track_id="t1", text="\ud800"))]

    log = Log()
    adapter(each(NAME, Decoded, surrogate), log)
    assert letter(log).reason == "unexpected_error"
    assert log.acknowledged == 1


def test_a_bug_in_outputs_that_are_generated_while_they_are_sent(batches: Adapter) -> None:
    async def handle(batch: Sequence[Message]) -> Handled:
        def outputs() -> Iterator[tuple[Message, Output]]:
            for message in batch:
                if message.value == POISON:
                    raise KeyError("T-1")
                yield message, Output("result", REPLY)

        return Handled([], outputs())

    log = Log(values=[b"1", POISON, b"3"])
    batches(handle, log)
    assert {one.value for one in log.published if one.topic == "source.dead"} == {POISON}
    assert log.acknowledged == 3


def test_an_outage_of_the_store_is_no_fault_of_a_message_that_needs_it(adapter: Adapter) -> None:
    """The others need no store, and end well: the soak buried fourteen uploads so."""
    log = Log(values=[POISON] + [b"good"] * 200)
    with pytest.raises(OwnSideAway):
        adapter(failing_for(POISON, OwnSideAway), log)
    assert [one for one in log.published if one.topic == "source.dead"] == []


def test_what_is_late_after_an_outage_stops_no_process(batches: Adapter) -> None:
    outage = [Transient("away")] * SETTINGS.retry_attempts
    log = Log()
    batches(raising(*outage, *(NotYet("on its way") for _ in range(9))), log)
    assert log.acknowledged == 1
    assert [one.topic for one in log.published] == ["result", "told"]

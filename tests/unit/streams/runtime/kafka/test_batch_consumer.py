"""The batch loop with a consumer and a producer of the tests' own."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import CommitFailedError, KafkaTimeoutError

from detector.errors import BadInput, Fatal, Transient
from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.output import Output
from streams.contract.records import DecisionApplied
from streams.runtime.health import Health
from streams.runtime.kafka import batch_consumer
from streams.runtime.kafka.batch_consumer import BatchConsumer
from streams.runtime.kafka.handler import Handled, Refused, blocking
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings

PARTITION = TopicPartition(topics.DECIDED, 0)
APPLIED = Output(
    topics.DECISIONS_APPLIED,
    DecisionApplied(decision_id="dec_1", upload_id="u", track_id="T", result="applied"),
)


class Found:
    """What kafka-python calls a record."""

    def __init__(self, offset: int, **changes: Any) -> None:
        self.topic, self.partition, self.offset = topics.DECIDED, 0, offset
        self.key: bytes | None = b"T"
        self.value: bytes | None = b"v"
        self.headers: list[tuple[str, bytes | None]] = []
        self.timestamp = 1_000
        self.__dict__.update(changes)


class Broker:
    """A log of one partition, its consumer and its producer; everything in one order."""

    def __init__(self, *log: Found) -> None:
        self.log = list(log)
        self.position = 0
        self.committed_offset: int | None = None
        self.log_start = 0
        self.events: list[tuple[Any, ...]] = []
        self.fail: dict[str, list[Exception]] = {"commit": [], "send": [], "ack": []}
        self.stop = threading.Event()

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Found]]:
        result = self.log[self.position : self.position + max_records]
        if not result:
            self.stop.set()
            return {}
        self.position += len(result)
        return {PARTITION: result}

    def assignment(self) -> set[Any]:
        return {PARTITION}

    def beginning_offsets(self, partitions: Any) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.log_start)

    def committed(self, partition: Any) -> int | None:
        return self.committed_offset

    def seek(self, partition: Any, offset: int) -> None:
        self.position = offset
        self.events.append(("seek", offset))

    def commit(self, offsets: dict[Any, Any], timeout_ms: int) -> None:
        assert 0 < timeout_ms < 120_000, "without a limit it would try for ever"
        self._fail("commit")
        self.events.append(("commit", {key.partition: at.offset for key, at in offsets.items()}))

    def send(self, topic: str, **sent: Any) -> "Broker":
        self._fail("send")
        self.events.append(("send", topic, sent))
        return self

    def get(self, timeout: float) -> None:
        self._fail("ack")
        self.events.append(("ack",))

    def _fail(self, what: str) -> None:
        if self.fail[what]:
            raise self.fail[what].pop(0)

    def done(self, kind: str) -> list[Any]:
        return [event[1:] for event in self.events if event[0] == kind]


Run = Callable[..., Broker]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the loop until the log is read; what it raises is raised."""
    monkeypatch.setattr(batch_consumer, "GATHER_S", 0.0)

    def run_it(broker: Broker, handler: Callable[[Sequence[Message]], Handled]) -> Broker:
        quick = Settings(retry_base_s=0.001, retry_attempts=3)
        health = Health(*batch_consumer.CONDITIONS)
        consumer = BatchConsumer("test", [topics.DECIDED], quick, health, broker.stop)
        consumer._consumer = consumer._producer = broker
        retry = RetryPolicy("test", quick, health, broker.stop)
        consumer.run(blocking("test", handler), retry)
        return broker

    return run_it


def offsets(batch: Sequence[Message]) -> list[int]:
    return [message.offset for message in batch]


class Dripping(Broker):
    """Each record comes alone, a moment after the one before."""

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Found]]:
        time.sleep(min(timeout_ms, 10) / 1_000)
        return super().poll(timeout_ms, 1)


def test_what_comes_one_by_one_is_gathered_but_the_first_waits_for_nobody(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_consumer, "GATHER_S", 0.2)
    batches: list[list[int]] = []

    def handler(batch: Sequence[Message]) -> Handled:
        batches.append(offsets(batch))
        return Handled()

    broker = run(Dripping(*(Found(n) for n in range(6))), handler)
    assert batches == [[0], [1, 2, 3, 4, 5]]
    assert broker.done("commit") == [({0: 1},), ({0: 6},)]


def test_offsets_are_committed_after_the_batch_is_handled(run: Run) -> None:
    broker = Broker(*(Found(n) for n in range(3)))

    def handler(batch: Sequence[Message]) -> Handled:
        broker.events.append(("handled", offsets(batch)))
        return Handled()

    run(broker, handler)
    assert broker.events == [("handled", [0, 1, 2]), ("commit", {0: 3})]


def test_answers_and_dead_letters_are_acknowledged_before_the_commit(run: Run) -> None:
    broker = Broker(Found(0, headers=[("trace", b"1"), ("empty", None)]), Found(1))

    def handler(batch: Sequence[Message]) -> Handled:
        refused = Refused(batch[1], BadInput("invalid_record", "why"))
        return Handled([refused], [(batch[0], APPLIED)])

    run(broker, handler)
    assert [event[0] for event in broker.events] == ["send", "ack", "send", "ack", "commit"]
    (first, answer), (second, letter) = broker.done("send")
    assert (first, second) == (topics.DECISIONS_APPLIED, topics.dead(topics.DECIDED))
    assert answer["key"] == b"T"
    assert answer["value"] == APPLIED.record.to_bytes()
    assert answer["headers"] == [("trace", b"1"), ("empty", b"")]
    assert (letter["key"], letter["value"]) == (b"T", b"v")
    outcome = dict(letter["headers"])
    assert outcome[dead_letters.REASON] == b"invalid_record"
    assert outcome[dead_letters.ORIGIN] == b"tracks.decided/0/1"
    assert broker.done("commit") == [({0: 2},)]


class Pausing(Broker):
    """Between two polls all partitions are assigned anew; then none is paused."""

    def __init__(self, health: Health, *log: Found) -> None:
        super().__init__(*log)
        self.health = health

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Found]]:
        time.sleep(0.01)
        return super().poll(timeout_ms, 11)

    def pause(self, *partitions: Any) -> None:
        self.events.append(("pause", self.health.missing))

    def paused(self) -> set[Any]:
        return set()

    def resume(self, *partitions: Any) -> None:
        self.events.append(("resume", self.health.missing))


def test_a_pause_shows_its_reason_reads_nothing_and_ends_by_itself() -> None:
    settings = Settings(dead_letter_window=10, dead_letter_pause_s=0.1)
    health = Health()
    broker = Pausing(health, *(Found(n) for n in range(12)))
    seen: list[list[int]] = []

    def handler(batch: Sequence[Message]) -> Handled:
        seen.append(offsets(batch))
        error = BadInput("unexpected_error", "a bad deploy")
        return Handled([Refused(message, error) for message in batch if message.offset < 11])

    consumer = BatchConsumer("test", [topics.DECIDED], settings, health, broker.stop)
    consumer._consumer = consumer._producer = broker
    consumer.run(blocking("test", handler), RetryPolicy("test", settings, health, broker.stop))
    assert seen == [list(range(11)), [11]], "what a poll of the pause returns is read after it"
    assert len(broker.done("pause")) > 1
    assert all(missing == ["dead_letters_within_limit"] for (missing,) in broker.done("pause"))
    assert broker.done("resume") == [([],)]


def test_a_passing_failure_goes_back_to_the_start_of_the_batch(run: Run) -> None:
    broker = Broker(*(Found(n) for n in range(3)))
    seen: list[list[int]] = []

    def handler(batch: Sequence[Message]) -> Handled:
        seen.append(offsets(batch))
        if len(seen) < 3:
            raise Transient("locked")
        return Handled()

    run(broker, handler)
    assert seen == [[0, 1, 2]] * 3
    assert broker.events == [("seek", 0), ("seek", 0), ("commit", {0: 3})]


def test_a_failure_that_does_not_pass_stops(run: Run) -> None:
    broker = Broker(Found(0))
    tries: list[int] = []

    def handler(batch: Sequence[Message]) -> Handled:
        tries.append(1)
        raise Transient("stopped")

    with pytest.raises(Transient, match="stopped"):
        run(broker, handler)
    assert len(tries) == 4, "three attempts, and one to find the message that is to blame"
    assert broker.done("commit") == []


@pytest.mark.parametrize("what", ["send", "ack", "commit"])
def test_a_broker_in_trouble_means_again(run: Run, what: str) -> None:
    broker = Broker(Found(0))
    broker.fail[what] = [KafkaTimeoutError("away")]
    run(broker, lambda batch: Handled((), [(batch[0], APPLIED)]))
    assert broker.done("seek") == [(0,)]
    assert broker.done("commit") == [({0: 1},)]


def test_partitions_that_have_moved_are_others_to_commit(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(Found(0))
    broker.fail["commit"] = [CommitFailedError()]
    monkeypatch.setattr(broker, "assignment", set)
    run(broker, lambda batch: Handled())
    assert broker.events == []


def test_a_partition_that_stays_ours_through_a_rebalance_is_committed_all_the_same(
    run: Run,
) -> None:
    """It keeps its position, and nothing may follow that would be committed."""
    broker = Broker(Found(0))
    broker.fail["commit"] = [CommitFailedError()]
    run(broker, lambda batch: Handled())
    assert broker.events == [("seek", 0), ("commit", {0: 1})]


def test_a_fatal_error_stops_at_once(run: Run) -> None:
    def handler(batch: Sequence[Message]) -> Handled:
        raise Fatal("ours")

    broker = Broker(Found(0))
    with pytest.raises(Fatal):
        run(broker, handler)
    assert broker.events == []

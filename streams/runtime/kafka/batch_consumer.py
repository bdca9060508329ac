"""The batch adapter: kafka-python polls, a handler gets batches (contract: ``handler``).

    poll -> handle (one transaction) -> publish, awaited -> commit offsets -> poll ...

Where a step fails for a transient reason, the consumer goes back to the start of the batch and
polls it again after a pause.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, Final

import structlog
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    MessageSizeTooLargeError,
    RebalanceInProgressError,
    RecordListTooLargeError,
    UnknownMemberIdError,
)

from detector.errors import EarmarkError, Fatal, NotYet
from streams.contract.dead_letters import Message
from streams.contract.output import Outgoing
from streams.runtime import logs, metrics, tracing
from streams.runtime.health import Health, serve
from streams.runtime.kafka.acks import note_expired
from streams.runtime.kafka.clients import POLL_BYTES, open_consumer, open_producer, poll
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.fetch_wait import FetchWait
from streams.runtime.kafka.handler import Handler
from streams.runtime.kafka.handling import NOT_OF_A_MESSAGE, Handling, RecordTooLarge, paused
from streams.runtime.kafka.stalls import Stalls
from streams.runtime.patches.kafka_python import slow_idle_poll
from streams.runtime.processes import end_within, listens
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings

log = structlog.get_logger()

CONDITIONS: Final = ("ledger_open", "broker_reachable", "topics_exist", "partitions_assigned")
POLL_MS: Final = 500
BATCH: Final = 500
GATHER_S: Final = 0.2
"""Time in which one transaction gathers messages, if one came within the last ``BUSY_S``. The
records of one track are on seven topics, and each alone would cost a write to the disk."""
BUSY_S: Final = 1.0
PROBE_S: Final = 5.0
CLOSE_S: Final = 5.0  # for leaving the group; the broker may be away
GRACE_S: Final = 25.0  # from a signal on; then the process ends at once
MOVED: Final = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)

Opening = Callable[[Settings], AbstractContextManager[Handler]]
End = Callable[[Sequence[Message], tracing.Many], Coroutine[Any, Any, int]]


def consume(name: str, sources: Sequence[str], settings: Settings, opening: Opening) -> int:
    """Run one process until SIGTERM, SIGINT or a failure; return its exit code.

    0 after a signal (the batch at hand is finished and committed); 1 after a failure, and
    the supervisor is expected to start it again.

    ``name`` is that of the process in metrics and logs, and of its consumer group. ``opening``
    opens what the handler needs; it is attempted until it succeeds.
    """
    logs.configure(settings.log_level, processor=name)
    tracing.configure(settings, name)
    stop = threading.Event()

    def stopped(*_: object) -> None:
        if not stop.is_set():
            stop.set()
            end_within(GRACE_S)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    health = Health(*CONDITIONS)
    metrics.begin(name)
    port = serve(health, settings.metrics_host, settings.metrics_port)
    log.info("processor_started", brokers=settings.brokers, port=port)
    try:
        with ExitStack() as stack:
            retry = RetryPolicy(name, settings, health, stop)
            handler = retry.call_until_stopped(
                "ledger_open", lambda: stack.enter_context(opening(settings))
            )
            consumer = BatchConsumer(name, sources, settings, health, stop)
            stack.callback(consumer.close)
            if handler is not None and retry.call_until_stopped("topics_exist", consumer.open):
                consumer.run(handler, retry)
    except EarmarkError as error:
        log.error("processor_failed", error=str(error))
        return 1
    except Exception:
        log.exception("processor_failed")
        return 1
    log.info("processor_stopped")
    return 0


class BatchConsumer:
    """A member of a consumer group that handles what it polls, batch by batch."""

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        settings: Settings,
        health: Health,
        stop: threading.Event,
    ) -> None:
        self._name, self._sources, self._settings = name, sources, settings
        self._health, self._stop = health, stop
        self._consumer: Any = None  # kafka-python has no types
        self._producer: Any = None
        self._probed = time.monotonic()
        self._stalls: Stalls | None = None
        self._expected: dict[TopicPartition, int] = {}  # offset to read next, of those at hand
        self._busy = 0.0  # when the last batch began
        self._wait = FetchWait(settings.fetch_max_wait_ms, self._set_wait)

    def open(self) -> bool:
        """Connect, and check that all topics exist; return True.

        Raises:
            BrokerAway: not yet.
        """
        if self._producer is None:
            self._producer = open_producer(self._settings, self._name)
        if self._consumer is None:
            self._consumer = open_consumer(self._settings, self._name, self._sources)
            slow_idle_poll(self._consumer)
            group = f"{self._settings.group_prefix}.{self._name}"
            self._stalls = Stalls(self._settings, self._consumer, group, self._sources)
        missing = sorted(set(self._sources) - self._consumer.topics())
        self._health.set("broker_reachable", True)
        if missing:
            raise BrokerAway(f"these topics do not exist yet: {', '.join(missing)}")
        return True

    def close(self) -> None:
        """Leave the group and disconnect."""
        with suppress(KafkaError):
            if self._producer is not None:
                self._producer.close(timeout=CLOSE_S)
        with suppress(KafkaError):
            if self._consumer is not None:
                self._consumer.close(autocommit=False, timeout_ms=int(CLOSE_S * 1000))

    def run(self, handler: Handler, retry: RetryPolicy) -> None:
        """Consume until stopped.

        Raises:
            Transient: a batch failed too often.
        """
        handling = Handling(self._name, handler, self, self._settings)
        with asyncio.Runner() as runner:
            while not self._stop.is_set():
                excess: str | None = None
                try:
                    excess = retry.call(lambda: self._consume(handling, runner, handling.end))
                except NOT_OF_A_MESSAGE:
                    raise
                except Exception as error:  # noqa: BLE001 - of one message, or raised anew
                    log.warning("batch_isolated", error=repr(error))
                    with suppress(NotYet):  # then it is attempted again, as long as it takes
                        excess = self._consume(handling, runner, handling.isolate)
                if excess is not None:
                    self._pause(excess)

    def _pause(self, reason: str) -> None:
        """Read nothing for ``dead_letter_pause_s``, as a member that keeps its partitions."""
        until = time.monotonic() + self._settings.dead_letter_pause_s
        with paused(self._name, self._health, reason):
            while time.monotonic() < until and not self._stop.is_set():
                self._health.beat()
                self._consumer.pause(*self._consumer.assignment())
                self._rewind(poll(self._consumer, POLL_MS, BATCH))  # of one assigned just now
                self._probe(answered=False)
        self._consumer.resume(*self._consumer.paused())
        if self._stalls is not None:
            self._stalls.forget()

    def _consume(self, handling: Handling, runner: asyncio.Runner, end: End) -> str | None:
        """End one batch, or go back to its start; return why the process must pause."""
        batch: list[Message] = []
        while not batch:
            if self._stop.is_set():
                return None
            batch = self._poll()
        try:
            return self._end(batch, handling, runner, end)
        except Fatal:
            raise
        except Exception:
            self._rewind(batch)
            raise

    def _poll(self) -> list[Message]:
        self._health.beat()
        batch = poll(self._consumer, POLL_MS, BATCH)
        now = time.monotonic()
        if batch and now - self._busy < BUSY_S:
            until = now + GATHER_S
            while (
                len(batch) < BATCH
                and sum(len(one.value or b"") for one in batch) < POLL_BYTES
                and (left := until - time.monotonic()) > 0
            ):
                batch += poll(self._consumer, int(left * 1_000), BATCH - len(batch))
        self._note_expired(batch)
        if batch:
            self._busy = now
            self._wait.busy()
        else:
            self._wait.update()
        self._health.set("partitions_assigned", bool(self._consumer.assignment()))
        self._probe(answered=bool(batch))
        if not batch and self._stalls is not None and (stalled := self._stalls.partitions()):
            log.warning("group_stalled", partitions=[f"{p.topic}/{p.partition}" for p in stalled])
            metrics.GROUP_STALLS.labels(self._name).inc()
            self._stalls.renew()
        return batch

    def _note_expired(self, batch: Sequence[Message]) -> None:
        """Count what was deleted unread: the client goes on at the log's beginning, silently."""
        assigned = self._consumer.assignment()
        self._expected = {one: at for one, at in self._expected.items() if one in assigned}
        for partition, first in _first_offsets(batch).items():
            try:
                expected = self._expected.get(partition)
                if expected is None:
                    expected = self._consumer.committed(partition)
                if expected is not None and first > expected:
                    begin = self._consumer.beginning_offsets([partition])[partition]
                    note_expired(self._name, partition, expected, min(begin, first))
            except KafkaError as error:  # the count is not worth the batch
                log.warning("expiry_not_checked", error=repr(error))
        for message in batch:
            partition = TopicPartition(message.topic, message.partition)
            self._expected[partition] = message.offset + 1

    def _set_wait(self, wait_ms: int) -> None:
        self._consumer._fetcher.config["fetch_max_wait_ms"] = wait_ms  # read for each fetch

    def _end(
        self, batch: Sequence[Message], handling: Handling, runner: asyncio.Runner, end: End
    ) -> str | None:
        metrics.RECEIVED.labels(self._name).inc(len(batch))
        with tracing.received(f"{self._name} batch", batch) as spans:
            dead = runner.run(end(batch, spans))
            self._commit(batch)
        return handling.count(batch, dead)

    async def publish(self, messages: Sequence[Outgoing]) -> list[RecordTooLarge | None]:
        """See ``handling.Publisher``. Blocks: the process has nothing else to do.

        Raises:
            BrokerAway: not acknowledged; the batch can be attempted again.
        """
        with metrics.STAGE_SECONDS.labels(self._name, "publish").time():
            deadline = time.monotonic() + 2 * self._settings.request_timeout_s
            sent = [_unless_too_large(self._send, message) for message in messages]
            results = [
                future
                if isinstance(future, RecordTooLarge)
                else _unless_too_large(future.get, timeout=max(0.001, deadline - time.monotonic()))
                for future in sent
            ]
        self._health.beat()
        return [result if isinstance(result, RecordTooLarge) else None for result in results]

    def _send(self, message: Outgoing) -> Any:
        return self._producer.send(
            message.topic,
            key=message.key,
            value=message.value,
            headers=list(message.headers),
            timestamp_ms=message.timestamp_ms,
        )

    def _commit(self, batch: Sequence[Message]) -> None:
        """Commit; where a rebalance prevents it, the owner after it handles the batch again."""
        offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        for message in batch:  # offsets of a partition rise within a batch
            partition = TopicPartition(message.topic, message.partition)
            offsets[partition] = OffsetAndMetadata(message.offset + 1, "", -1)
        try:
            # Without a limit it would try for ever, whatever the signals.
            self._consumer.commit(offsets, int(self._settings.request_timeout_s * 1000))
        except MOVED as error:
            log.info("commit_skipped", error=repr(error))
            self._rewind(
                batch
            )  # a partition that stays ours keeps its position: nothing may follow
        except KafkaError as error:
            raise BrokerAway(f"offsets not committed: {error!r}") from error

    def _rewind(self, batch: Sequence[Message]) -> None:
        """Make the next poll return this batch again, as far as its partitions are ours."""
        first = _first_offsets(batch)
        for partition in self._consumer.assignment() & first.keys():
            self._consumer.seek(partition, first[partition])

    def _probe(self, *, answered: bool) -> None:
        """Check now and then whether a broker answers: an empty poll does not show it."""
        now = time.monotonic()
        if answered or now - self._probed > PROBE_S:
            reachable = answered or any(map(listens, self._settings.brokers.split(",")))
            self._health.set("broker_reachable", reachable)
            self._probed = now


def _first_offsets(batch: Sequence[Message]) -> dict[TopicPartition, int]:
    first: dict[TopicPartition, int] = {}
    for message in batch:
        first.setdefault(TopicPartition(message.topic, message.partition), message.offset)
    return first


def _unless_too_large(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what a call of the producer returns, or why the record is too large."""
    try:
        return call(*args, **options)
    except TOO_LARGE as error:
        return RecordTooLarge(f"the broker refuses the record: {error}")
    except KafkaError as error:
        raise BrokerAway(f"no acknowledgement: {error!r}") from error

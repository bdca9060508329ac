"""Consuming in batches: the loop under the ledger and the catalogue.

    poll -> handle (one transaction) -> publish, awaited -> commit offsets -> poll ...

Faust's stream processors work on single events side by side; a projection into a
database is cheaper by the batch and needs no more than this. The promise is the same: a
message counts as done once what it ended as is stored. After a crash, the messages since
the last commit come again, so handlers are idempotent.

    BadInput            that message becomes a dead letter, the rest of the batch goes on
    Transient           back to the start of the batch, with growing pauses; then the
                        process stops
    anything else       the process stops
"""

import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import chain
from typing import Any, Final

import structlog
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    MessageSizeTooLargeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from detector.errors import BadInput, EarmarkError, Transient
from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.runtime import logs, metrics, tracing
from streams.runtime.health import Health, serve
from streams.runtime.kafka.batches import Answer, Handled, Handler, Opening, Refused, message_of
from streams.runtime.kafka.clients import kafka_client_settings, open_consumer, open_producer
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.fetch_wait import FetchWait
from streams.runtime.patches.kafka_python import without_hurry
from streams.runtime.processes import end_within
from streams.runtime.retry import Patience
from streams.runtime.settings import Settings

__all__ = ["BatchConsumer", "consume", "kafka_client_settings"]

log = structlog.get_logger()

CONDITIONS: Final = ("ledger_open", "broker_reachable", "topics_exist", "partitions_assigned")
POLL_MS: Final = 500
BATCH: Final = 500
GATHER_S: Final = 0.2
"""Where something came a moment ago, more is coming: so long one transaction gathers it. The
records of one track are on seven topics, and each alone would cost a write to the disk."""
BUSY_S: Final = 1.0
AT_ONCE: Final = 5_000  # answers on their way
PROBE_S: Final = 5.0
CLOSE_S: Final = 5.0  # for the good-bye to a broker that may not hear it
GRACE_S: Final = 25.0  # from a signal on; then the process ends without ceremony
MOVED: Final = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


def consume(name: str, sources: Sequence[str], settings: Settings, opening: Opening) -> int:
    """Run one process until SIGTERM, SIGINT or a failure; return its exit code.

    0 after a signal (the batch at hand is finished and committed); 1 after a failure, and
    the supervisor is expected to start it again.

    Args:
        name: what metrics, logs and the consumer group call it.
        sources: the topics.
        settings: all settings.
        opening: opens what the handler needs; tried until it opens.
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
            patience = Patience(name, settings, health, stop)
            handler = patience.awaited(
                "ledger_open", lambda: stack.enter_context(opening(settings))
            )
            consumer = BatchConsumer(name, sources, settings, health, stop)
            stack.callback(consumer.close)
            if handler is not None and patience.awaited("topics_exist", consumer.open):
                consumer.run(handler, patience)
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
        self._limit = dead_letters.Limit(settings.dead_letter_share, settings.dead_letter_window)
        self._consumer: Any = None  # kafka-python has no types
        self._producer: Any = None
        self._probed = time.monotonic()
        self._busy = 0.0  # when the last batch began
        self._wait = FetchWait(settings.fetch_max_wait_ms, self._set_wait)

    def open(self) -> bool:
        """Connect, and see that all topics are there.

        Raises:
            BrokerAway: not yet.
        """
        if self._producer is None:
            self._producer = open_producer(self._settings, self._name)
        if self._consumer is None:
            self._consumer = open_consumer(self._settings, self._name, self._sources)
            without_hurry(self._consumer)
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

    def run(self, handler: Handler, patience: Patience) -> None:
        """Consume until told to stop.

        Raises:
            Transient: a batch failed too often.
            DeadLetterLimit: too many messages are refused.
        """
        tries = 0
        while not self._stop.is_set():
            batch = self._poll()
            if not batch:
                continue
            try:
                self._end(batch, handler)
                tries = 0
            except Transient as error:
                tries += 1
                if tries >= self._settings.retry_attempts:
                    raise
                self._rewind(batch)
                patience.pause(tries, error)

    def _poll(self) -> list[Message]:
        self._health.beat()
        found = self._found(POLL_MS, BATCH)
        now = time.monotonic()
        if found and now - self._busy < BUSY_S:
            until = now + GATHER_S
            while len(found) < BATCH and (left := until - time.monotonic()) > 0:
                found += self._found(int(left * 1_000), BATCH - len(found))
        if found:
            self._busy = now
        self._health.set("partitions_assigned", bool(self._consumer.assignment()))
        self._probe(answered=bool(found))
        if found:
            self._wait.busy()
        else:
            self._wait.look()
        return found

    def _found(self, timeout_ms: int, most: int) -> list[Message]:
        polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=most)
        return [message_of(found) for records in polled.values() for found in records]

    def _set_wait(self, wait_ms: int) -> None:
        self._consumer._fetcher.config["fetch_max_wait_ms"] = wait_ms  # read for each fetch

    def _end(self, batch: Sequence[Message], handler: Handler) -> None:
        metrics.RECEIVED.labels(self._name).inc(len(batch))
        traced = (tracing.Traced(one.origin, one.headers, one.traced) for one in batch)
        with tracing.many(f"{self._name} batch", "consumer", traced) as spans:
            with metrics.STAGE_SECONDS.labels(self._name, "project").time():
                handled = _handle(batch, handler)
            if handled.answers or handled.refused:
                with metrics.STAGE_SECONDS.labels(self._name, "publish").time():
                    self._publish(handled, spans)
            self._commit(batch)
        for refused in handled.refused:
            metrics.DEAD_LETTERS.labels(self._name, refused.error.reason).inc()
        dead = len(handled.refused)
        metrics.ENDED.labels(self._name, "dead_letter").inc(dead)
        metrics.ENDED.labels(self._name, "emitted").inc(len(batch) - dead)
        for index in range(len(batch)):
            self._limit.count(dead=index < dead)

    def _publish(self, handled: Handled, spans: tracing.Many) -> None:
        """Send everything and wait until the broker has it."""
        try:
            sent: list[Any] = []
            for answer in handled.answers:
                with spans.within(answer.to.origin):
                    sent.append(self._send_answer(answer))
                if len(sent) == AT_ONCE:
                    self._await(sent)
                    sent = []
            for refused in handled.refused:
                with spans.within(refused.message.origin):
                    tracing.failed(refused.error.reason)
                    sent.append(self._bury(refused))
            self._await(sent)
        except KafkaError as error:
            raise BrokerAway(f"no acknowledgement: {error!r}") from error

    def _await(self, sent: Sequence[Any]) -> None:
        deadline = time.monotonic() + 2 * self._settings.request_timeout_s
        for future in sent:
            future.get(timeout=max(0.001, deadline - time.monotonic()))
        self._health.beat()

    def _send_answer(self, answer: Answer) -> Any:
        return self._producer.send(
            answer.topic,
            key=answer.record.key.encode(),
            value=answer.record.to_bytes(),
            headers=list(tracing.carried(dead_letters.headers_of_life(answer.to))),
        )

    def _bury(self, refused: Refused) -> Any:
        message, error = refused.message, refused.error
        log.warning(
            "dead_letter_sent", origin=message.origin, reason=error.reason, detail=error.detail
        )
        topic = topics.dead(message.topic)
        headers = dead_letters.headers_for(message, self._name, error)
        value = message.value
        if value is None and message.key is None:
            value, headers = b"", [*headers, (dead_letters.VALUE, b"null")]
        with suppress(MessageSizeTooLargeError):
            return self._producer.send(topic, key=message.key, value=value, headers=headers)
        headers = dead_letters.headers_for(replace(message, headers=()), self._name, error)
        headers.append((dead_letters.VALUE, b"omitted"))
        return self._producer.send(topic, value=b"", headers=headers)

    def _commit(self, batch: Sequence[Message]) -> None:
        """Commit what is behind us; where the partitions have moved, others repeat it."""
        offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        for message in batch:  # offsets of a partition rise within a batch
            partition = TopicPartition(message.topic, message.partition)
            offsets[partition] = OffsetAndMetadata(message.offset + 1, "", -1)
        try:
            # Without a limit it would try for ever, deaf to signals.
            self._consumer.commit(offsets, int(self._settings.request_timeout_s * 1000))
        except MOVED as error:
            log.info("commit_skipped", error=repr(error))
        except KafkaError as error:
            raise BrokerAway(f"offsets not committed: {error!r}") from error

    def _rewind(self, batch: Sequence[Message]) -> None:
        """Make the next poll give this batch again, as far as it is still ours."""
        first: dict[TopicPartition, int] = {}
        for message in batch:
            first.setdefault(TopicPartition(message.topic, message.partition), message.offset)
        for partition in self._consumer.assignment() & first.keys():
            self._consumer.seek(partition, first[partition])

    def _probe(self, *, answered: bool) -> None:
        """See now and then whether a broker is there: an empty poll does not tell."""
        now = time.monotonic()
        if answered:
            self._health.set("broker_reachable", True)
        elif now - self._probed > PROBE_S:
            self._health.set("broker_reachable", _reachable(self._settings))
        else:
            return
        self._probed = now


def _handle(batch: Sequence[Message], handler: Handler) -> Handled:
    """Handle a batch; where it is refused as a whole, find the message that is to blame."""
    try:
        return handler(batch)
    except BadInput as error:
        if len(batch) == 1:
            return Handled([Refused(batch[0], error)])
    parts = [_handle([message], handler) for message in batch]
    return Handled(
        [refused for part in parts for refused in part.refused],
        chain.from_iterable(part.answers for part in parts),
    )


def _reachable(settings: Settings) -> bool:
    for server in settings.brokers.split(","):
        host, _, port = server.strip().rpartition(":")
        with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return True
    return False

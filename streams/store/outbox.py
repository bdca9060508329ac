"""The transactional outbox: events are stored with their cause and published later.

``publish`` and ``put`` write in the caller's transaction. A relay publishes the rows in order and
marks them sent once the broker has acknowledged them. A crash in between repeats an event, which
every consumer tolerates. No event is lost, and none of a rolled-back transaction is published.
"""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from sqlalchemy import Connection, delete, func, insert, select, update

from detector.errors import EarmarkError
from streams.contract.dead_letters import Message
from streams.contract.records import Record
from streams.runtime import metrics, tracing
from streams.runtime.kafka.clients import open_producer
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.settings import Settings
from streams.store import task_states, webhooks
from streams.store.account_tables import OUTBOX
from streams.store.database import Ledger
from streams.store.projections import rows_of

log = structlog.get_logger()

LOCK: Final = 0x6561726D6F7574  # PostgreSQL: one relay at a time
BATCH: Final = 200
LOOK_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0
UNSENT: Final = OUTBOX.c.sent_at.is_(None)
KEPT: Final = timedelta(days=7)  # rows that were sent; the topic keeps the event


def publish(connection: Connection, topic: str, record: Record) -> bool:
    """Store a record's rows and publish it, in the caller's transaction.

    When the record returns on its topic, the ledger has its rows already.

    Returns:
        False where its id was stored before: then nothing is published.
    """
    now_ms = int(datetime.now(UTC).timestamp() * 1_000)
    message = Message(topic, 0, 0, record.key.encode(), record.to_bytes(), (), now_ms)
    rows = rows_of(message)
    if not sum(Ledger.add(connection, rows).values()):
        return False
    task_states.follow(connection, rows)
    webhooks.enqueue(connection, [message])
    put(connection, topic, record)
    return True


def put(connection: Connection, topic: str, record: Record) -> None:
    """Publish a record when the caller's transaction commits."""
    headers = dict(tracing.carried(()))
    row = {
        "traceparent": headers[tracing.TRACEPARENT].decode() if headers else None,
        "topic": topic,
        "key": record.key,
        "value": record.to_bytes(),
        "created_at": datetime.now(UTC),
    }
    connection.execute(insert(OUTBOX).values(row))


class Relay(threading.Thread):
    """Publishes unsent rows in a thread of its own until stopped."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        super().__init__(name="outbox", daemon=True)
        self._ledger, self._settings = ledger, settings
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._producer: Any = None  # kafka-python has no types

    def wake(self) -> None:
        """Look for unsent rows now."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the current batch and stop."""
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(10)
        if self._producer is not None:
            self._producer.close(timeout=2)

    def run(self) -> None:
        """Publish until stopped."""
        pause = LOOK_S
        while not self._stopping.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            try:
                while self.relay() == BATCH and not self._stopping.is_set():
                    pass
                pause = LOOK_S
            except EarmarkError as error:
                pause = min(LONGEST_PAUSE_S, 2 * pause)
                log.warning("outbox_waits", error=str(error), pause_s=pause)
            except Exception:
                pause = LONGEST_PAUSE_S
                log.exception("outbox_failed")

    def relay(self) -> int:
        """Publish one batch; return how many were sent.

        Raises:
            Transient: broker or database are away; unmarked rows are sent again.
        """
        with self._ledger.reading() as connection:
            waiting = connection.scalar(select(OUTBOX.c.sequence).where(UNSENT).limit(1))
            metrics.OUTBOX_OLDEST_SECONDS.set(0)
            if waiting is None:
                return 0
            if connection.dialect.name != "postgresql":
                return self._send(connection)
            if not connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
                return 0  # another process is publishing
            try:
                return self._send(connection)
            finally:
                connection.scalar(select(func.pg_advisory_unlock(LOCK)))

    def _send(self, connection: Connection) -> int:
        question = select(OUTBOX).where(UNSENT)
        rows = connection.execute(question.order_by(OUTBOX.c.sequence).limit(BATCH)).all()
        if not rows:
            return 0
        oldest = (datetime.now(UTC) - rows[0].created_at).total_seconds()
        metrics.OUTBOX_OLDEST_SECONDS.set(oldest)
        self._publish(rows)
        now = datetime.now(UTC)
        with self._ledger.transaction() as writing:
            sent = OUTBOX.c.sequence.in_([row.sequence for row in rows])
            writing.execute(update(OUTBOX).where(sent).values(sent_at=now))
            writing.execute(delete(OUTBOX).where(OUTBOX.c.sent_at < now - KEPT))
        metrics.OUTBOX_SENT.inc(len(rows))
        metrics.OUTBOX_OLDEST_SECONDS.set(0)
        return len(rows)

    def _publish(self, rows: Sequence[Any]) -> None:
        if self._producer is None:
            self._producer = open_producer(self._settings, "outbox")
        traced = ((str(row.sequence), _headers(row), {"messaging.system": "kafka"}) for row in rows)
        try:
            with tracing.many("outbox publish", "producer", traced) as spans:
                futures = [self._sent(row, spans) for row in rows]
                deadline = time.monotonic() + 2 * self._settings.request_timeout_s
                for future in futures:
                    future.get(timeout=max(0.001, deadline - time.monotonic()))
        except KafkaError as error:
            raise BrokerAway(f"the outbox was not acknowledged: {error!r}") from error

    def _sent(self, row: Any, spans: tracing.Many) -> Any:
        with spans.within(str(row.sequence)):
            return self._producer.send(
                row.topic,
                key=row.key.encode(),
                value=bytes(row.value),
                headers=list(tracing.carried(_headers(row))),
            )


def _headers(row: Any) -> tracing.Headers:
    return ((tracing.TRACEPARENT, row.traceparent.encode()),) if row.traceparent else ()

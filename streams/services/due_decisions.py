"""A thread that reopens the tracks of which a fact has begun or ended by date."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from streams.contract import topics
from streams.contract.records import Cause
from streams.contract.records.policy import TrackReopened
from streams.runtime.kafka.clients import open_producer
from streams.runtime.settings import Settings
from streams.store import reopening
from streams.store.database import Ledger

log = structlog.get_logger()

SCAN_S: Final = 15.0


@contextmanager
def due_scan(settings: Settings, ledger: Ledger, client_id: str) -> Iterator[None]:
    """Scan the ledger in the background, every ``SCAN_S``."""
    stop = threading.Event()
    arguments = (settings, ledger, client_id, stop)
    threading.Thread(target=_scan, args=arguments, name="due-scan", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _scan(settings: Settings, ledger: Ledger, client_id: str, stop: threading.Event) -> None:
    producer = None
    while not stop.wait(SCAN_S):
        try:
            due = reopening.due(ledger, datetime.now(UTC))
            if not due:
                continue
            producer = producer or open_producer(settings, client_id)
            sent = []
            for decision_id, track_id in due:
                cause = Cause(kind="expiry", id=decision_id)
                record = TrackReopened(track_id=track_id, cause=cause)
                key, value = record.key.encode(), record.to_bytes()
                sent.append(producer.send(topics.REOPENED, key=key, value=value))
            for future in sent:
                future.get(timeout=settings.request_timeout_s)
            log.info("decisions_due", tracks=len(due))
        except Exception as error:  # noqa: BLE001 - broker or ledger are away: scanned again soon
            log.warning("due_scan_failed", error=repr(error))
            if producer is not None:
                with suppress(Exception):
                    producer.close(timeout=1)
                producer = None

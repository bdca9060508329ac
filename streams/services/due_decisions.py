"""A thread that reopens the tracks of which a fact has begun or ended by date."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import structlog

from streams.contract import topics
from streams.contract.records import Cause
from streams.contract.records.policy import TrackReopened
from streams.runtime.kafka.clients import send_all
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
    while not stop.wait(SCAN_S):
        try:
            due = [
                TrackReopened(track_id=track_id, cause=Cause(kind="expiry", id=decision_id))
                for decision_id, track_id in reopening.due(ledger, datetime.now(UTC))
            ]
            if due:
                send_all(settings, client_id, topics.REOPENED, due)
                log.info("decisions_due", tracks=len(due))
        except Exception as error:  # noqa: BLE001 - broker or ledger are away: scanned again soon
            log.warning("due_scan_failed", error=repr(error))

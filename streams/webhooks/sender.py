"""Posts what is owed to webhooks, in a thread of its own.

    POST <url>
    Earmark-Delivery: whd_...           the same for every try: receivers are idempotent by it
    Earmark-Timestamp: 1795000000
    Earmark-Signature: v1=<hex>         HMAC-SHA-256 over "<timestamp>.<body>" with the secret

Any answer of 2xx within ten seconds is good. Else it is tried again after 5 s, 25 s, about
2, 10, 50 minutes and 4 hours; then it is given up until somebody replays it. Redirects are not
followed. A delivery may come twice (a crash after the answer), never silently not at all.
"""

import hashlib
import hmac
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import select, update

from detector.errors import EarmarkError
from streams import metrics
from streams.ledger import Ledger
from streams.people_tables import DELIVERIES, WEBHOOKS

log = structlog.get_logger()

LOOK_S: Final = 1.0
ANSWER_S: Final = 10.0
BATCH: Final = 20
FIRST_PAUSE_S: Final = 5
GROWTH: Final = 5
ATTEMPTS: Final = 7
CLAIM: Final = timedelta(seconds=BATCH * ANSWER_S + 30)  # then others may try


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``Earmark-Signature``."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Sender:
    """Use ``start`` and ``stop``; several processes may send side by side."""

    def __init__(self, ledger: Ledger, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._ledger, self._first_pause_s = ledger, first_pause_s
        self._stop = threading.Event()
        self._client = httpx.Client(timeout=ANSWER_S, follow_redirects=False, trust_env=False)
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery at hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                while self.send_due() == BATCH and not self._stop.is_set():
                    pass
            except EarmarkError as error:
                log.warning("webhooks_wait", error=str(error))
            except Exception:
                log.exception("webhooks_failed")

    def send_due(self) -> int:
        """Post what is due, at most a batch; return how much there was."""
        now = datetime.now(UTC)
        due = (DELIVERIES.c.state == "waiting") & (DELIVERIES.c.next_at <= now)
        question = (
            select(DELIVERIES, WEBHOOKS.c.url, WEBHOOKS.c.secret)
            .join(WEBHOOKS, WEBHOOKS.c.webhook_id == DELIVERIES.c.webhook_id)
            .where(due)
            .order_by(DELIVERIES.c.next_at)
            .limit(BATCH)
        )
        with self._ledger.reading() as connection:
            if connection.scalar(select(DELIVERIES.c.delivery_id).where(due).limit(1)) is None:
                return 0
        claimed = []
        with self._ledger.transaction() as connection:
            for row in connection.execute(question.with_for_update(of=DELIVERIES)).all():
                mine = DELIVERIES.c.delivery_id == row.delivery_id
                connection.execute(update(DELIVERIES).where(mine).values(next_at=now + CLAIM))
                claimed.append(row)
        for row in claimed:
            self._send(row)
        return len(claimed)

    def _send(self, row: Any) -> None:
        body, timestamp = row.body.encode(), str(int(datetime.now(UTC).timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Earmark",
            "Earmark-Delivery": row.delivery_id,
            "Earmark-Event": row.event,
            "Earmark-Timestamp": timestamp,
            "Earmark-Signature": signature(row.secret, timestamp, body),
        }
        status, error = None, None
        try:
            with self._client.stream("POST", row.url, content=body, headers=headers) as answer:
                status = answer.status_code  # what it says beyond that is not read
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            error = f"{type(failure).__name__}: {failure}"[:500]
        attempts = row.attempts + 1
        good = status is not None and 200 <= status < 300
        state = "delivered" if good else "waiting" if attempts < ATTEMPTS else "given_up"
        pause = timedelta(seconds=self._first_pause_s * GROWTH ** (attempts - 1))
        with self._ledger.transaction() as connection:
            mine = DELIVERIES.c.delivery_id == row.delivery_id
            connection.execute(
                update(DELIVERIES)
                .where(mine)
                .values(
                    state=state,
                    attempts=attempts,
                    next_at=datetime.now(UTC) + pause,
                    status=status,
                    error=error,
                )
            )
        metrics.WEBHOOKS.labels(state if good or state == "given_up" else "failed").inc()

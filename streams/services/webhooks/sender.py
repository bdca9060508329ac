"""Posts what is owed to webhooks, each webhook in a thread of its own.

    POST <url>
    Earmark-Delivery: whd_...           the same for every try: receivers are idempotent by it
    Earmark-Timestamp: 1795000000
    Earmark-Signature: v1=<hex>         HMAC-SHA-256 over "<timestamp>.<body>" with the secret

Any answer of 2xx within ten seconds is good. Else it is tried again after 5 s, 25 s, about
2, 10, 50 minutes and 4 hours; then it is given up until somebody replays it. A webhook that
fails rests for 5 s with all that it is owed; the others do not wait for it. Redirects are
not followed, and nothing inside is posted to but hosts that the operator names (see
``streams.media.fetch_http``). A delivery may come twice (a crash after the answer), never silently
not at all.
"""

import hashlib
import hmac
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection, func, select, update

from detector.errors import EarmarkError
from streams.media.fetch_http import Http
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.store.account_tables import DELIVERIES, WEBHOOKS
from streams.store.database import Ledger

log = structlog.get_logger()

LOOK_S: Final = 1.0
ANSWER_S: Final = 10.0
AT_ONCE: Final = 8  # webhooks
EACH: Final = 20  # deliveries of one webhook in one go
FIRST_PAUSE_S: Final = 5
GROWTH: Final = 5
ATTEMPTS: Final = 7
CLAIM: Final = timedelta(seconds=EACH * ANSWER_S + 30)  # then others may try


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``Earmark-Signature``."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Sender:
    """Use ``start`` and ``stop``; several processes may send side by side."""

    def __init__(self, ledger: Ledger, http: Http, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._ledger, self._http, self._first_pause_s = ledger, http, first_pause_s
        self._stop, self._wake = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._busy: dict[str, Future[None]] = {}  # by webhook
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    @classmethod
    def from_settings(cls, ledger: Ledger, settings: Settings) -> "Sender":
        """Return a sender that posts where the operator lets it."""
        hosts = filter(None, (one.strip().lower() for one in settings.webhook_hosts.split(",")))
        return cls(ledger, Http(ANSWER_S, hosts=frozenset(hosts)))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the deliveries at hand."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)
        wait(list(self._busy.values()), 5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.send_due()
            except EarmarkError as error:
                log.warning("webhooks_wait", error=str(error))
            except Exception:
                log.exception("webhooks_failed")
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def send_due(self) -> list[Future[None]]:
        """Begin to post what is due to webhooks that are not at work; return what is under way."""
        self._busy = {hook: work for hook, work in list(self._busy.items()) if not work.done()}
        now = datetime.now(UTC)
        due = (DELIVERIES.c.state == "waiting") & (DELIVERIES.c.next_at <= now)
        due &= DELIVERIES.c.webhook_id.not_in(list(self._busy))
        joined = WEBHOOKS.c.webhook_id == DELIVERIES.c.webhook_id
        place = func.row_number().over(
            partition_by=DELIVERIES.c.webhook_id, order_by=DELIVERIES.c.next_at
        )
        ranked = (
            select(DELIVERIES.c.delivery_id, place.label("place"))
            .join(WEBHOOKS, joined)
            .where(due, WEBHOOKS.c.active)
            .subquery()
        )
        first = select(ranked.c.delivery_id).where(ranked.c.place <= EACH)
        question = (
            select(DELIVERIES, WEBHOOKS.c.url, WEBHOOKS.c.secret)
            .join(WEBHOOKS, joined)
            .where(due, WEBHOOKS.c.active, DELIVERIES.c.delivery_id.in_(first))
            .order_by(DELIVERIES.c.next_at, DELIVERIES.c.created_at)
            .with_for_update(of=DELIVERIES, skip_locked=True)
        )
        free = AT_ONCE - len(self._busy)
        with self._ledger.reading() as connection:
            if not free or connection.scalar(first.limit(1)) is None:
                return list(self._busy.values())
        owed: dict[str, list[Any]] = {}
        with self._ledger.transaction() as connection:
            for row in connection.execute(question).all():
                if row.webhook_id in owed or len(owed) < free:
                    owed.setdefault(row.webhook_id, []).append(row)
            for rows in owed.values():
                _put_off(connection, rows, now + CLAIM)
        for webhook_id, rows in owed.items():
            work = self._pool.submit(self._send_all, rows)
            work.add_done_callback(lambda _: self._wake.set())
            self._busy[webhook_id] = work
        return list(self._busy.values())

    def _send_all(self, rows: Sequence[Any]) -> None:
        """Post to one webhook, in order, until it fails."""
        try:
            for place, row in enumerate(rows):
                if self._stop.is_set():
                    with self._ledger.transaction() as connection:
                        _put_off(connection, rows[place:], datetime.now(UTC))
                    return
                if not self._send(row):
                    until = datetime.now(UTC) + timedelta(seconds=self._first_pause_s)
                    with self._ledger.transaction() as connection:
                        _put_off(connection, rows[place + 1 :], until)
                        _rest(connection, row.webhook_id, until)
                    return
        except EarmarkError as error:
            log.warning("webhooks_wait", error=str(error))  # what was claimed is due again later
        except Exception:
            log.exception("webhooks_failed")

    def _send(self, row: Any) -> bool:
        """Post one delivery and store what became of it; return whether it was taken."""
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
            status = self._http.post(row.url, body, headers)
        except EarmarkError as failure:
            error = str(failure)[:500]
        except Exception as failure:  # a fault of ours must not stop what is owed to others
            log.exception("webhook_post_broke", delivery=row.delivery_id)
            error = type(failure).__name__
        attempts = row.attempts + 1
        good = status is not None and 200 <= status < 300
        state = "delivered" if good else "waiting" if attempts < ATTEMPTS else "given_up"
        pause = timedelta(seconds=self._first_pause_s * GROWTH ** (attempts - 1))
        became = {
            "state": state,
            "attempts": attempts,
            "next_at": datetime.now(UTC) + pause,
            "status": status,
            "error": error,
        }
        mine = (DELIVERIES.c.delivery_id == row.delivery_id) & (DELIVERIES.c.state == "waiting")
        with self._ledger.transaction() as connection:
            connection.execute(update(DELIVERIES).where(mine).values(became))
        metrics.WEBHOOKS.labels(state if good or state == "given_up" else "failed").inc()
        return good


def _put_off(connection: Connection, rows: Sequence[Any], until: datetime) -> None:
    """Let nobody try these before a moment."""
    ids = [row.delivery_id for row in rows]
    these = DELIVERIES.c.delivery_id.in_(ids) & (DELIVERIES.c.state == "waiting")
    if ids:
        connection.execute(update(DELIVERIES).where(these).values(next_at=until))


def _rest(connection: Connection, webhook_id: str, until: datetime) -> None:
    """Let a webhook that fails rest with all that it is owed."""
    owed = (DELIVERIES.c.webhook_id == webhook_id) & (DELIVERIES.c.state == "waiting")
    connection.execute(
        update(DELIVERIES).where(owed, DELIVERIES.c.next_at < until).values(next_at=until)
    )

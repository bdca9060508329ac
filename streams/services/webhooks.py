"""Webhooks: register and end one, replay its deliveries, and post those that are due.

    POST <url>
    Earmark-Delivery: whd_...           the same for every attempt: an idempotency key
    Earmark-Timestamp: 1795000000
    Earmark-Signature: v1=<hex>         HMAC-SHA-256 over "<timestamp>.<body>" with the secret

A 2xx answer within ten seconds is success. Otherwise the sender retries after 5 s, 25 s, about 2,
10, 50 minutes and 4 hours. Then it gives up until an admin replays the deliveries. A delivery may
arrive twice, after a crash. Standard Webhooks, which is newer, signs another text.
"""

import hashlib
import hmac
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from detector.errors import BadInput, EarmarkError, SingleReason
from streams.contract.topics import STATEMENTS_WRITTEN
from streams.media.fetch_http import Http, host_of
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services.accounts.tokens import new_id, new_token
from streams.store import audit, webhooks
from streams.store.database import Ledger

log = structlog.get_logger()

LONGEST_NAME: Final = 256
LOOK_S: Final = 1.0
ANSWER_S: Final = 10.0
AT_ONCE: Final = 8  # webhooks
EACH: Final = 20  # deliveries of one webhook in one batch
FIRST_PAUSE_S: Final = 5
GROWTH: Final = 5
ATTEMPTS: Final = 7
CLAIM: Final = timedelta(seconds=EACH * ANSWER_S + 30)  # then another process may try


class BadWebhook(SingleReason, reason="bad_webhook"):
    """The address or the events are not valid; the detail contains the correction."""


@dataclass(frozen=True)
class Webhook:
    """An address that receives events."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    created_at: datetime
    distributor: str | None = None


def create(
    ledger: Ledger, url: str, events: Sequence[str], by: str, distributor: str | None = None
) -> tuple[str, str]:
    """Add a webhook, or raise BadWebhook; return its id and its signing secret, shown once.

    ``distributor``: it gets the statements of reasons about this one's uploads.
    """
    try:
        host_of(url)
        parts = urlsplit(url)
        has_secret = parts.username is not None or parts.password is not None
    except (BadInput, ValueError) as error:
        detail = "the address must begin with http:// or https:// and name a host"
        raise BadWebhook(detail) from error
    if len(url) > 2_000:
        raise BadWebhook("the address has more than 2000 letters")
    if has_secret:
        raise BadWebhook("the address must not hold a password")
    if not events or any(event not in webhooks.EVENTS for event in events):
        raise BadWebhook(f"events are some of {', '.join(webhooks.EVENTS)}")
    if distributor and list(events) != [STATEMENTS_WRITTEN]:
        raise BadWebhook(f"a webhook of one distributor gets {STATEMENTS_WRITTEN} alone")
    if distributor and len(distributor) > LONGEST_NAME:
        raise BadWebhook(f"the distributor has more than {LONGEST_NAME} characters")
    webhook_id, secret = new_id("whk"), new_token()
    webhook = {
        "webhook_id": webhook_id,
        "url": url,
        "events": ",".join(dict.fromkeys(events)),
        "secret": secret,
        "active": True,
        "created_by": by,
        "created_at": datetime.now(UTC),
        "distributor": distributor or None,
    }
    details = {"url": url, "events": list(events), "distributor": distributor}
    entry = audit.Entry(by, "webhook_created", webhook_id, details)
    with audit.transaction(ledger, entry) as connection:
        webhooks.add(connection, webhook)
    return webhook_id, secret


def end(ledger: Ledger, webhook_id: str, by: str) -> None:
    """Deactivate a webhook and give up its waiting deliveries."""
    with ledger.transaction() as connection:
        if webhooks.end(connection, webhook_id):
            audit.append(connection, audit.Entry(by, "webhook_ended", webhook_id))


def all_webhooks(ledger: Ledger) -> list[Webhook]:
    """Return the active webhooks, latest first."""
    with ledger.reading() as connection:
        return [
            Webhook(webhook_id, url, tuple(events.split(",")), at, distributor)
            for webhook_id, url, events, at, distributor in webhooks.active(connection)
        ]


def replay(ledger: Ledger, webhook_id: str, since: datetime, by: str) -> int:
    """Deliver every event since a time again; return how many."""
    with ledger.transaction() as connection:
        count = webhooks.replay(connection, webhook_id, since)
        detail = {"since": since.isoformat(), "deliveries": count}
        audit.append(connection, audit.Entry(by, "webhook_replayed", webhook_id, detail))
    return count


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``Earmark-Signature``."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _remedy(failure: EarmarkError) -> str:
    """Return the setting that allows what was refused."""
    refused = isinstance(failure, BadInput) and failure.reason == "refused_address"
    return ". EARMARK_WEBHOOK_HOSTS names the hosts inside that may be posted to" if refused else ""


@contextmanager
def _failures_logged() -> Iterator[None]:
    try:
        yield
    except EarmarkError as error:
        log.warning("webhooks_wait", error=str(error))
    except Exception:
        log.exception("webhooks_failed")


class Sender(threading.Thread):
    """Use ``start`` and ``stop``; several processes may send side by side."""

    def __init__(self, ledger: Ledger, http: Http, first_pause_s: float = FIRST_PAUSE_S) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._ledger, self._http, self._first_pause_s = ledger, http, first_pause_s
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._busy: dict[str, Future[None]] = {}  # by webhook

    @classmethod
    def from_settings(cls, ledger: Ledger, settings: Settings) -> "Sender":
        """Return a sender with the allowed internal hosts of the settings."""
        hosts = filter(None, (host.strip().lower() for host in settings.webhook_hosts.split(",")))
        return cls(ledger, Http(ANSWER_S, hosts=frozenset(hosts)))

    def stop(self) -> None:
        """Stop after the posts in progress."""
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(5)
        wait(list(self._busy.values()), 5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def run(self) -> None:
        """Send until stopped."""
        while not self._stopping.is_set():
            with _failures_logged():
                self.send_due()
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def send_due(self) -> list[Future[None]]:
        """Start posting to idle webhooks with due deliveries; return the posts in progress."""
        self._busy = {hook: work for hook, work in list(self._busy.items()) if not work.done()}
        now, busy, free = datetime.now(UTC), list(self._busy), AT_ONCE - len(self._busy)
        with self._ledger.reading() as connection:
            if not free or not webhooks.any_due(connection, now, busy):
                return list(self._busy.values())
        with self._ledger.transaction() as connection:
            claimed = webhooks.claim(
                connection, now, busy, hooks=free, each=EACH, until=now + CLAIM
            )
        for webhook_id, rows in claimed.items():
            work = self._pool.submit(self._send_all, rows)
            work.add_done_callback(lambda _: self._wake.set())
            self._busy[webhook_id] = work
        return list(self._busy.values())

    def _send_all(self, rows: Sequence[Any]) -> None:
        """Post to one webhook in order, until an attempt fails."""
        with _failures_logged():  # claimed deliveries are due again later
            for place, row in enumerate(rows):
                if self._stopping.is_set():
                    with self._ledger.transaction() as connection:
                        webhooks.put_off(connection, rows[place:], datetime.now(UTC))
                    return
                if not self._send(row):
                    until = datetime.now(UTC) + timedelta(seconds=self._first_pause_s)
                    with self._ledger.transaction() as connection:
                        webhooks.put_off(connection, rows[place + 1 :], until)
                        webhooks.rest(connection, row.webhook_id, until)
                    return

    def _send(self, row: Any) -> bool:
        """Post one delivery and store the result; return whether the receiver accepted it."""
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
            error = f"{failure}{_remedy(failure)}"[:500]
        except Exception as failure:  # a bug must not stop other deliveries
            log.exception("webhook_post_broke", delivery=row.delivery_id)
            error = type(failure).__name__
        attempts = row.attempts + 1
        accepted = status is not None and 200 <= status < 300
        state = "delivered" if accepted else "waiting" if attempts < ATTEMPTS else "given_up"
        pause = timedelta(seconds=self._first_pause_s * GROWTH ** (attempts - 1))
        result = {"state": state, "attempts": attempts, "status": status, "error": error}
        result["next_at"] = datetime.now(UTC) + pause
        with self._ledger.transaction() as connection:
            webhooks.settle(connection, row.delivery_id, result)
        metrics.WEBHOOKS.labels(state if accepted or state == "given_up" else "failed").inc()
        return accepted

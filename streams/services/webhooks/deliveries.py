"""Webhooks: register one, end it, replay its deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from detector.errors import BadInput
from streams.media.fetch_http import host_of
from streams.services.accounts.tokens import new_id, new_token
from streams.store import audit, webhooks
from streams.store.database import Ledger

EVENTS: Final = webhooks.EVENTS


class BadWebhook(BadInput):
    """The address or the events are not valid; the detail contains the correction."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_webhook", detail)


@dataclass(frozen=True)
class Webhook:
    """An address that receives events."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    created_at: datetime


def create(ledger: Ledger, url: str, events: Sequence[str], by: str) -> tuple[str, str]:
    """Add a webhook; return its id and its signing secret, which is shown once.

    Raises:
        BadWebhook: the address is not http(s), or an event is unknown.
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
    if not events or any(event not in EVENTS for event in events):
        raise BadWebhook(f"events are some of {', '.join(EVENTS)}")
    webhook_id, secret = new_id("whk"), new_token()
    webhook = {
        "webhook_id": webhook_id,
        "url": url,
        "events": ",".join(dict.fromkeys(events)),
        "secret": secret,
        "active": True,
        "created_by": by,
        "created_at": datetime.now(UTC),
    }
    details = {"url": url, "events": list(events)}
    with ledger.transaction() as connection:
        webhooks.add(connection, webhook)
        audit.append(connection, [audit.Entry(by, "webhook_created", webhook_id, details)])
    return webhook_id, secret


def end(ledger: Ledger, webhook_id: str, by: str) -> None:
    """Deactivate a webhook and give up its waiting deliveries."""
    with ledger.transaction() as connection:
        webhooks.end(connection, webhook_id)
        audit.append(connection, [audit.Entry(by, "webhook_ended", webhook_id)])


def all_webhooks(ledger: Ledger) -> list[Webhook]:
    """Return the active webhooks, latest first."""
    with ledger.reading() as connection:
        return [
            Webhook(webhook_id, url, tuple(events.split(",")), at)
            for webhook_id, url, events, at in webhooks.active(connection)
        ]


def replay(ledger: Ledger, webhook_id: str, since: datetime, by: str) -> int:
    """Deliver every event since a time again; return how many."""
    with ledger.transaction() as connection:
        count = webhooks.replay(connection, webhook_id, since)
        detail = {"since": since.isoformat(), "deliveries": count}
        audit.append(connection, [audit.Entry(by, "webhook_replayed", webhook_id, detail)])
    return count

"""Which event goes to which webhook: one row each, under an id that an event gives again.

The ledger's projector adds them in the transaction that stores the event, so a delivery is
owed exactly when the event is in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import orjson
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import stable_id
from streams.media.fetch_http import host_of
from streams.services.accounts.tokens import new_id, new_token
from streams.store import audit
from streams.store.account_tables import DELIVERIES, WEBHOOKS
from streams.store.database import Ledger

EVENTS: Final = (
    topics.DECIDED,
    topics.REVIEWS_REQUESTED,
    topics.REVIEWS_DECIDED,
    topics.APPEALS_CHANGED,
)
# What reviewers write for each other leaves on the topic alone, which has readers of our own.
KEPT_INSIDE: Final = {topics.REVIEWS_DECIDED: ("notes",)}


class BadWebhook(BadInput):
    """The address or the events will not do; the detail tells people why."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_webhook", detail)


@dataclass(frozen=True)
class Webhook:
    """Somebody who wants to be told."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    active: bool
    created_at: datetime


def create(connection: Connection, url: str, events: Sequence[str], by: str) -> tuple[str, str]:
    """Add a webhook; return its id and the secret that signs, which is shown once.

    Raises:
        BadWebhook: no http(s) address, or an event that there is not.
    """
    try:
        host_of(url)
        parts = urlsplit(url)
        secret_in_it = parts.username is not None or parts.password is not None
    except (BadInput, ValueError) as error:
        said = "the address must begin with http:// or https:// and name a host"
        raise BadWebhook(said) from error
    if len(url) > 2_000:
        raise BadWebhook("the address has more than 2000 letters")
    if secret_in_it:
        raise BadWebhook("the address must not hold a password")
    if not events or any(event not in EVENTS for event in events):
        raise BadWebhook(f"events are some of {', '.join(EVENTS)}")
    webhook_id, secret = new_id("whk"), new_token()
    row = {
        "webhook_id": webhook_id,
        "url": url,
        "events": ",".join(dict.fromkeys(events)),
        "secret": secret,
        "active": True,
        "created_by": by,
        "created_at": datetime.now(UTC),
    }
    connection.execute(insert(WEBHOOKS).values(row))
    detail = {"url": url, "events": list(events)}
    audit.append(connection, [audit.Entry(by, "webhook_created", webhook_id, detail)])
    return webhook_id, secret


def end(connection: Connection, webhook_id: str, by: str) -> None:
    """Stop telling; what is owed is given up."""
    mine = WEBHOOKS.c.webhook_id == webhook_id
    connection.execute(update(WEBHOOKS).where(mine).values(active=False))
    owed = (DELIVERIES.c.webhook_id == webhook_id) & (DELIVERIES.c.state == "waiting")
    connection.execute(update(DELIVERIES).where(owed).values(state="given_up"))
    audit.append(connection, [audit.Entry(by, "webhook_ended", webhook_id)])


def all_webhooks(ledger: Ledger) -> list[Webhook]:
    """Return those that are active, latest first."""
    columns = [WEBHOOKS.c[name] for name in Webhook.__dataclass_fields__]
    question = select(*columns).where(WEBHOOKS.c.active).order_by(WEBHOOKS.c.created_at.desc())
    with ledger.reading() as connection:
        rows = connection.execute(question).all()
    return [Webhook(row[0], row[1], tuple(row[2].split(",")), bool(row[3]), row[4]) for row in rows]


def enqueue(connection: Connection, messages: Sequence[Message]) -> None:
    """Owe each of these events to the webhooks that want it."""
    told = [message for message in messages if message.topic in EVENTS]
    if not told:
        return
    hooks = connection.execute(
        select(WEBHOOKS.c.webhook_id, WEBHOOKS.c.events).where(WEBHOOKS.c.active)
    ).all()
    now = datetime.now(UTC)
    rows = []
    for webhook_id, events in hooks:
        for message in told:
            if message.topic not in events.split(","):
                continue
            value = (message.value or b"").decode()
            delivery_id = stable_id("whd", webhook_id, message.topic, value)
            data = orjson.loads(value)
            for name in KEPT_INSIDE.get(message.topic, ()):
                data.pop(name, None)
            body = {"delivery_id": delivery_id, "event": message.topic, "data": data}
            rows.append(
                {
                    "delivery_id": delivery_id,
                    "webhook_id": webhook_id,
                    "event": message.topic,
                    "body": orjson.dumps(body).decode(),
                    "state": "waiting",
                    "attempts": 0,
                    "next_at": now,
                    "created_at": now,
                }
            )
    if rows:
        on = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(on.insert(DELIVERIES).on_conflict_do_nothing(), rows)


def replay(connection: Connection, webhook_id: str, since: datetime, by: str) -> int:
    """Owe everything since a time again, delivered or not; return how much."""
    mine = (DELIVERIES.c.webhook_id == webhook_id) & (DELIVERIES.c.created_at >= since)
    again = {"state": "waiting", "attempts": 0, "next_at": datetime.now(UTC)}
    count = connection.execute(update(DELIVERIES).where(mine).values(again)).rowcount
    detail = {"since": since.isoformat(), "deliveries": count}
    audit.append(connection, [audit.Entry(by, "webhook_replayed", webhook_id, detail)])
    return int(count)

"""``/webhooks``: who is told what happens, and telling it again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from streams.services.accounts.keys import Key
from streams.services.accounts.roles import Right
from streams.services.webhooks import deliveries
from streams.web.api import pages
from streams.web.api.callers import needs
from streams.web.api.problems import ProblemError, documented
from streams.web.api.resources import resources_of

router = APIRouter(tags=["webhooks"])
PROBLEMS = documented(401, 403, 404, 422, 429, 503)


class WebhookRequest(BaseModel):
    """Where to post which events."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000)]
    events: Annotated[list[str], Field(min_length=1, max_length=20)]


class Webhook(BaseModel):
    """A webhook; ``secret`` (it signs every post) is shown when it is made, and never again."""

    webhook_id: str
    url: str
    events: list[str]
    created_at: datetime | None = None
    secret: str | None = None


class ReplayRequest(BaseModel):
    """From when on everything is posted again."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime


class Replayed(BaseModel):
    """How many deliveries are owed again."""

    deliveries: int


@router.post("/webhooks", status_code=201, response_model=Webhook, responses=PROBLEMS)
def create(
    request: Request, given: WebhookRequest, caller: Annotated[Key, needs(Right.ADMIN)]
) -> Webhook:
    """Add a webhook."""
    with resources_of(request).ledger.transaction() as connection:
        made, secret = deliveries.create(connection, given.url, given.events, caller.key_id)
    return Webhook(webhook_id=made, url=given.url, events=given.events, secret=secret)


@router.get("/webhooks", response_model=list[Webhook], responses=PROBLEMS)
def listed(request: Request, caller: Annotated[Key, needs(Right.ADMIN)]) -> list[Webhook]:
    """Return the webhooks."""
    return [
        Webhook(
            webhook_id=one.webhook_id,
            url=one.url,
            events=list(one.events),
            created_at=one.created_at,
        )
        for one in deliveries.all_webhooks(resources_of(request).ledger)
    ]


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=PROBLEMS)
def end(request: Request, webhook_id: pages.Id, caller: Annotated[Key, needs(Right.ADMIN)]) -> None:
    """Stop telling; what is owed is given up."""
    _known(request, webhook_id)
    with resources_of(request).ledger.transaction() as connection:
        deliveries.end(connection, webhook_id, caller.key_id)


@router.post("/webhooks/{webhook_id}/replay", response_model=Replayed, responses=PROBLEMS)
def replay(
    request: Request,
    webhook_id: pages.Id,
    given: ReplayRequest,
    caller: Annotated[Key, needs(Right.ADMIN)],
) -> Replayed:
    """Post everything since a time again, delivered or not."""
    _known(request, webhook_id)
    with resources_of(request).ledger.transaction() as connection:
        count = deliveries.replay(connection, webhook_id, given.since, caller.key_id)
    return Replayed(deliveries=count)


def _known(request: Request, webhook_id: str) -> None:
    known = {one.webhook_id for one in deliveries.all_webhooks(resources_of(request).ledger)}
    if webhook_id not in known:
        raise ProblemError(404, "no_such_webhook", f"there is no webhook {webhook_id}")

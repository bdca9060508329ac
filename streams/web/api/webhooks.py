"""``/webhooks``: endpoints that receive events, and replaying deliveries."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from streams.services import webhooks
from streams.web.api import pages
from streams.web.api.callers import CanAdmin
from streams.web.api.problems import ProblemError, documented
from streams.web.api.resources import AppResources, Resources

router = APIRouter(tags=["webhooks"])
PROBLEMS = documented(401, 403, 404, 422, 429, 503)


class WebhookRequest(BaseModel):
    """The URL of a webhook, and its events.

    ``distributor``: it gets ``statements.written`` alone, about this one's uploads.
    """

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000)]
    events: Annotated[list[str], Field(min_length=1, max_length=20)]
    distributor: Annotated[str | None, Field(min_length=1, max_length=256)] = None


class Webhook(BaseModel):
    """A webhook; ``secret`` (it signs every post) is shown when it is made, and never again."""

    webhook_id: str
    url: str
    events: list[str]
    created_at: datetime | None = None
    distributor: str | None = None
    secret: str | None = None


class ReplayRequest(BaseModel):
    """The time since which to post everything again."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime


class Replayed(BaseModel):
    """The number of deliveries that are due again."""

    deliveries: int


@router.post("/webhooks", status_code=201, responses=PROBLEMS)
def create(resources: Resources, hook: WebhookRequest, caller: CanAdmin) -> Webhook:
    """Add a webhook."""
    webhook_id, secret = webhooks.create(
        resources.ledger, hook.url, hook.events, caller.key_id, hook.distributor
    )
    return Webhook(webhook_id=webhook_id, **hook.model_dump(), secret=secret)


@router.get("/webhooks", response_model=list[Webhook], responses=PROBLEMS)
def listed(resources: Resources, caller: CanAdmin) -> Any:
    """Return the webhooks."""
    return webhooks.all_webhooks(resources.ledger)


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=PROBLEMS)
def end(resources: Resources, webhook_id: pages.Id, caller: CanAdmin) -> None:
    """Remove a webhook; its waiting deliveries are given up."""
    _known(resources, webhook_id)
    webhooks.end(resources.ledger, webhook_id, caller.key_id)


@router.post("/webhooks/{webhook_id}/replay", responses=PROBLEMS)
def replay(
    resources: Resources, webhook_id: pages.Id, replay_request: ReplayRequest, caller: CanAdmin
) -> Replayed:
    """Post everything since a time again, delivered or not."""
    _known(resources, webhook_id)
    count = webhooks.replay(resources.ledger, webhook_id, replay_request.since, caller.key_id)
    return Replayed(deliveries=count)


def _known(resources: AppResources, webhook_id: str) -> None:
    known = {one.webhook_id for one in webhooks.all_webhooks(resources.ledger)}
    if webhook_id not in known:
        raise ProblemError(404, "no_such_webhook", f"there is no webhook {webhook_id}")

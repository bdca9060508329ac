"""``/statements``: bounces of mail, for programs that read the mailbox they come back to."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from streams.services import statement_delivery
from streams.web.api import pages
from streams.web.api.callers import CanReceiveAppeals
from streams.web.api.problems import documented
from streams.web.api.resources import Resources

router = APIRouter(tags=["statements"])


class Bounce(BaseModel):
    """Why the mail came back: a line of the bounce."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2_000)] = ""


@router.post(
    "/statements/{statement_id}/bounce",
    status_code=204,
    responses=documented(401, 403, 404, 409, 422, 429, 503),
)
def bounce(
    resources: Resources, statement_id: pages.Id, bounced: Bounce, caller: CanReceiveAppeals
) -> None:
    """Record that the mail with a statement came back; it becomes a task."""
    statement_delivery.record_bounce(
        resources.ledger,
        statement_id,
        bounced.reason,
        by=caller.key_id,
        distributors=caller.distributors,
    )

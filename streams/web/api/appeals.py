"""``/appeals``: submit an appeal against a decision, and read its state."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from streams.contract.records import Identifier
from streams.contract.records.reviews import AppealChanged, AppealEvidence, Appellant
from streams.services import appeals
from streams.services.accounts import keys
from streams.services.accounts.roles import Right
from streams.store import appeals as appeal_store
from streams.web.api import pages
from streams.web.api.callers import CanRead, CanReceiveAppeals, RateLimit
from streams.web.api.problems import ProblemError, documented
from streams.web.api.resources import Resources
from streams.web.api.tracks import decision_for

router = APIRouter(tags=["appeals"])


class AppealRequest(BaseModel):
    """An appeal as submitted."""

    model_config = ConfigDict(extra="forbid")

    decision_id: Identifier
    appellant: Appellant
    grounds: Annotated[str, Field(json_schema_extra={"enum": list(appeals.GROUNDS)})]
    statement: Annotated[str, Field(min_length=1, max_length=10_000)]
    evidence: Annotated[list[AppealEvidence], Field(max_length=50)] = []


@router.post(
    "/appeals", status_code=201, responses=documented(400, 401, 403, 404, 409, 422, 429, 503)
)
def receive(
    request: Request, resources: Resources, appeal: AppealRequest, caller: CanReceiveAppeals
) -> AppealChanged:
    """Submit an appeal, within six months of the decision; a person will decide."""
    limit: RateLimit = request.app.state.appeal_limit
    limit.take(caller.key_id, "appeals")
    if appeal.grounds not in appeals.GROUNDS:
        raise ProblemError(422, "bad_grounds", f"grounds are one of {', '.join(appeals.GROUNDS)}")
    decision_for(caller, resources, appeal.decision_id)
    received = appeals.receive(
        resources.ledger,
        appeal.decision_id,
        appellant=appeal.appellant,
        grounds=appeal.grounds,
        statement=appeal.statement,
        evidence=[one.model_dump() for one in appeal.evidence],
        by=caller.key_id,
        most_open=appeals.MOST_OF_KEY if caller.distributors else None,
    )
    resources.relay.wake()
    return received


@router.get("/appeals/{appeal_id}", responses=documented(401, 403, 404, 422, 429, 503))
def appeal(resources: Resources, appeal_id: pages.Id, caller: CanRead) -> AppealChanged:
    """Return the latest state of an appeal, to its sender and to those who decide appeals."""
    with resources.ledger.reading() as connection:
        latest = appeals.find(connection, appeal_id)
        received = appeal_store.history(connection, appeal_id)[0]
        of_holder = keys.is_of_holder(connection, caller, received.changed_by)
    if not (of_holder or caller.may(Right.APPEALS)):
        raise appeals.no_such_appeal(appeal_id)
    return latest

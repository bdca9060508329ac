"""``/rightsholders`` and ``/rights-requests``: who has a page, and what they ask a desk for."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from streams.contract.records import Identifier, Name
from streams.services import rights_requests, rightsholders, signed_links
from streams.services.rights_requests import RightsRequest
from streams.services.rightsholders import Holdings, Rightsholder
from streams.services.signed_links import LinkSigner
from streams.store import rightsholders as store
from streams.web.api import pages
from streams.web.api.callers import CanManageRights
from streams.web.api.problems import documented
from streams.web.api.resources import Resources

router = APIRouter(tags=["rightsholders"])
READ = documented(400, 401, 403, 422, 429, 503)
WRITE = documented(401, 403, 404, 422, 429, 503)


class NewRightsholder(BaseModel):
    """A party of the rights registry, and what is theirs beside its entries there."""

    model_config = ConfigDict(extra="forbid")

    party_id: Identifier
    name: Name
    named: Holdings = Holdings()


class KnownRightsholder(BaseModel):
    """A rightsholder as stored."""

    rightsholder_id: str
    party_id: str
    name: str
    named: Holdings
    since: datetime

    @classmethod
    def of(cls, holder: Rightsholder) -> "KnownRightsholder":
        """Return a rightsholder in the fields of the API."""
        return cls(**{name: getattr(holder, name) for name in cls.model_fields})


class RightsholderPage(BaseModel):
    """Rightsholders, latest first."""

    items: list[KnownRightsholder]
    next_cursor: str | None = None


class AskedOfDesk(BaseModel):
    """A request as a desk sees it; ``preview``: what a choice would change, when it was made."""

    request_id: str
    rightsholder_id: str
    kind: Literal["choice", "erasure"]
    state: str
    choice: dict[str, Any] | None
    preview: dict[str, Any] | None
    proof: str
    made_at: datetime
    changed_at: datetime
    reasons: str | None
    entries: list[tuple[str, int]]

    @classmethod
    def of(cls, request: RightsRequest) -> "AskedOfDesk":
        """Return a request in the fields of the API."""
        values = {name: getattr(request, name) for name in cls.model_fields}
        for name in ("choice", "preview"):
            values[name] = values[name] and values[name].model_dump(mode="json")
        return cls.model_validate(values | {"entries": list(request.entries)})


class RequestPage(BaseModel):
    """Requests, latest first."""

    items: list[AskedOfDesk]
    next_cursor: str | None = None


class RightsholderLinkRequest(BaseModel):
    """How long a link is valid; none: by setting."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[int | None, Field(ge=1, le=3_650)] = None


class NewRightsholderLink(BaseModel):
    """A new link. ``url`` is for the person, ``token`` for the API; neither is shown again."""

    link_id: str
    rightsholder_id: str
    expires_at: datetime
    url: str
    token: str


class Refusal(BaseModel):
    """Why a request is refused; the rightsholder reads it."""

    reasons: Annotated[str, Field(min_length=1, max_length=2_000)]


@router.post("/rightsholders", status_code=201, responses=WRITE)
def put(
    resources: Resources, holder: NewRightsholder, caller: CanManageRights
) -> KnownRightsholder:
    """Add a rightsholder, or change the name and what is theirs."""
    named = {kind: holder.named.of(kind) for kind in rightsholders.KINDS}
    stored = rightsholders.put(
        resources.ledger, holder.party_id, holder.name, named, by=caller.key_id
    )
    return KnownRightsholder.of(stored)


@router.get("/rightsholders", responses=READ)
def listed(
    resources: Resources,
    caller: CanManageRights,
    cursor: pages.Cursor = None,
    limit: pages.Limit = pages.DEFAULT,
) -> RightsholderPage:
    """Return rightsholders, latest first."""
    part = store.listed(resources.ledger, cursor, limit)
    items = [KnownRightsholder.of(Rightsholder.of(row)) for row in part.rows]
    return RightsholderPage(items=items, next_cursor=part.next)


@router.post("/rightsholders/{rightsholder_id}/links", status_code=201, responses=WRITE)
def make_link(
    resources: Resources,
    rightsholder_id: pages.Id,
    link_request: RightsholderLinkRequest,
    caller: CanManageRights,
) -> NewRightsholderLink:
    """Make a link to the page of a rightsholder. It needs no account; audited."""
    signed = rightsholders.make_link(
        *(resources.ledger, LinkSigner.from_settings(resources.settings), rightsholder_id),
        by=caller.key_id,
        days=link_request.days,
    )
    return NewRightsholderLink(
        link_id=signed.link.link_id,
        rightsholder_id=rightsholder_id,
        expires_at=signed.link.expires_at,
        url=signed.url,
        token=signed.token,
    )


@router.delete("/rightsholders/{rightsholder_id}/links/{link_id}", status_code=204, responses=WRITE)
def revoke(
    resources: Resources, rightsholder_id: pages.Id, link_id: pages.Id, caller: CanManageRights
) -> None:
    """Revoke a link, from the next request on; audited."""
    signed_links.revoke(resources.ledger, link_id, by=caller.key_id)


@router.delete("/rightsholders/{rightsholder_id}", status_code=204, responses=WRITE)
def erase(resources: Resources, rightsholder_id: pages.Id, caller: CanManageRights) -> None:
    """Erase a rightsholder with their links, requests and files; entries of the registry remain."""
    rightsholders.erase(resources.ledger, resources.evidence, rightsholder_id, by=caller.key_id)


@router.get("/rights-requests", responses=READ)
def requests(
    resources: Resources,
    caller: CanManageRights,
    state: Literal["waiting", "in_force", "refused", "withdrawn"] = "waiting",
    cursor: pages.Cursor = None,
    limit: pages.Limit = pages.DEFAULT,
) -> RequestPage:
    """Return the requests of rightsholders, latest first."""
    part = store.requests(resources.ledger, (state,), cursor, limit)
    items = [AskedOfDesk.of(RightsRequest.of(row)) for row in part.rows]
    return RequestPage(items=items, next_cursor=part.next)


@router.post("/rights-requests/{request_id}/approve", responses=WRITE)
def approve(resources: Resources, request_id: pages.Id, caller: CanManageRights) -> AskedOfDesk:
    """Approve a choice: its entries go to the rights registry."""
    request = rights_requests.approve(resources.ledger, request_id, by=caller.key_id)
    resources.relay.wake()
    return AskedOfDesk.of(request)


@router.post("/rights-requests/{request_id}/refuse", responses=WRITE)
def refuse(
    resources: Resources, request_id: pages.Id, refusal: Refusal, caller: CanManageRights
) -> AskedOfDesk:
    """Refuse a request, with reasons that the rightsholder reads."""
    request = rights_requests.refuse(
        resources.ledger, request_id, refusal.reasons, by=caller.key_id
    )
    return AskedOfDesk.of(request)

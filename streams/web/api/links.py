"""``/links``: make, list and revoke the links by which artists reach their page."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from streams.contract.records import Identifier
from streams.services import artist_links, artist_page, signed_links
from streams.services.signed_links import ArtistLink, LinkSigner
from streams.store import artist_links as link_store
from streams.web.api import pages
from streams.web.api.callers import CanMakeLinks
from streams.web.api.problems import documented
from streams.web.api.resources import Resources

router = APIRouter(tags=["links"])


class LinkRequest(BaseModel):
    """The decision that a link leads to; ``days``: how long it is valid (none: by setting)."""

    model_config = ConfigDict(extra="forbid")

    decision_id: Identifier
    days: Annotated[int | None, Field(ge=1, le=3_650)] = None


class Link(BaseModel):
    """A link as it stands."""

    link_id: str
    decision_id: str
    track_id: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None = None
    revoked_at: datetime | None = None

    @classmethod
    def of(cls, link: ArtistLink) -> "Link":
        """Return a link in the fields of the API."""
        return cls(**{name: getattr(link, name) for name in cls.model_fields})


class NewLink(BaseModel):
    """A new link. ``url`` is for the artist, ``token`` for the API: its holder may use it.

    Neither is shown again. ``statement`` is the statement of reasons by language, with the link in
    it; empty where the decision restricts nothing.
    """

    link: Link
    url: str
    token: str
    statement: dict[str, str]


class LinkPage(BaseModel):
    """Links, latest first."""

    items: list[Link]
    next_cursor: str | None = None


@router.post(
    "/links", status_code=201, responses=documented(400, 401, 403, 404, 409, 422, 429, 503)
)
def make(resources: Resources, link_request: LinkRequest, caller: CanMakeLinks) -> NewLink:
    """Make a link to the artist's page about a decision. It needs no account; audited."""
    signed = artist_links.make(
        *(resources.ledger, LinkSigner.from_settings(resources.settings)),
        link_request.decision_id,
        by=caller.key_id,
        days=link_request.days,
        distributors=caller.distributors,
    )
    statement = artist_page.statement_with(resources.ledger, signed)
    return NewLink(
        link=Link.of(signed.link), url=signed.url, token=signed.token, statement=statement
    )


@router.get("/links", responses=documented(400, 401, 403, 422, 429, 503))
def listed(
    resources: Resources,
    caller: CanMakeLinks,
    decision_id: pages.Term = "",
    cursor: pages.Cursor = None,
    limit: pages.Limit = pages.DEFAULT,
) -> LinkPage:
    """Return links, latest first: all that the key may read, or those to one decision."""
    part = link_store.listed(
        *(resources.ledger, cursor, limit),
        decision_id=decision_id,
        distributors=caller.distributors,
    )
    return LinkPage(items=[Link.of(ArtistLink.of(row)) for row in part.rows], next_cursor=part.next)


@router.delete(
    "/links/{link_id}", status_code=204, responses=documented(401, 403, 404, 422, 429, 503)
)
def revoke(resources: Resources, link_id: pages.Id, caller: CanMakeLinks) -> None:
    """Revoke a link, from the next request on; audited."""
    signed_links.revoke(
        resources.ledger, link_id, by=caller.key_id, distributors=caller.distributors
    )

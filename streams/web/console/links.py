"""Links of artists: make one for a decision, list and revoke them."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from streams.services import artist_links, signed_links
from streams.services.accounts import users
from streams.services.signed_links import ArtistLink, BadLink, LinkSigner
from streams.store import artist_links as link_store
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import auth
from streams.web.console.auth import CanMakeLinks, Visitor, text
from streams.web.console.render import fault_of

router = APIRouter()
PAGE: Final = 50


@router.get("/links")
def listed(visitor: CanMakeLinks, decision: Term = "", cursor: Cursor = None) -> Response:
    """List links, latest first, or those to one decision."""
    return _links(visitor, decision, cursor)


@router.post("/links")
def make(visitor: CanMakeLinks, form: auth.Form) -> Response:
    """Make a link; the page shows it, once."""
    decision_id, address = text(form, "decision", 256), visitor.request.app.state.address
    signer = LinkSigner.from_settings(visitor.resources.settings, address)
    try:
        signed = artist_links.make(
            visitor.resources.ledger, signer, decision_id, by=visitor.user.user_id
        )
    except BadLink as error:
        return _links(visitor, decision_id, fault=fault_of(error))
    return _links(visitor, decision_id, url=signed.url)


@router.post("/links/{link_id}/revoke")
def revoke(link_id: Id, visitor: CanMakeLinks, form: auth.Form) -> Response:
    """Revoke a link."""
    try:
        signed_links.revoke(visitor.resources.ledger, link_id, by=visitor.user.user_id)
    except BadLink as error:
        return _links(visitor, fault=fault_of(error))
    return visitor.done("/links", "The link is revoked: it opens nothing any more.")


def _links(
    visitor: Visitor,
    decision: str = "",
    cursor: str | None = None,
    *,
    url: str = "",
    fault: str = "",
) -> Response:
    ledger = visitor.views("artist_links_seen", decision).ledger
    part = link_store.listed(ledger, cursor, PAGE, decision_id=decision)
    return visitor.page("links.html", fault=fault, decision=decision, url=url,
        part=part.of([ArtistLink.of(row) for row in part.rows]), now=datetime.now(UTC),
        names=users.names(ledger),
    )  # fmt: skip

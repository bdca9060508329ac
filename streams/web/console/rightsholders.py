"""Rightsholders: who has a page, their links, and the desk that decides what they ask for."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from detector.errors import BadInput
from streams.services import (
    appeal_files,
    rights_requests,
    rightsholder_page,
    rightsholder_words,
    rightsholders,
    signed_links,
)
from streams.services.accounts import users
from streams.services.appeal_files import AppealFile, BadFile
from streams.services.rights_choices import BadChoice
from streams.services.rights_requests import RightsRequest
from streams.services.rightsholders import KINDS, BadRightsholder, Rightsholder
from streams.services.signed_links import BadLink, LinkSigner, RightsholderLink
from streams.store import appeal_files as file_store
from streams.store import rightsholders as store
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import auth
from streams.web.console.audio import as_download
from streams.web.console.auth import CanManageRights, PageError, Visitor, text
from streams.web.console.render import fault_of

router = APIRouter()
PAGE: Final = 50
ENDED: Final = ("in_force", "refused", "withdrawn")
LANGUAGE: Final = "en"  # the console's


@router.get("/rightsholders")
def listed(
    visitor: CanManageRights, show: Term = "waiting", search: Term = "", cursor: Cursor = None
) -> Response:
    """List what rightsholders ask for, and who they are."""
    return _listed(visitor, show, cursor, search=search)


def _listed(
    visitor: Visitor,
    show: str = "waiting",
    cursor: str | None = None,
    fault: str = "",
    search: str = "",
) -> Response:
    ledger = visitor.views("rightsholders_seen").ledger
    states = ENDED if show == "ended" else ("waiting",)
    part = store.requests(ledger, states, cursor, PAGE)
    rows = store.listed(ledger, None, PAGE, search=search).rows
    holders = [Rightsholder.of(row) for row in rows]
    asked = [RightsRequest.of(row) for row in part.rows]
    with ledger.reading() as connection:
        names = store.names(connection, {one.rightsholder_id for one in asked})
    return visitor.page(
        "rightsholders.html", fault=fault, search=search, most=PAGE, show=show,
        holders=holders, kinds=KINDS,
        part=part.of([rightsholder_page.shown(one, LANGUAGE) for one in asked]),
        names=names,
        whose={one.request_id: one.rightsholder_id for one in asked},
    )  # fmt: skip


@router.post("/rightsholders")
def put(visitor: CanManageRights, form: auth.Form) -> Response:
    """Add a rightsholder, or change what is theirs: one name a line."""
    named = {kind: tuple(_lines(text(form, kind, 20_000))) for kind in KINDS}
    try:
        holder = rightsholders.put(
            *(visitor.resources.ledger, text(form, "party_id", 256), text(form, "name", 256)),
            named,
            by=visitor.user.user_id,
        )
    except BadRightsholder as error:
        return _listed(visitor, fault=fault_of(error))
    return visitor.done(f"/rightsholders/{holder.rightsholder_id}", "Saved.")


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


@router.get("/rightsholders/{rightsholder_id}")
def show(rightsholder_id: Id, visitor: CanManageRights) -> Response:
    """Show a rightsholder: what is theirs, and their links."""
    return _holder(visitor, rightsholder_id)


def _holder(visitor: Visitor, rightsholder_id: str, *, url: str = "", fault: str = "") -> Response:
    ledger = visitor.views("rightsholder_seen", rightsholder_id).ledger
    with ledger.reading() as connection:
        try:
            holder = rightsholders.find(connection, rightsholder_id)
        except BadRightsholder as error:
            raise PageError(404, "There is no such rightsholder.") from error
        theirs, _ = rightsholders.holdings(connection, holder)
        things = rightsholder_page.things(connection, theirs, LANGUAGE)
        links = [RightsholderLink.of(row) for row in store.links_of(connection, rightsholder_id)]
        asked = [RightsRequest.of(row) for row in store.requests_of(connection, rightsholder_id)]
    return visitor.page(
        "rightsholder.html", holder=holder, things=things, links=links, url=url, fault=fault,
        kinds=KINDS, asked=[rightsholder_page.shown(one, LANGUAGE) for one in asked],
        names=users.names(ledger), now=datetime.now(UTC),
    )  # fmt: skip


@router.post("/rightsholders/{rightsholder_id}/links")
def make_link(rightsholder_id: Id, visitor: CanManageRights, form: auth.Form) -> Response:
    """Make a link; the page shows it, once."""
    resources, address = visitor.resources, visitor.request.app.state.address
    signer = LinkSigner.from_settings(resources.settings, address)
    try:
        signed = rightsholders.make_link(
            resources.ledger, signer, rightsholder_id, by=visitor.user.user_id
        )
    except BadInput as error:
        return _holder(visitor, rightsholder_id, fault=fault_of(error))
    return _holder(visitor, rightsholder_id, url=signed.url)


@router.post("/rightsholders/{rightsholder_id}/links/{link_id}/revoke")
def revoke(rightsholder_id: Id, link_id: Id, visitor: CanManageRights, form: auth.Form) -> Response:
    """Revoke a link."""
    try:
        signed_links.revoke(visitor.resources.ledger, link_id, by=visitor.user.user_id)
    except BadLink as error:
        return _holder(visitor, rightsholder_id, fault=fault_of(error))
    path = f"/rightsholders/{rightsholder_id}"
    return visitor.done(path, "The link is revoked: it opens nothing any more.")


@router.post("/rightsholders/{rightsholder_id}/erase")
def erase(rightsholder_id: Id, visitor: CanManageRights, form: auth.Form) -> Response:
    """Erase a rightsholder with their links, requests and files."""
    resources = visitor.resources
    try:
        rightsholders.erase(
            resources.ledger, resources.evidence, rightsholder_id, by=visitor.user.user_id
        )
    except BadRightsholder as error:
        return _listed(visitor, fault=fault_of(error))
    return visitor.done("/rightsholders", "Erased. The links open nothing any more.")


@router.get("/rights-requests/{request_id}")
def look(request_id: Id, visitor: CanManageRights) -> Response:
    """Show a request: the proof of authority, and what it would change now."""
    return _request(visitor, request_id)


def _request(visitor: Visitor, request_id: str, fault: str = "") -> Response:
    resources = visitor.views("rights_request_seen", request_id)
    with resources.ledger.reading() as connection:
        try:
            asked = rights_requests.find(connection, request_id)
            holder = rightsholders.find(connection, asked.rightsholder_id)
        except (BadChoice, BadRightsholder) as error:
            raise PageError(404, "There is no such request.") from error
        rows = file_store.of_owner(connection, {"rightsholder_id": asked.rightsholder_id})
    preview = asked.preview
    if asked.state == "waiting":
        try:
            preview = rights_requests.preview_of(resources.ledger, resources.policy(), asked)
        except BadChoice as error:
            fault = fault or fault_of(error)
    return visitor.page(
        "rights_request.html", asked=asked, holder=holder, preview=preview, fault=fault,
        shown=rightsholder_page.shown(asked, LANGUAGE),
        lines=rightsholder_words.changes(LANGUAGE, preview) if preview else [],
        files=[AppealFile.of(row) for row in rows if row.appeal_id == request_id],
        names=users.names(resources.ledger),
    )  # fmt: skip


@router.post("/rights-requests/{request_id}/approve")
def approve(request_id: Id, visitor: CanManageRights, form: auth.Form) -> Response:
    """Approve a choice: its entries go to the rights registry."""
    resources = visitor.resources
    try:
        rights_requests.approve(resources.ledger, request_id, by=visitor.user.user_id)
    except BadInput as error:
        return _request(visitor, request_id, fault_of(error))
    resources.relay.wake()
    return visitor.done(f"/rights-requests/{request_id}", "Approved: it is in the registry.")


@router.post("/rights-requests/{request_id}/refuse")
def refuse(request_id: Id, visitor: CanManageRights, form: auth.Form) -> Response:
    """Refuse a request, with reasons that the rightsholder reads."""
    resources, reasons = visitor.resources, text(form, "reasons", 2_000)
    try:
        rights_requests.refuse(resources.ledger, request_id, reasons, by=visitor.user.user_id)
    except BadInput as error:
        return _request(visitor, request_id, fault_of(error))
    return visitor.done(f"/rights-requests/{request_id}", "Refused.")


@router.get("/rights-requests/files/{file_id}")
def download(file_id: Id, visitor: CanManageRights) -> Response:
    """Return a file of a proof of authority, as a download that no browser opens by itself."""
    resources = visitor.views("rights_file_opened", file_id)
    try:
        file, source = appeal_files.reading(
            resources.ledger, resources.evidence, file_id, of_appeals=False
        )
    except BadFile as error:
        raise PageError(404, error.text) from error
    return as_download(file, source)

"""``/rightsholder``: what the page of a rightsholder shows and does, for a platform's own page.

The caller sends the token of a rightsholder's link instead of an API key.
"""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from streams.services import rights_drafts, rightsholder_page
from streams.services.rights_requests import RightsRequest
from streams.services.rightsholder_page import Asked, RightsholderPage
from streams.services.signed_links import RightsholderLink
from streams.web.api.multipart import FILE_BYTES
from streams.web.api.pages import Id
from streams.web.api.problems import ProblemError, documented
from streams.web.artist import handing_in, rights_forms, rights_pages
from streams.web.artist.api import Language
from streams.web.artist.guests import Guest, RightsApiGuest, refuse_other

router = APIRouter(tags=["rightsholder"])
READ = documented(401, 404, 422, 429, 503)
WRITE = documented(400, 401, 404, 409, 413, 415, 422, 429, 503)
OfRightsholder = Annotated[
    str | None, Query(max_length=256, description="refused where it is not the link's")
]


class Why(BaseModel):
    """Why an erasure is asked for; it may be empty."""

    why: Annotated[str, Field(max_length=2_000)] = ""


@router.get("/rightsholder", responses=READ)
def show(
    guest: RightsApiGuest, lang: Language = None, rightsholder_id: OfRightsholder = None
) -> RightsholderPage:
    """Return what is held about a rightsholder, and what they chose, in plain words."""
    if rightsholder_id not in (None, guest.link.rightsholder_id):
        raise refuse_other(guest.request, guest.link)
    return rights_pages.content_of(guest)


@router.get(
    "/rightsholder/export",
    responses=READ
    | {200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,
)
def export(guest: RightsApiGuest) -> Response:
    """Return all that is held about them, as a ZIP file (GDPR, Article 15)."""
    return rights_pages.exported(guest)


@router.post(
    "/rightsholder/choices",
    status_code=201,
    responses=WRITE,
    openapi_extra=handing_in.files_form(
        *("kind", "name", "use", "permission"), names=rights_forms.FIELDS
    ),
    max_body_size=FILE_BYTES,
)
async def choose(guest: RightsApiGuest, lang: Language = None) -> Asked:
    """Make a draft of a choice, with what it would change; it has no effect until confirmed.

    `kind` is `voice`, `artist`, `recording` or `catalogue`; `use` (repeated) `train`,
    `derivatives`, `voice_replica` or `cover`; `permission` `refuse`, `condition` or `grant`.
    """
    return await _draft(guest, rights_forms.choose)


@router.post(
    "/rightsholder/choices/{entry_id}/take-back",
    status_code=201,
    responses=WRITE,
    openapi_extra=handing_in.files_form("proof", names=("proof",)),
    max_body_size=FILE_BYTES,
)
async def take_back(guest: RightsApiGuest, entry_id: Id, lang: Language = None) -> Asked:
    """Make a draft that takes an earlier choice back."""
    return await _draft(guest, rights_forms.take_back(entry_id))


async def _draft(
    guest: Guest[RightsholderLink], act: handing_in.Act[RightsholderLink, RightsRequest]
) -> Asked:
    rights_forms.keep_pace(guest)
    made, _, fault = await handing_in.hand_in(guest, act)
    if made is None:
        raise ProblemError(422, "not_received", fault)
    return await to_thread.run_sync(rightsholder_page.shown, made, guest.language)


@router.post("/rightsholder/requests/{request_id}/confirm", responses=WRITE)
def confirm(guest: RightsApiGuest, request_id: Id, lang: Language = None) -> Asked:
    """Confirm a draft: it waits for a desk, or takes effect at once, by the platform's setting."""
    resources = guest.resources
    asked = rights_drafts.confirm(
        *(resources.ledger, guest.link, request_id), approval=resources.settings.rights_approval
    )
    resources.relay.wake()
    return rightsholder_page.shown(asked, guest.language)


@router.post("/rightsholder/requests/{request_id}/withdraw", responses=WRITE)
def withdraw(guest: RightsApiGuest, request_id: Id, lang: Language = None) -> Asked:
    """Take a request back before a desk has decided it."""
    asked = rights_drafts.withdraw(guest.resources.ledger, guest.link, request_id)
    return rightsholder_page.shown(asked, guest.language)


@router.post("/rightsholder/erasure", status_code=201, responses=WRITE)
def ask_erasure(guest: RightsApiGuest, asked: Why, lang: Language = None) -> Asked:
    """Ask for the erasure of what is held about them (GDPR, Article 17): a person does it."""
    made = rights_drafts.ask_erasure(guest.resources.ledger, guest.link, asked.why)
    return rightsholder_page.shown(made, guest.language)

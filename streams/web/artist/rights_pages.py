"""Pages of rightsholders for browsers: ``/artist/open/TOKEN`` leads to ``/artist/rights/LINK_ID``.

A choice takes two steps: the form makes a draft and leads to what it would change. That page has
the button that confirms it.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from typing import Final

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, RedirectResponse, Response

from detector.errors import BadInput
from streams.services import (
    appeal_files,
    rights_drafts,
    rights_requests,
    rightsholder_export,
    rightsholder_page,
    rightsholder_words,
)
from streams.services.rights_choices import BadChoice
from streams.services.rights_requests import RightsRequest
from streams.services.rightsholder_page import RightsholderPage
from streams.services.signed_links import PAGE, LinkRefused, RightsholderLink
from streams.web.api.multipart import FILE_BYTES
from streams.web.api.pages import Id
from streams.web.artist import handing_in, rights_forms
from streams.web.artist.forms import HandedIn
from streams.web.artist.guests import Form, Guest, RightsGuest, not_valid
from streams.web.artist.render import HEADERS, page

router = APIRouter(prefix=f"{PAGE}/rights")
EXPORT: Final = "earmark-held-about-me.zip"


@router.get("/{link_id}")
def show(request: Request, guest: RightsGuest) -> Response:
    """Show what is held about a rightsholder, and what they chose."""
    return shown(request, guest)


def content_of(guest: Guest[RightsholderLink]) -> RightsholderPage:
    """Return the content of a guest's page, or end the request."""
    resources = guest.resources
    try:
        return rightsholder_page.content(
            *(resources.ledger, guest.link, guest.language),
            approval=resources.settings.rights_approval,
        )
    except LinkRefused as refused:
        resources.refusals.note(refused)
        raise not_valid(guest.request) from None


def shown(
    request: Request,
    guest: Guest[RightsholderLink],
    *,
    fault: str = "",
    draft: HandedIn | None = None,
) -> Response:
    """Return the page of a link; ``fault``: what was wrong with a form, ``draft``: the form."""
    resources = guest.resources
    files = appeal_files.of_side(resources.ledger, guest.link)
    return page(
        *(request, "rights.html", 422 if fault else 200),
        guest=guest,
        content=content_of(guest),
        words=rightsholder_words,
        draft=draft or HandedIn(),
        unsent=[one for one in files if one.appeal_id is None],
        endings=",".join(f".{ending}" for ending in appeal_files.ENDINGS),
        settings=resources.settings,
        fault=fault,
    )


@router.post("/{link_id}/choose", max_body_size=FILE_BYTES)
async def choose(request: Request, guest: RightsGuest) -> Response:
    """Make a draft of a choice; lead to what it would change."""
    return await _draft(request, guest, rights_forms.choose)


@router.post("/{link_id}/take-back/{entry_id}", max_body_size=FILE_BYTES)
async def take_back(request: Request, guest: RightsGuest, entry_id: Id) -> Response:
    """Make a draft that takes an earlier choice back."""
    return await _draft(request, guest, rights_forms.take_back(entry_id))


async def _draft(
    request: Request,
    guest: Guest[RightsholderLink],
    act: handing_in.Act[RightsholderLink, RightsRequest],
) -> Response:
    rights_forms.keep_pace(guest)
    made, form, fault = await handing_in.hand_in(guest, act)
    if made is None:
        return await to_thread.run_sync(partial(shown, request, guest, fault=fault, draft=form))
    return RedirectResponse(f"{guest.path}/confirm/{made.request_id}", 303, HEADERS)


@router.get("/{link_id}/confirm/{request_id}")
def look(request: Request, guest: RightsGuest, request_id: Id) -> Response:
    """Show what a draft would change."""
    asked = _own(guest, request_id)
    if asked is None or asked.state != "draft":
        return RedirectResponse(f"{guest.path}#requests", 303, HEADERS)
    return page(
        *(request, "rights_confirm.html"),
        guest=guest,
        content=content_of(guest),
        asked=rightsholder_page.shown(asked, guest.language),
        files=[one for one in appeal_files.of_side(guest.resources.ledger, guest.link)
               if one.appeal_id is None],
    )  # fmt: skip


def _own(guest: Guest[RightsholderLink], request_id: str) -> RightsRequest | None:
    with guest.resources.ledger.reading() as connection:
        try:
            asked = rights_requests.find(connection, request_id)
        except BadChoice:
            return None
    return asked if asked.rightsholder_id == guest.link.rightsholder_id else None


@router.post("/{link_id}/confirm/{request_id}")
def confirm(request: Request, guest: RightsGuest, request_id: Id, form: Form) -> Response:
    """Confirm a draft."""
    resources = guest.resources
    act = partial(
        rights_drafts.confirm,
        *(resources.ledger, guest.link, request_id),
        approval=resources.settings.rights_approval,
    )
    return _done(request, guest, act)


@router.post("/{link_id}/withdraw/{request_id}")
def withdraw(request: Request, guest: RightsGuest, request_id: Id, form: Form) -> Response:
    """Take a request back before a desk has decided it."""
    ledger = guest.resources.ledger
    return _done(request, guest, partial(rights_drafts.withdraw, ledger, guest.link, request_id))


@router.post("/{link_id}/erasure")
def ask_erasure(request: Request, guest: RightsGuest, form: Form) -> Response:
    """Ask for the erasure of what is held about them."""
    why = str(form.get("why", ""))
    ledger = guest.resources.ledger
    return _done(request, guest, partial(rights_drafts.ask_erasure, ledger, guest.link, why))


def _done(
    request: Request, guest: Guest[RightsholderLink], act: Callable[[], RightsRequest]
) -> Response:
    try:
        act()
    except BadInput as error:
        return shown(request, guest, fault=handing_in.fault_of(guest, error))
    guest.resources.relay.wake()
    return RedirectResponse(f"{guest.path}#requests", 303, HEADERS)


@router.post("/{link_id}/files/{file_id}/remove")
def remove(guest: RightsGuest, file_id: Id, form: Form) -> Response:
    """Remove a file that was not sent yet."""
    resources = guest.resources
    appeal_files.remove(resources.ledger, resources.evidence, guest.link, file_id)
    return RedirectResponse(f"{guest.path}#choose", 303, HEADERS)


@router.get("/{link_id}/export")
def export(guest: RightsGuest) -> Response:
    """Return all that is held about them, as a ZIP file."""
    return exported(guest)


def exported(guest: Guest[RightsholderLink]) -> Response:
    """Return the export of a guest: written to the disk first, and removed when it is sent."""
    resources = guest.resources
    with resources.arrivals.one_of(f"export of {guest.link.rightsholder_id}"):
        target = tempfile.NamedTemporaryFile(dir=resources.evidence.spool)  # noqa: SIM115 - closed once sent
        try:
            rightsholder_export.write(
                *(resources.ledger, resources.evidence, guest.link.rightsholder_id, target),
                by=guest.link.link_id,
            )
            target.flush()
        except BaseException:
            target.close()
            raise
    return FileResponse(
        target.name,
        media_type="application/zip",
        filename=EXPORT,
        headers=HEADERS | {"Cache-Control": "private, no-store"},
        background=BackgroundTask(target.close),
    )

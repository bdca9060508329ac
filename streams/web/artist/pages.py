"""Pages of artists for browsers: ``/artist/open/TOKEN`` leads to ``/artist/LINK_ID``."""

from functools import partial
from typing import Final

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from detector.errors import BadInput
from streams.contract.records.reviews import AppealChanged
from streams.services import appeal_files, artist_appeals, artist_page, evidence_pictures
from streams.services.signed_links import LONGEST, PAGE, ArtistLink, LinkRefused
from streams.store import reviews
from streams.web.api.multipart import FILE_BYTES
from streams.web.api.pages import Id
from streams.web.api.problems import ProblemError
from streams.web.artist import handing_in
from streams.web.artist.forms import HandedIn
from streams.web.artist.guests import COOKIE, Form, Guest, PageGuest, not_valid, open_token
from streams.web.artist.render import HEADERS, SECRET_ADDRESS, page
from streams.web.console import audio, waveform
from streams.web.console.render import set_cookie

router = APIRouter(prefix=PAGE)
DAY_S: Final = 86_400


@router.get("/open/{token}")
def open_link(request: Request, token: str) -> Response:
    """Open a link: set its cookie, and lead to the page without the token in its address."""
    link = open_token(request, token[: LONGEST + 1])
    answer = RedirectResponse(link.path, 303, SECRET_ADDRESS)
    # Lax: who comes from a mail on the web comes from another site.
    set_cookie(request, answer, COOKIE, token, path=link.path, max_age=30 * DAY_S, samesite="lax")
    return answer


@router.get("/{link_id}")
def show(request: Request, guest: PageGuest) -> Response:
    """Show what was decided about the recording, in plain words."""
    return shown(request, guest)


def shown(
    request: Request, guest: Guest[ArtistLink], *, fault: str = "", draft: HandedIn | None = None
) -> Response:
    """Return the page of a link; ``fault``: what was wrong with a form, ``draft``: the form."""
    ledger = guest.resources.ledger
    try:
        content = artist_page.content(ledger, guest.link, guest.language)
        decision = artist_page.current_decision(ledger, guest.link)
        overview = artist_appeals.overview(ledger, guest.link, guest.language)
    except LinkRefused:
        raise not_valid(request) from None
    with ledger.reading() as connection:
        fingerprint = reviews.fingerprint(connection, guest.link.upload_id)
    wave = waveform.of(guest.resources, fingerprint, decision)
    return page(
        *(request, "page.html", 422 if fault else 200),
        guest=guest,
        content=content,
        wave=wave,
        overview=overview,
        words=artist_appeals,
        draft=draft or HandedIn(),
        endings=",".join(f".{ending}" for ending in appeal_files.ENDINGS),
        settings=guest.resources.settings,
        fault=fault,
    )


@router.post("/{link_id}/object", max_body_size=FILE_BYTES)
async def object_to_it(request: Request, guest: PageGuest) -> Response:
    """Receive an appeal with its files."""
    return await _hand_in(request, guest, handing_in.receive)


@router.post("/{link_id}/answer/{appeal_id}", max_body_size=FILE_BYTES)
async def answer(request: Request, guest: PageGuest, appeal_id: Id) -> Response:
    """Add a text and files to an appeal."""
    return await _hand_in(request, guest, handing_in.answer(appeal_id))


async def _hand_in(
    request: Request, guest: Guest[ArtistLink], act: handing_in.Act[ArtistLink, AppealChanged]
) -> Response:
    appeal, form, fault = await handing_in.hand_in(guest, act)
    if appeal is None:
        return await to_thread.run_sync(partial(shown, request, guest, fault=fault, draft=form))
    return RedirectResponse(f"{guest.path}#appeal", 303, HEADERS)


@router.post("/{link_id}/files/{file_id}/remove")
def remove(guest: PageGuest, file_id: Id, form: Form) -> Response:
    """Remove a file that was not sent yet."""
    resources = guest.resources
    appeal_files.remove(resources.ledger, resources.evidence, guest.link, file_id)
    return RedirectResponse(f"{guest.path}#object", 303, HEADERS)


@router.get("/{link_id}/evidence.png")
def picture(guest: PageGuest) -> Response:
    """Return the picture of the measurement; the first time it is drawn."""
    return evidence(guest)


@router.get("/{link_id}/audio")
@router.head("/{link_id}/audio")
def hear(guest: PageGuest) -> Response:
    """Return the recording, or the part of it that the player asks for."""
    return played(guest)


def evidence(guest: Guest[ArtistLink]) -> Response:
    """Return the picture of a guest's decision."""
    resources = guest.resources
    decision = artist_page.current_decision(resources.ledger, guest.link)
    drawn = evidence_pictures.picture(
        resources.ledger, resources.store, resources.settings.model, decision, "png"
    )
    headers = HEADERS | {"Cache-Control": f"private, max-age={DAY_S}"}
    return Response(drawn, media_type=evidence_pictures.MEDIA["png"], headers=headers)


def played(guest: Guest[ArtistLink]) -> Response:
    """Return the audio of a guest's upload."""
    requested = guest.request.headers.get("range")
    try:
        answer = audio.played(guest.resources, guest.link.upload_id, requested)
    except BadInput as error:
        raise ProblemError(410, "no_audio", error.detail) from error
    answer.headers.update(HEADERS)
    return answer

"""``/artist``: what the page of artists shows, for a platform that shows it itself.

The caller sends the token of an artist link instead of an API key.
"""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Response

from streams.contract.records.reviews import AppealChanged
from streams.services import artist_appeals, artist_page
from streams.services.artist_appeals import ArtistAppeals
from streams.services.artist_page import ArtistPage
from streams.services.signed_links import ArtistLink, LinkRefused
from streams.web.api.multipart import FILE_BYTES
from streams.web.api.pages import Id
from streams.web.api.problems import ProblemError, documented
from streams.web.artist import handing_in, pages
from streams.web.artist.guests import ApiGuest, Guest, not_valid, refuse_other

router = APIRouter(tags=["artist"])
READ = documented(401, 404, 422, 429, 503)
WRITE = documented(400, 401, 404, 413, 415, 422, 429, 503)
Language = Annotated[str | None, Query(max_length=10, description="`en` or `de`")]
OfDecision = Annotated[
    str | None, Query(max_length=256, description="refused where it is not the link's")
]


@router.get("/artist", responses=READ)
def show(guest: ApiGuest, lang: Language = None, decision_id: OfDecision = None) -> ArtistPage:
    """Return what was decided about a recording, in plain words.

    Without ``lang``: in the language of ``Accept-Language``.
    """
    if decision_id not in (None, guest.link.decision_id):
        raise refuse_other(guest.request, guest.link)
    try:
        return artist_page.content(guest.resources.ledger, guest.link, guest.language)
    except LinkRefused:
        raise not_valid(guest.request) from None


@router.get("/artist/appeals", responses=READ)
def appeals(guest: ApiGuest, lang: Language = None) -> ArtistAppeals:
    """Return the appeals of those who have links to this recording, and whether one can object."""
    try:
        return artist_appeals.overview(guest.resources.ledger, guest.link, guest.language)
    except LinkRefused:
        raise not_valid(guest.request) from None


@router.post(
    "/artist/appeals",
    status_code=201,
    responses=WRITE,
    openapi_extra=handing_in.files_form("party", "grounds", "statement"),
    max_body_size=FILE_BYTES,
)
async def receive(guest: ApiGuest, lang: Language = None) -> ArtistAppeals:
    """Hand in an appeal with its files: project files, stems, session exports, documents.

    `party` is `artist`, `label`, `distributor` or `rightsholder`. `part` (repeated) and `tools`
    correct what was declared: which part AI made, and with what.
    """
    return await _hand_in(guest, handing_in.receive)


@router.post(
    "/artist/appeals/{appeal_id}",
    responses=WRITE,
    openapi_extra=handing_in.files_form(),
    max_body_size=FILE_BYTES,
)
async def answer(guest: ApiGuest, appeal_id: Id, lang: Language = None) -> ArtistAppeals:
    """Add a statement and files to an open appeal."""
    return await _hand_in(guest, handing_in.answer(appeal_id))


async def _hand_in(
    guest: Guest[ArtistLink], act: handing_in.Act[ArtistLink, AppealChanged]
) -> ArtistAppeals:
    appeal, _, fault = await handing_in.hand_in(guest, act)
    if appeal is None:
        raise ProblemError(422, "not_received", fault)
    return await to_thread.run_sync(
        artist_appeals.overview, guest.resources.ledger, guest.link, guest.language
    )


@router.get(
    "/artist/evidence.png",
    responses=READ
    | {200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,
)
async def evidence_picture(guest: ApiGuest) -> Response:
    """Return the picture of the measurement; the first time it takes some seconds to draw."""
    return await to_thread.run_sync(pages.evidence, guest)


@router.get(
    "/artist/audio",
    responses=READ
    | {200: {"content": {"audio/mpeg": {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,
)
def hear(guest: ApiGuest) -> Response:
    """Return the recording, where its audio is still there; ``Range`` is honoured."""
    return pages.played(guest)

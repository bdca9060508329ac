"""Check a track: drop a file, watch it go through the house, read what was found."""

from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import JSONResponse, Response

from streams.services.accounts.roles import Right
from streams.store.tables import FINGERPRINTS, UPLOADS
from streams.web.api import intake, multipart
from streams.web.api.pages import Id
from streams.web.api.progress import progress_of
from streams.web.api.resources import house_of
from streams.web.console import auth, waveform
from streams.web.console.auth import PageError, Visitor, blind_among, needs, not_blind
from streams.web.console.listing import listed
from streams.web.console.render import page
from streams.web.console.story import upload_of

router = APIRouter()
RECENT = 12
SAID = ("declared",)


@router.get("/check")
def check(request: Request, visitor: Annotated[Visitor, needs(Right.UPLOAD)]) -> Response:
    """Show where to drop a file, and what came lately."""
    house = house_of(request)
    house.seen(visitor.user.user_id, "check_seen")
    recent = listed(house.ledger, limit=RECENT).rows
    return page(
        *(request, "check.html", visitor),
        most=house.settings.fetch_max_bytes,
        recent=recent,
        blind=blind_among(request, visitor, [row["track_id"] for row in recent]),
    )


@router.post("/check", max_body_size=multipart.FILE_BYTES)
async def receive(request: Request, visitor: Annotated[Visitor, needs(Right.UPLOAD)]) -> Response:
    """Take a file in; the page's script follows where it goes."""
    auth.token_needed(request, visitor)
    house = house_of(request)
    async with multipart.received(request, house.uploads) as form:
        said = intake.parsed(form.metadata) if form.metadata.strip() else {}
        if set(said) - set(SAID):  # a file of ours must not pass for a delivery of somebody's track
            raise PageError(422, f"Of a file that is checked only {', '.join(SAID)} is said.")
        taken = await to_thread.run_sync(intake.take_file_in, house, form, visitor.user.user_id)
    house.relay.wake()
    return JSONResponse({"upload_id": taken.upload_id, "page": f"/check/{taken.upload_id}"}, 202)


@router.get("/check/{upload_id}")
def result(
    request: Request, upload_id: Id, visitor: Annotated[Visitor, needs(Right.READ)]
) -> Response:
    """Show how far an upload is and, once it is decided, everything about it."""
    house = house_of(request)
    house.seen(visitor.user.user_id, "upload_seen", upload_id)
    with house.ledger.reading() as connection:
        found = progress_of(connection, upload_id)
        upload = connection.scalar(select(UPLOADS.c.record).where(UPLOADS.c.upload_id == upload_id))
        heard = connection.scalar(
            select(FINGERPRINTS.c.record)
            .where(FINGERPRINTS.c.upload_id == upload_id)
            .order_by(FINGERPRINTS.c.observation_version.desc())
            .limit(1)
        )
    if found is None:
        raise PageError(404, "There is no such upload.")
    not_blind(request, visitor, found.track_id)
    facts: dict[str, Any] = orjson.loads(heard) if heard else {}
    return page(
        request,
        "result.html",
        visitor,
        progress=found,
        upload=upload_of(upload, found.track_id or upload_id),
        heard=facts,
        wave=waveform.of(house, facts, found.decision),
    )


@router.get("/check/{upload_id}/state")
def state(
    request: Request, upload_id: Id, visitor: Annotated[Visitor, needs(Right.READ)]
) -> Response:
    """Say how far an upload is, to the page's script."""
    with house_of(request).ledger.reading() as connection:
        found = progress_of(connection, upload_id)
    if found is None:
        raise PageError(404, "There is no such upload.")
    return JSONResponse({"status": found.status, "ended": found.ended})

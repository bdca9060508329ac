"""Check a track: upload a file, watch its progress, read the result."""

from anyio import to_thread
from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from streams.media.audio_formats import DECODED
from streams.store import reviews as review_store
from streams.store import track_list
from streams.store.queries import Progress, progress_of
from streams.web.api import intake, multipart
from streams.web.api.pages import Id
from streams.web.console import waveform
from streams.web.console.auth import CanRead, CanUpload, PageError, Visitor
from streams.web.console.story import upload_of

router = APIRouter()
RECENT = 12


@router.get("/check")
def check(visitor: CanUpload) -> Response:
    """Show where to drop a file, and the latest uploads."""
    resources = visitor.views("check_seen")
    recent = track_list.uploads(resources.ledger, limit=RECENT).rows
    blind = visitor.blind_among([row["track_id"] for row in recent])
    return visitor.page("check.html", recent=recent, blind=blind,
        most=resources.settings.fetch_max_bytes, suffixes=DECODED,
    )  # fmt: skip


@router.post("/check", max_body_size=multipart.FILE_BYTES)
async def receive(visitor: CanUpload) -> Response:
    """Receive a file; the page's script follows its progress."""
    visitor.must_send_token()
    resources = visitor.resources
    async with multipart.received(visitor.request, resources.uploads) as form:
        if intake.metadata_of(form).keys() - {"declared"}:  # a check is no delivery of a track
            raise PageError(422, "A file to check takes only these fields: declared.")
        taken = await to_thread.run_sync(intake.take_file_in, resources, form, visitor.user)
    resources.relay.wake()
    return JSONResponse({"upload_id": taken.upload_id, "page": f"/check/{taken.upload_id}"}, 202)


@router.get("/check/{upload_id}")
def result(upload_id: Id, visitor: CanRead) -> Response:
    """Show the progress of an upload and, once it is decided, the result."""
    resources = visitor.views("upload_seen", upload_id)
    progress = _progress(visitor, upload_id)
    visitor.must_not_be_blind(progress.track_id)
    with resources.ledger.reading() as connection:
        upload = review_store.upload(connection, upload_id)
        fingerprint = review_store.fingerprint(connection, upload_id)
    return visitor.page(
        "result.html",
        progress=progress,
        upload=upload_of(upload, progress.track_id or upload_id),
        fingerprint=fingerprint,
        wave=waveform.of(resources, fingerprint, progress.decision),
    )


@router.get("/check/{upload_id}/state")
def state(upload_id: Id, visitor: CanRead) -> Response:
    """Return the progress of an upload to the page's script."""
    progress = _progress(visitor, upload_id)
    return JSONResponse({"status": progress.status, "ended": progress.ended})


def _progress(visitor: Visitor, upload_id: str) -> Progress:
    progress = progress_of(visitor.resources.ledger, upload_id)
    if progress is None:
        raise PageError(404, "There is no such upload.")
    return progress

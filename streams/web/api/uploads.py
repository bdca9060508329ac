"""``/uploads``: submit a track, by address or by file, and read its progress."""

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from streams.contract.records import TrackDecided
from streams.services.accounts.keys import Key
from streams.services.upload_inputs import check_scheme, upload_from_fields
from streams.store.queries import Progress, is_of, progress_of
from streams.web.api import intake, multipart, pages
from streams.web.api.callers import CanRead, CanUpload
from streams.web.api.disclosure import decision_of
from streams.web.api.problems import ProblemError, documented
from streams.web.api.resources import AppResources, Resources

router = APIRouter(tags=["uploads"])
JSON_BYTES = multipart.METADATA_BYTES
OF_ONE = documented(401, 403, 404, 422, 429, 503)
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Upload"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "metadata": {
                            "type": "string",
                            "description": "JSON: the fields of Upload without uri and sha256; "
                            "track_id may be left out",
                        },
                    },
                }
            },
        },
    }
}


class Accepted(BaseModel):
    """A received upload; its decision follows."""

    upload_id: str
    track_id: str


class UploadStatus(BaseModel):
    """The progress of an upload."""

    upload_id: str
    track_id: str
    status: str
    decision_id: str | None = None
    outcome: str | None = None
    extent: str | None = None
    reason: str | None = None
    detail: str | None = None

    @classmethod
    def of(cls, progress: Progress) -> "UploadStatus":
        """Return a progress in the fields of the API."""
        decision, failure = progress.decision, progress.failure or {}
        return cls(
            upload_id=progress.upload_id,
            track_id=progress.track_id,
            status=progress.status,
            decision_id=decision and decision.decision_id,
            outcome=decision and decision.analysis.outcome.value,
            extent=decision and decision.label.extent.value,
            reason=failure.get("reason"),
            detail=failure.get("detail"),
        )


class UploadPage(pages.Page):
    """Uploads, latest first."""


@router.post(
    "/uploads",
    status_code=202,
    openapi_extra=BODY,
    responses=documented(400, 401, 403, 409, 413, 415, 422, 429, 503),
    max_body_size=multipart.FILE_BYTES,
)
async def upload(
    request: Request,
    response: Response,
    resources: Resources,
    caller: CanUpload,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Accepted:
    """Submit a track: JSON with its address, or a form with the file.

    The same ``Idempotency-Key`` gives the same answer for seven days, and decides once.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    async with intake.reserved(resources, caller) as reservation:
        if kind == "application/json":
            upload = upload_from_fields(intake.parsed(await _body(request)))
            check_scheme(upload, resources.settings)
            take_in = partial(intake.take_in, resources, upload, caller, idempotency_key)
            taken = await to_thread.run_sync(partial(take_in, reservation=reservation))
        else:
            async with multipart.received(request, resources.uploads) as form:
                take_in = partial(intake.take_file_in, resources, form, caller, idempotency_key)
                taken = await to_thread.run_sync(partial(take_in, reservation=reservation))
    resources.relay.wake()
    response.headers["Location"] = f"/v1/uploads/{taken.upload_id}"
    if taken.again:
        response.headers["Idempotent-Replayed"] = "true"
    return Accepted(upload_id=taken.upload_id, track_id=taken.track_id)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > JSON_BYTES:
            raise ProblemError(413, "too_large", f"JSON has at most {JSON_BYTES} bytes")
    return bytes(body)


@router.get(
    "/uploads", response_model=UploadPage, responses=documented(400, 401, 403, 422, 429, 503)
)
def uploads(
    caller: CanRead,
    reader: pages.Reader,
    track_id: Annotated[str | None, Query(max_length=256)] = None,
) -> pages.Page:
    """Return uploads, latest first."""
    return reader.page("uploads", track_id, caller)


@router.get("/uploads/{upload_id}", responses=OF_ONE)
def status(resources: Resources, upload_id: pages.Id, caller: CanRead) -> UploadStatus:
    """Return the status: received, fingerprinted, classified, decided or dead_letter."""
    return UploadStatus.of(_progress(caller, resources, upload_id))


@router.get("/uploads/{upload_id}/decision", responses=OF_ONE)
def decision(resources: Resources, upload_id: pages.Id, caller: CanRead) -> TrackDecided:
    """Return the current decision about an upload."""
    decided = _progress(caller, resources, upload_id).decision
    if decided is None:
        raise ProblemError(404, "not_decided", f"upload {upload_id} has no decision")
    return decision_of(caller, decided)


def _progress(caller: Key, resources: AppResources, upload_id: str) -> Progress:
    ledger = resources.ledger
    progress = progress_of(ledger, upload_id)
    if progress is None or not is_of(ledger, upload_id, caller.distributors):
        raise ProblemError(404, "no_such_upload", f"there is no upload {upload_id}")
    return progress

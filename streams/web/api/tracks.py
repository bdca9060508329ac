"""``/tracks`` and ``/decisions``: tracks, their labels and decisions, and the evidence."""

import orjson
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from streams.contract.records import TrackDecided
from streams.contract.records.policy import StatementWritten
from streams.services.evidence_pictures import Pictures
from streams.store import queries, track_queries
from streams.web.api import pages
from streams.web.api.callers import CanRead
from streams.web.api.pages import Page
from streams.web.api.problems import ProblemError, documented
from streams.web.api.resources import resources_of

router = APIRouter(tags=["tracks"])
READ = documented(400, 401, 403, 404, 422, 429, 503)
UPLOADS = 20


class Track(BaseModel):
    """A track: its latest decision, and the ids of its latest twenty uploads."""

    track_id: str
    decision: TrackDecided | None
    upload_ids: list[str]


@router.get("/tracks/{track_id:path}/labels", response_model=Page, responses=READ)
def labels(
    request: Request,
    track_id: pages.Id,
    caller: CanRead,
    cursor: pages.Cursor = None,
    limit: pages.Limit = pages.DEFAULT,
) -> Page:
    """Return every label that a track ever had, latest first."""
    ledger = resources_of(request).ledger
    items, cursor = track_queries.records(ledger, "labels", cursor, limit, track_id=track_id)
    return Page(items=items, next_cursor=cursor)


@router.get("/tracks/{track_id:path}/decisions", response_model=Page, responses=READ)
def decisions(
    request: Request,
    track_id: pages.Id,
    caller: CanRead,
    cursor: pages.Cursor = None,
    limit: pages.Limit = pages.DEFAULT,
) -> Page:
    """Return every decision about a track, latest first."""
    ledger = resources_of(request).ledger
    items, cursor = track_queries.records(ledger, "decisions", cursor, limit, track_id=track_id)
    return Page(items=items, next_cursor=cursor)


@router.get("/tracks/{track_id:path}", response_model=Track, responses=READ)
def track(request: Request, track_id: pages.Id, caller: CanRead) -> Track:
    """Return a track. Its id may contain slashes."""
    ledger = resources_of(request).ledger
    uploads = track_queries.latest_uploads(ledger, track_id, UPLOADS)
    decided = track_queries.latest_decision(ledger, track_id)
    if not uploads and decided is None:
        raise ProblemError(404, "no_such_track", f"there is no track {track_id}")
    return Track(track_id=track_id, decision=decided, upload_ids=uploads)


@router.get("/decisions/{decision_id}", response_model=TrackDecided, responses=READ)
def decision(request: Request, decision_id: pages.Id, caller: CanRead) -> TrackDecided:
    """Return one decision with its analysis, label, actions, rules and versions."""
    return _decision(request, decision_id)


@router.get("/decisions/{decision_id}/statement", response_model=StatementWritten, responses=READ)
def statement(request: Request, decision_id: pages.Id, caller: CanRead) -> StatementWritten:
    """Return the statement of reasons of a decision; 404 where it restricts nothing."""
    statement_id = _decision(request, decision_id).statement_id
    ledger = resources_of(request).ledger
    written = track_queries.statement(ledger, statement_id) if statement_id else None
    if written is None:
        raise ProblemError(404, "no_statement", f"decision {decision_id} has no statement")
    return written


@router.get(
    "/decisions/{decision_id}/evidence",
    responses=READ | {200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def evidence(request: Request, decision_id: pages.Id, caller: CanRead) -> Response:
    """Return the numbers behind the picture of the evidence."""
    picture = _picture(request, decision_id, "json")
    return Response(orjson.dumps(orjson.loads(picture)), media_type="application/json")


@router.get(
    "/decisions/{decision_id}/evidence.png",
    responses=READ
    | {200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,
)
async def evidence_picture(request: Request, decision_id: pages.Id, caller: CanRead) -> Response:
    """Return the picture of the evidence; the first time it takes some seconds to draw."""
    drawn = await to_thread.run_sync(_picture, request, decision_id, "png")
    return Response(drawn, media_type="image/png")


def _picture(request: Request, decision_id: str, ending: str) -> bytes:
    resources = resources_of(request)
    return Pictures(resources.ledger, resources.store, resources.settings).of(
        _decision(request, decision_id), ending
    )


def _decision(request: Request, decision_id: str) -> TrackDecided:
    decided = queries.decision(resources_of(request).ledger, decision_id)
    if decided is None:
        raise ProblemError(404, "no_such_decision", f"there is no decision {decision_id}")
    return decided

"""``/tracks`` and ``/decisions``: tracks, their labels and decisions, and the evidence."""

from datetime import datetime
from typing import Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from streams.contract.records import Identifier, TrackDecided
from streams.contract.records.policy import StatementWritten
from streams.services import evidence_pictures, timeline, track_ids
from streams.services.accounts.keys import Key
from streams.store import queries
from streams.web.api.callers import CanAdmin, CanRead
from streams.web.api.disclosure import decision_of
from streams.web.api.pages import Id, Page, Reader
from streams.web.api.problems import ProblemError, documented
from streams.web.api.resources import AppResources, Resources

router = APIRouter(tags=["tracks"])
READ = documented(400, 401, 403, 404, 422, 429, 503)
GIVE = documented(400, 401, 403, 422, 429, 503)
UPLOADS = 20


class Track(BaseModel):
    """A track: its latest decision, and the ids of its latest twenty uploads."""

    track_id: str
    decision: TrackDecided | None
    upload_ids: list[str]


class Owner(BaseModel):
    """The distributor that a track id is of."""

    model_config = ConfigDict(extra="forbid")

    distributor: Identifier


class StoryEntry(BaseModel):
    """One event; ``details`` are the ids and numbers behind it.

    ``subject`` is the id of the task or appeal, where there is one.
    """

    at: datetime | None
    kind: str
    sentence: str
    details: str
    subject: str


class Story(BaseModel):
    """The story of a track, in the sentences that the console shows."""

    track_id: str
    entries: list[StoryEntry]


@router.get("/tracks/{track_id:path}/labels", responses=READ)
def labels(track_id: Id, caller: CanRead, reader: Reader) -> Page:
    """Return every label that a track ever had, latest first."""
    return reader.page("labels", track_id, caller)


@router.get("/tracks/{track_id:path}/decisions", responses=READ)
def decisions(track_id: Id, caller: CanRead, reader: Reader) -> Page:
    """Return every decision about a track, latest first."""
    return reader.page("decisions", track_id, caller)


@router.get("/tracks/{track_id:path}/story", response_model=Story, responses=READ)
def story(resources: Resources, track_id: Id, caller: CanRead) -> Any:
    """Return the story of a track: every event about it in a sentence, oldest first."""
    rows = queries.story(resources.ledger, track_id, caller.distributors)
    if not rows:
        raise _no_track(track_id)
    entries = timeline.story(rows, {})  # reviewers stay pseudonyms
    shown = [entry for entry in entries if entry.kind not in timeline.INTERNAL]
    return {"track_id": track_id, "entries": shown}


@router.post("/tracks/{track_id:path}/owner", status_code=204, responses=GIVE)
def give(resources: Resources, track_id: Id, owner: Owner, caller: CanAdmin) -> None:
    """Give a track id to a distributor, also where another has delivered under it; audited."""
    track_ids.give(resources.ledger, track_id, owner.distributor, caller.key_id)


@router.get("/tracks/{track_id:path}", responses=READ)
def track(resources: Resources, track_id: Id, caller: CanRead) -> Track:
    """Return a track. Its id may contain slashes."""
    ledger, own = resources.ledger, caller.distributors
    uploads = queries.latest_uploads(ledger, track_id, UPLOADS, own)
    decided = queries.latest_decision(ledger, track_id, own)
    if not uploads and decided is None:
        raise _no_track(track_id)
    shown = decided and decision_of(caller, decided)
    return Track(track_id=track_id, decision=shown, upload_ids=uploads)


def _no_track(track_id: str) -> ProblemError:
    return ProblemError(404, "no_such_track", f"there is no track {track_id}")


@router.get("/decisions/{decision_id}", responses=READ)
def decision(resources: Resources, decision_id: Id, caller: CanRead) -> TrackDecided:
    """Return one decision with its analysis, label, actions, rules and versions."""
    return decision_for(caller, resources, decision_id)


@router.get("/decisions/{decision_id}/statement", responses=READ)
def statement(resources: Resources, decision_id: Id, caller: CanRead) -> StatementWritten:
    """Return the statement of reasons of a decision; 404 where it restricts nothing."""
    statement_id = decision_for(caller, resources, decision_id).statement_id
    with resources.ledger.reading() as connection:
        written = queries.statement(connection, statement_id)
    if written is None:
        raise ProblemError(404, "no_statement", f"decision {decision_id} has no statement")
    return written


@router.get(
    "/decisions/{decision_id}/evidence",
    responses=READ | {200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def evidence(resources: Resources, decision_id: Id, caller: CanRead) -> Response:
    """Return the numbers behind the picture of the evidence."""
    drawn = _picture(caller, resources, decision_id, "json")
    return Response(orjson.dumps(orjson.loads(drawn)), media_type="application/json")


@router.get(
    "/decisions/{decision_id}/evidence.png",
    responses=READ
    | {200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,
)
async def evidence_picture(resources: Resources, decision_id: Id, caller: CanRead) -> Response:
    """Return the picture of the evidence; the first time it takes some seconds to draw."""
    drawn = await to_thread.run_sync(_picture, caller, resources, decision_id, "png")
    return Response(drawn, media_type="image/png")


def _picture(caller: Key, resources: AppResources, decision_id: str, ending: str) -> bytes:
    decision, model = decision_for(caller, resources, decision_id), resources.settings.model
    return evidence_pictures.picture(resources.ledger, resources.store, model, decision, ending)


def decision_for(caller: Key, resources: AppResources, decision_id: str) -> TrackDecided:
    """Return a decision as a key may read it, or end the request with 404."""
    ledger = resources.ledger
    decided = queries.decision(ledger, decision_id=decision_id)
    if decided is None or not queries.is_of(ledger, decided.upload_id, caller.distributors):
        raise ProblemError(404, "no_such_decision", f"there is no decision {decision_id}")
    return decision_of(caller, decided)

"""Tracks: search, and the story of one track in plain words."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from streams.contract.records import TrackDecided, Upload
from streams.services import evidence_pictures, timeline
from streams.services.accounts import users
from streams.store import appeals, queries, track_list
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import waveform
from streams.web.console.auth import CanRead, PageError
from streams.web.console.story import known_recordings, upload_of

router = APIRouter()
PAGE: Final = 50


@router.get("/tracks")
def tracks(visitor: CanRead, search: Term = "", cursor: Cursor = None) -> Response:
    """List uploads, latest first, or those that match a search."""
    ledger, search = visitor.views("tracks_seen").ledger, search.strip()
    part = track_list.search(ledger, search, limit=PAGE, cursor=cursor)
    blind = visitor.blind_among([row["track_id"] for row in part.rows])
    return visitor.page("tracks.html", part=part, blind=blind, search=search)


@router.get("/tracks/{track_id:path}")
def track(track_id: Id, visitor: CanRead) -> Response:
    """Show a track: its decision, evidence and story."""
    resources = visitor.views("track_seen", track_id)
    visitor.must_not_be_blind(track_id)
    rows = queries.story(resources.ledger, track_id)
    if not rows:
        raise PageError(404, "The ledger knows nothing of this track.")
    latest = {row.table: row.record for row in rows}
    decision = TrackDecided.model_validate(latest["decisions"]) if "decisions" in latest else None
    fingerprint: dict[str, Any] = dict(latest.get("fingerprints", {}))
    received = latest.get("uploads")
    delivered = Upload.model_validate(received["upload"]) if received else None
    upload, upload_id = delivered or upload_of(None, track_id), received and received["upload_id"]
    matches = decision.matches if decision else ()
    with resources.ledger.reading() as connection:
        open_appeals = appeals.current(connection, track_id=track_id)
        known = known_recordings(connection, matches, upload, upload_id or "")
    entries = timeline.story(rows, users.names(resources.ledger))
    return visitor.page(
        "track.html",
        track_id=track_id,
        decision=decision,
        upload=upload,
        upload_id=upload_id or "",
        known=known,
        fingerprint=fingerprint,
        wave=waveform.of(resources, fingerprint, decision),
        story=[entry for entry in entries if entry.kind not in timeline.INTERNAL],
        appeals=open_appeals,
    )


@router.get("/evidence/{decision_id}.{ending}")
def picture(decision_id: Id, ending: str, visitor: CanRead) -> Response:
    """Return the picture of a decision's evidence; the first time it is drawn."""
    resources = visitor.resources
    if ending not in evidence_pictures.MEDIA:
        raise PageError(404, "There is no such picture.")
    decision = queries.decision(resources.ledger, decision_id=decision_id)
    if decision is None:
        raise PageError(404, "There is no such decision.")
    visitor.views("evidence_seen", decision_id)
    visitor.must_not_be_blind(decision.track_id)
    drawn = evidence_pictures.picture(
        resources.ledger, resources.store, resources.settings.model, decision, ending
    )
    headers = {"Cache-Control": "private, max-age=86400", "Content-Disposition": "inline"}
    return Response(drawn, media_type=evidence_pictures.MEDIA[ending], headers=headers)

"""Tracks in the ledger, as the pipeline would write them."""

from datetime import datetime, timedelta
from typing import Any

from streams.contract import topics
from streams.contract.records import (
    Declaration,
    Evidence,
    Match,
    Outcome,
    Provenance,
    ReviewRequested,
    TrackDecided,
    UploadReceived,
)
from streams.policy.bundle import Bundle, load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts
from tests.support.events import UPLOADED_AT, classified, fingerprinted, message

POLICY = load(Settings().policy)
CLAIMS_NONE = Declaration(contains_ai="None")


def tell(
    ledger: Ledger,
    track_id: str = "T-1",
    outcome: Outcome = Outcome.IDENTIFIED,
    *,
    declared: Declaration = CLAIMS_NONE,
    uploaded_at: datetime = UPLOADED_AT,
    at_ms: int = 1_795_000_000_000,
    policy: Bundle = POLICY,
    evidence: tuple[Evidence, ...] = (),
    matches: tuple[Match, ...] = (),
    provenance: Provenance | None = None,
    **upload: Any,
) -> tuple[TrackDecided, ReviewRequested | None]:
    """Deliver, analyse and decide one track; AI against a claim of None asks a person."""
    event = classified(
        outcome, declared=declared, uploaded_at=uploaded_at, track_id=track_id, **upload
    )
    content = upload.get("title", track_id).encode().hex().ljust(64, "0")[:64]
    analysis = event.analysis.model_copy(update={"evidence": evidence})
    changes = {
        "content_sha256": content,
        "analysis": analysis,
        "matches": matches,
        "provenance": provenance,
    }
    event = event.model_copy(update=changes)
    received = UploadReceived(
        upload_id=event.upload_id, upload=event.upload, uploaded_at=uploaded_at
    )
    facts = TrackFacts(ledger).facts(event, uploaded_at, policy.name) if matches else None
    records = decide(event, policy, facts)
    labelled, decided, requested = records.labelled, records.decided, records.requested
    events: list[tuple[str, Any]] = [
        (topics.UPLOADED, received),
        (topics.CLASSIFIED, event),
        (topics.LABELLED, labelled),
        (topics.DECIDED, decided),
    ]
    if provenance is not None:
        decoded = {"upload_id": event.upload_id, "provenance": provenance}
        events.append((topics.FINGERPRINTED, fingerprinted(track_id).model_copy(update=decoded)))
    if requested is not None:
        events.append((topics.REVIEWS_REQUESTED, requested))
    project(
        ledger,
        [
            message(topic, record, place, timestamp_ms=at_ms + 10 * place)
            for place, (topic, record) in enumerate(events)
        ],
    )
    return decided, requested


def hear(ledger: Ledger, decided: TrackDecided, content_sha256: str) -> None:
    """Record that an upload was decoded, with this content."""
    event = fingerprinted(decided.track_id).model_copy(
        update={"upload_id": decided.upload_id, "content_sha256": content_sha256}
    )
    project(ledger, [message(topics.FINGERPRINTED, event)])


def a_task(ledger: Ledger, track_id: str = "T-1", **more: Any) -> str:
    """Tell a track that a person must look at; return the task."""
    _, requested = tell(ledger, track_id, **more)
    assert requested is not None
    return requested.task_id


LATER = timedelta(hours=1)

"""What a partner is sent about tracks: upload, decision, artwork, credits, by release."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from streams.contract.records import Label, TrackDecided, Upload
from streams.contract.records.rights import CreditLine, CreditsDerived
from streams.store.database import Ledger, first_parsed
from streams.store.reopening import CurrentDecision, current_decisions
from streams.store.tables import CREDITS, LABELS, UPLOADS


@dataclass(frozen=True)
class LabelledTrack:
    """The current decision about a track, with what it rests on and what follows."""

    upload: Upload
    decided: TrackDecided
    duration_s: float
    artwork: Label | None = None
    credits: tuple[CreditLine, ...] = ()


def labelled_tracks(ledger: Ledger, track_ids: Collection[str]) -> list[LabelledTrack]:
    """Return the tracks that have a decision, in the order of their ids."""
    current = current_decisions(ledger, track_ids)
    with ledger.reading() as connection:
        return [_labelled(connection, current[track_id]) for track_id in sorted(current)]


def _labelled(connection: Connection, current: CurrentDecision) -> LabelledTrack:
    decided, event = current.decided, current.event
    about = LABELS.c.upload_id == decided.upload_id, LABELS.c.subject == "artwork"
    artwork = select(LABELS.c.record).where(*about).order_by(LABELS.c.recorded_at.desc())
    lines = select(CREDITS.c.record).where(CREDITS.c.decision_id == decided.decision_id)
    derived = first_parsed(connection, CreditsDerived, lines)
    return LabelledTrack(
        upload=event.upload,
        decided=decided,
        duration_s=event.audio.duration_s,
        artwork=first_parsed(connection, Label, artwork),
        credits=() if derived is None else derived.lines,
    )


def tracks_of_release(ledger: Ledger, release_id: str) -> list[str]:
    """Return the tracks that were delivered for a release, by its UPC, GRid or own id."""
    question = select(UPLOADS.c.track_id).where(UPLOADS.c.release_id == release_id).distinct()
    with ledger.reading() as connection:
        return sorted(connection.scalars(question))


def whole_releases(ledger: Ledger, track_ids: Collection[str]) -> Iterator[list[str]]:
    """Yield tracks in groups: all of a release by one distributor, or one without a release."""
    names = UPLOADS.c.release_id, UPLOADS.c.distributor
    seen: set[str] = set()
    for track_id in track_ids:
        if track_id in seen:
            continue
        group = [track_id]
        with ledger.reading() as connection:
            latest = select(*names).where(UPLOADS.c.track_id == track_id)
            latest = latest.order_by(UPLOADS.c.uploaded_at.desc()).limit(1)
            row = connection.execute(latest).first()
            if row is not None and row.release_id is not None:
                of_release = select(UPLOADS.c.track_id).where(
                    UPLOADS.c.release_id == row.release_id,
                    UPLOADS.c.distributor.is_not_distinct_from(row.distributor),
                )
                group = sorted(connection.scalars(of_release.distinct()))
        seen.update(group)
        yield group

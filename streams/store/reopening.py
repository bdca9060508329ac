"""Queries for deciding again: current decisions of tracks, and the tracks that a change affects."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, exists, select, tuple_

from streams.contract import processes
from streams.contract.records import TrackClassified, TrackDecided
from streams.policy.registry import Key
from streams.store import stored_records
from streams.store.database import Ledger, chunks, parsed
from streams.store.decision_order import is_later, place_of
from streams.store.tables import ANALYSES, DEAD_LETTERS, DECISIONS, LONG_AGO, SUBJECTS

PAGE: Final = 5_000


@dataclass(frozen=True)
class CurrentDecision:
    """The latest decision about a track, and the analysis to decide by."""

    decided: TrackDecided
    event: TrackClassified
    recorded_at: datetime


def current_decisions(ledger: Ledger, track_ids: Collection[str]) -> Mapping[str, CurrentDecision]:
    """Return the current decisions of tracks; tracks without one or its analysis are left out.

    The decision is the one that the catalogue applies (``decision_order``). The analysis is the
    newest of that upload. Its ``uploaded_at`` is the decision's, since the same upload may have
    been delivered again after it was analysed.
    """
    names = ("track_id", "decision_id", "upload_id", "uploaded_at", "recorded_at")
    columns = [DECISIONS.c[name] for name in names]
    current: dict[str, CurrentDecision] = {}
    with ledger.reading() as connection:
        for ids in chunks(set(track_ids)):
            by_track: dict[str, list[Any]] = defaultdict(list)
            for row in connection.execute(select(*columns).where(DECISIONS.c.track_id.in_(ids))):
                by_track[row.track_id].append(row)
            latest = {track: max(rows, key=place_of) for track, rows in by_track.items()}
            these = DECISIONS.c.decision_id.in_([row.decision_id for row in latest.values()])
            decisions = parsed(connection, TrackDecided, select(DECISIONS.c.record).where(these))
            decided = {decision.decision_id: decision for decision in decisions}
            events = _analyses(connection, [row.upload_id for row in latest.values()])
            for track, row in latest.items():
                event, decision = events.get(row.upload_id), decided.get(row.decision_id)
                if event is not None and decision is not None:
                    event = event.model_copy(update={"uploaded_at": decision.uploaded_at})
                    current[track] = CurrentDecision(decision, event, row.recorded_at or LONG_AGO)
    return current


def _analyses(connection: Connection, upload_ids: Sequence[str]) -> dict[str, TrackClassified]:
    """Return the newest analysis of each upload."""
    query = select(ANALYSES.c.upload_id, ANALYSES.c.recorded_at, ANALYSES.c.record)
    rows = connection.execute(query.where(ANALYSES.c.upload_id.in_(upload_ids))).all()
    in_order = sorted(rows, key=lambda row: row.recorded_at or LONG_AGO)
    latest = {row.upload_id: row.record for row in in_order}
    read = ((upload, stored_records.read(TrackClassified, text)) for upload, text in latest.items())
    return {upload: event for upload, event in read if event is not None}


def missing(ledger: Ledger, published: Sequence[tuple[TrackDecided, datetime]]) -> set[str]:
    """Return the decisions that the ledger lacks, as of this publication, or without analysis.

    Those of an upload of which the ledger refused an event never come: they do not count.
    """
    places = sorted((one.uploaded_at, at, one.decision_id) for one, at in published)
    last = {decision_id: (uploaded_at, at) for uploaded_at, at, decision_id in places}
    analysed = exists().where(
        ANALYSES.c.analysis_id == DECISIONS.c.analysis_id,
        ANALYSES.c.upload_id == DECISIONS.c.upload_id,
    )
    columns = DECISIONS.c.decision_id, DECISIONS.c.uploaded_at, DECISIONS.c.recorded_at
    there: set[str] = set()
    buried: set[str | None] = set()
    with ledger.reading() as connection:
        for ids in chunks(last):
            rows = select(*columns).where(DECISIONS.c.decision_id.in_(ids), analysed)
            for row in connection.execute(rows):
                uploaded_at, at, decision_id = place_of(row)
                if (uploaded_at, at) >= last[decision_id]:
                    there.add(decision_id)
        for ids in chunks({decision.upload_id for decision, _ in published}):
            died = select(DEAD_LETTERS.c.upload_id).where(
                DEAD_LETTERS.c.upload_id.in_(ids),
                DEAD_LETTERS.c.processor == processes.LEDGER.name,
            )
            buried.update(connection.scalars(died))
    return {one.decision_id for one, _ in published if one.upload_id not in buried} - there


def tracks_about(ledger: Ledger, keys: Collection[Key]) -> Iterator[str]:
    """Yield every track whose uploads have any of these names, each once."""
    parts = list(chunks(keys))
    seen: set[str] = set()
    for part in parts:
        names = tuple_(SUBJECTS.c.kind, SUBJECTS.c.name).in_(part)
        for track_id in _tracks(ledger, SUBJECTS.c.track_id, names):
            if track_id not in seen:
                yield track_id
            if len(parts) > 1:  # one part alone has each track once
                seen.add(track_id)


def tracks_since(ledger: Ledger, since: datetime | None, limit: int | None = None) -> Iterator[str]:
    """Yield tracks that were decided since a moment, each once, in order of ids."""
    recent = [] if since is None else [DECISIONS.c.recorded_at >= since]
    return islice(_tracks(ledger, DECISIONS.c.track_id, *recent), limit)


def _tracks(ledger: Ledger, column: Column[str], *conditions: ColumnElement[bool]) -> Iterator[str]:
    question = select(column).where(*conditions).distinct()
    return (row[column.name] for row in ledger.pages(question, column, size=PAGE))


def due(ledger: Ledger, now: datetime, limit: int = PAGE) -> list[tuple[str, str]]:
    """Return current decisions of which a fact has begun or ended."""
    later = DECISIONS.alias().c
    superseded = exists().where(
        later.track_id == DECISIONS.c.track_id, is_later(later, DECISIONS.c)
    )
    query = (
        select(DECISIONS.c.decision_id, DECISIONS.c.track_id)
        .where(DECISIONS.c.reconsider_at <= now, ~superseded)
        .order_by(DECISIONS.c.reconsider_at)
        .limit(limit)
    )
    with ledger.reading() as connection:
        return [(row.decision_id, row.track_id) for row in connection.execute(query)]

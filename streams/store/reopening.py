"""Questions to the ledger for deciding again: what stands about tracks, and which are affected."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select, tuple_

from streams.contract.records import TrackClassified, TrackDecided, parse
from streams.policy.registry import Key
from streams.store.database import CHUNK, Ledger
from streams.store.tables import ANALYSES, DECISIONS, SUBJECTS

PAGE: Final = 5_000
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class CurrentDecision:
    """A track as it stands: its latest decision, and the analysis to decide by."""

    decided: TrackDecided
    event: TrackClassified
    recorded_at: datetime


def current_decisions(ledger: Ledger, track_ids: Collection[str]) -> Mapping[str, CurrentDecision]:
    """Return how tracks stand; those without a decision or its analysis are left out.

    The decision is the one that the catalogue applies: about the latest delivery, and of that
    the latest. The analysis is the newest of that upload; its ``uploaded_at`` is the decision's,
    since the same upload may have been delivered again after it was analysed.
    """
    ids = list(dict.fromkeys(track_ids))
    current: dict[str, CurrentDecision] = {}
    with ledger.reading() as connection:
        for start in range(0, len(ids), CHUNK):
            query = select(
                DECISIONS.c.track_id,
                DECISIONS.c.decision_id,
                DECISIONS.c.upload_id,
                DECISIONS.c.previous_decision_id,
                DECISIONS.c.uploaded_at,
                DECISIONS.c.recorded_at,
            ).where(DECISIONS.c.track_id.in_(ids[start : start + CHUNK]))
            by_track: dict[str, list[Any]] = defaultdict(list)
            for row in connection.execute(query):
                by_track[row.track_id].append(row)
            latest = {track: newest(rows) for track, rows in by_track.items()}
            decided = _decisions(connection, [row.decision_id for row in latest.values()])
            events = _analyses(connection, [row.upload_id for row in latest.values()])
            for track, row in latest.items():
                event = events.get(row.upload_id)
                if event is not None and row.decision_id in decided:
                    decision = decided[row.decision_id]
                    event = event.model_copy(update={"uploaded_at": decision.uploaded_at})
                    current[track] = CurrentDecision(decision, event, row.recorded_at or LONG_AGO)
    return current


def newest(rows: Sequence[Any]) -> Any:
    """Return the decision that counts; of those of one moment, the one not superseded."""
    superseded = {row.previous_decision_id for row in rows}

    def order(row: Any) -> tuple[datetime, datetime, bool, str]:
        return (
            row.uploaded_at,
            row.recorded_at or LONG_AGO,
            row.decision_id not in superseded,
            row.decision_id,
        )

    return max(rows, key=order)


def _decisions(connection: Any, ids: Sequence[str]) -> dict[str, TrackDecided]:
    query = select(DECISIONS.c.decision_id, DECISIONS.c.record)
    rows = connection.execute(query.where(DECISIONS.c.decision_id.in_(ids)))
    return {row.decision_id: parse(TrackDecided, row.record.encode()) for row in rows}


def _analyses(connection: Any, upload_ids: Sequence[str]) -> dict[str, TrackClassified]:
    """Return the newest analysis of each upload."""
    query = select(ANALYSES.c.upload_id, ANALYSES.c.recorded_at, ANALYSES.c.record).where(
        ANALYSES.c.upload_id.in_(upload_ids)
    )
    latest: dict[str, tuple[datetime, str]] = {}
    for row in connection.execute(query):
        at = row.recorded_at or LONG_AGO
        if row.upload_id not in latest or at > latest[row.upload_id][0]:
            latest[row.upload_id] = (at, row.record)
    return {upload: parse(TrackClassified, text.encode()) for upload, (_, text) in latest.items()}


def missing(ledger: Ledger, decided: Sequence[TrackDecided]) -> set[str]:
    """Return the decisions that the ledger lacks, of this delivery or of their analysis."""
    expected = {one.decision_id: (one.analysis.analysis_id, one.upload_id) for one in decided}
    delivered: dict[str, datetime] = {}
    for decision in decided:
        earlier = delivered.get(decision.decision_id, decision.uploaded_at)
        delivered[decision.decision_id] = max(decision.uploaded_at, earlier)
    ids = list(expected)
    seen: set[str] = set()
    analysed: set[tuple[str, str]] = set()
    with ledger.reading() as connection:
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            query = select(DECISIONS.c.decision_id, DECISIONS.c.uploaded_at).where(
                DECISIONS.c.decision_id.in_(some)
            )
            seen.update(
                row.decision_id
                for row in connection.execute(query)
                if row.uploaded_at >= delivered[row.decision_id]
            )
            uploads = [expected[one][1] for one in some]
            pairs = select(ANALYSES.c.analysis_id, ANALYSES.c.upload_id).where(
                ANALYSES.c.upload_id.in_(uploads)
            )
            analysed.update((row.analysis_id, row.upload_id) for row in connection.execute(pairs))
    return {one for one, pair in expected.items() if one not in seen or pair not in analysed}


def tracks_about(ledger: Ledger, keys: Collection[Key]) -> Iterator[str]:
    """Yield every track whose uploads have any of these names, each once, in pages."""
    last = ""
    while True:
        with ledger.reading() as connection:
            query = (
                select(SUBJECTS.c.track_id)
                .where(tuple_(SUBJECTS.c.kind, SUBJECTS.c.name).in_(list(keys)))
                .where(SUBJECTS.c.track_id > last)
                .distinct()
                .order_by(SUBJECTS.c.track_id)
                .limit(PAGE)
            )
            page = connection.scalars(query).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]


def due(ledger: Ledger, now: datetime, limit: int = PAGE) -> list[tuple[str, str]]:
    """Return decisions of which a fact has begun or ended, and that nothing superseded."""
    later = DECISIONS.alias()
    query = (
        select(DECISIONS.c.decision_id, DECISIONS.c.track_id)
        .where(DECISIONS.c.reconsider_at <= now)
        .where(
            ~select(later.c.decision_id)
            .where(later.c.previous_decision_id == DECISIONS.c.decision_id)
            .exists()
        )
        .where(
            ~select(later.c.decision_id)
            .where(later.c.track_id == DECISIONS.c.track_id)
            .where(later.c.uploaded_at > DECISIONS.c.uploaded_at)
            .exists()
        )
        .order_by(DECISIONS.c.reconsider_at)
        .limit(limit)
    )
    with ledger.reading() as connection:
        return [(row.decision_id, row.track_id) for row in connection.execute(query)]


def tracks_since(ledger: Ledger, since: datetime | None, limit: int | None = None) -> Iterator[str]:
    """Yield tracks that were decided since a moment, each once, in order of their ids."""
    last, count = "", 0
    while limit is None or count < limit:
        size = PAGE if limit is None else min(PAGE, limit - count)
        query = select(DECISIONS.c.track_id).where(DECISIONS.c.track_id > last)
        if since is not None:
            query = query.where(DECISIONS.c.recorded_at >= since)
        with ledger.reading() as connection:
            page = connection.scalars(
                query.distinct().order_by(DECISIONS.c.track_id).limit(size)
            ).all()
        yield from page
        count += len(page)
        if len(page) < size:
            return
        last = page[-1]

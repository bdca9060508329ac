"""Queries of the monitor, the doctor and the verification of the ledger."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, exists, func, insert, or_, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError

from detector.errors import Fatal
from streams.contract.vocabulary import TIERS
from streams.store import appeals
from streams.store.account_tables import OUTBOX, TASK_STATES
from streams.store.clock import database_ahead_s
from streams.store.database import Ledger, count, unmatched
from streams.store.decision_order import is_later
from streams.store.tables import (
    ANALYSES,
    APPEALS,
    APPLIED,
    DEAD_LETTER_ACTIONS,
    DECISIONS,
    FINGERPRINTS,
    LONG_AGO,
    REVIEW_TASKS,
    UPLOADS,
    VERDICTS,
)
from streams.store.upgrade import current

UNNAMED = "not named"
# a catalogue that is scored or decided again is no news
DELIVERED = ANALYSES.c.replaces.is_(None)
FIRST = DECISIONS.c.previous_decision_id.is_(None)


class LedgerFault(Fatal):
    """The database answers, but is no ledger or refuses to be written."""


class Deliverer(NamedTuple):
    """Decisions about a deliverer's tracks, in the last day and hour."""

    name: str
    day: int
    day_ai: int
    hour: int
    hour_ai: int


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite ledger; None for another database or one in memory."""
    target = make_url(url)
    is_file = target.get_backend_name() == "sqlite" and target.database not in ("", ":memory:")
    return Path(target.database) if is_file and target.database else None


def unapplied(connection: Connection, since: datetime, until: datetime) -> int:
    """Return how many decisions of that time the catalogue has not answered."""
    of_that_time = DECISIONS.c.recorded_at.between(since, until)
    return unmatched(connection, DECISIONS.c.decision_id, APPLIED.c.decision_id, of_that_time)


def not_in_effect(until: datetime, since: datetime = LONG_AGO) -> Select[Any]:
    """Return a query of the current decisions that the catalogue does not have.

    Of each: track, decision, and why: ``silent`` (no answer), ``stale`` (the catalogue keeps a
    decision that is older here), ``replaced`` (an older decision was applied after it). Nothing
    after ``until`` counts.
    """
    current, later = DECISIONS.c, DECISIONS.alias().c
    answer, other = APPLIED.c, APPLIED.alias().c
    superseded = exists().where(later.track_id == current.track_id, is_later(later, current))
    replaced = exists().where(
        other.track_id == answer.track_id,
        other.result != "stale",
        other.recorded_at > answer.recorded_at,
        other.recorded_at <= until,
    )
    why = case(
        (answer.result.is_(None), "silent"), (answer.result == "stale", "stale"), else_="replaced"
    )
    return (
        select(current.track_id, current.decision_id, why.label("why"))
        .outerjoin(APPLIED, answer.decision_id == current.decision_id)
        .where(current.recorded_at.between(since, until), ~superseded)
        .where(or_(answer.recorded_at.is_(None), answer.recorded_at <= until))
        .where(or_(answer.result.is_(None), answer.result == "stale", replaced))
    )


def has_catalogue(connection: Connection) -> bool:
    """Return whether any catalogue answers here."""
    return connection.execute(select(APPLIED.c.decision_id).limit(1)).first() is not None


def differing(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """Return how many tracks are not in the catalogue as decided, by why (``not_in_effect``)."""
    tracks = not_in_effect(until, since).subquery()
    query = select(tracks.c.why, func.count()).group_by(tracks.c.why)
    return {row[0]: row[1] for row in connection.execute(query)}


def queues(connection: Connection) -> set[str]:
    """Return the names of all review queues, empty ones too."""
    return set(connection.scalars(select(TASK_STATES.c.queue).distinct()))


def open_tasks(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """Return count and opening of the oldest open review task, by queue."""
    query = (
        select(TASK_STATES.c.queue, func.count(), func.min(TASK_STATES.c.opened_at))
        .where(TASK_STATES.c.state == "open", TASK_STATES.c.kind == "review")
        .group_by(TASK_STATES.c.queue)
    )
    return {queue: (count, oldest) for queue, count, oldest in connection.execute(query)}


def appeals_by_state(connection: Connection) -> dict[str, int]:
    """Return how many appeals have each state."""
    latest = appeals.latest(APPEALS.c.state).subquery()
    query = select(latest.c.state, func.count()).group_by(latest.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def newest_scores(connection: Connection, limit: int) -> dict[str, list[float]]:
    """Return the latest scores of each model, newest first."""
    query = (
        select(ANALYSES.c.model, ANALYSES.c.score)
        .where(ANALYSES.c.score.is_not(None), DELIVERED)
        .order_by(ANALYSES.c.recorded_at.desc())
        .limit(limit)
    )
    return _by_model(connection.execute(query))


def human_p_values(connection: Connection, limit: int) -> dict[str, list[float]]:
    """Return each model's p-values of recordings with a human verdict, newest first."""
    query = (
        select(ANALYSES.c.model, ANALYSES.c.p_value)
        .join(
            DECISIONS,
            (DECISIONS.c.analysis_id == ANALYSES.c.analysis_id)
            & (DECISIONS.c.upload_id == ANALYSES.c.upload_id),
        )
        .join(VERDICTS, VERDICTS.c.decision_id == DECISIONS.c.decision_id)
        .where(VERDICTS.c.extent == "None", ANALYSES.c.p_value.is_not(None))
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(limit)
    )
    return _by_model(connection.execute(query))


def _by_model(rows: Iterable[Any]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for model, value in rows:
        values.setdefault(model, []).append(value)
    return values


def deliverers(connection: Connection, now: datetime, limit: int) -> list[Deliverer]:
    """Return the deliverers with the most uploads decided in the last day."""
    hour = DECISIONS.c.recorded_at > now - timedelta(hours=1)
    is_ai = DECISIONS.c.outcome.in_(TIERS)
    query = (
        select(
            func.coalesce(UPLOADS.c.distributor, UNNAMED),
            func.count(),
            *(func.sum(case((these, 1), else_=0)) for these in (is_ai, hour, hour & is_ai)),
        )
        .join(UPLOADS, UPLOADS.c.upload_id == DECISIONS.c.upload_id)
        .where(DECISIONS.c.recorded_at > now - timedelta(days=1), FIRST)
        .group_by(UPLOADS.c.distributor)
        .order_by(func.count().desc())
        .limit(limit)
    )
    return [Deliverer(*row) for row in connection.execute(query)]


def scores_of_model(
    connection: Connection, digest: str, limit: int
) -> list[tuple[float, int, str]]:
    """Return the newest scores of a model, each with its sample rate and deliverer."""
    same = (FINGERPRINTS.c.upload_id == ANALYSES.c.upload_id) & (
        FINGERPRINTS.c.content_sha256 == ANALYSES.c.content_sha256
    )
    query = (
        select(
            ANALYSES.c.score,
            FINGERPRINTS.c.sample_rate_hz,
            func.coalesce(UPLOADS.c.distributor, UNNAMED),
        )
        .join(FINGERPRINTS, same)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == ANALYSES.c.upload_id)
        .where(ANALYSES.c.score.is_not(None), ANALYSES.c.model_digest == digest, DELIVERED)
        .order_by(ANALYSES.c.recorded_at.desc())
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


def decisions_without_upload(connection: Connection) -> int:
    """Return how many decisions are about an unknown upload."""
    return unmatched(connection, DECISIONS.c.upload_id, UPLOADS.c.upload_id)


def tasks_without_state(connection: Connection) -> int:
    """Return how many review tasks have no state."""
    return unmatched(connection, REVIEW_TASKS.c.task_id, TASK_STATES.c.task_id)


def unsent_since(connection: Connection, time: datetime) -> int:
    """Return how many events have been in the outbox since before a time."""
    return count(connection, OUTBOX, OUTBOX.c.sent_at.is_(None), OUTBOX.c.created_at < time)


def revision_and_clock(ledger: Ledger) -> tuple[str | None, float | None]:
    """Return the ledger's revision, and how far its clock is ahead (None: the same machine's).

    Raises:
        LedgerAway: it does not answer.
        LedgerFault: the database is no ledger.
    """
    try:
        with ledger.reading() as connection:
            return current(connection), database_ahead_s(connection)
    except DatabaseError as error:
        raise LedgerFault(str(error).splitlines()[0]) from error


def check_writable(ledger: Ledger) -> None:
    """Write a row and roll it back.

    Raises:
        LedgerFault: the database refuses.
    """
    row = {
        **dict.fromkeys(("dead_letter_id", "action", "who", "why"), "doctor"),
        "attempt": 0,
        "recorded_at": datetime.now(UTC),
    }
    try:
        with ledger.engine.connect() as connection, connection.begin() as transaction:
            connection.execute(insert(DEAD_LETTER_ACTIONS).values(row))
            transaction.rollback()
    except DBAPIError as error:
        raise LedgerFault(str(error).splitlines()[0]) from error

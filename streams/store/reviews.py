"""Verdicts and golden tracks: rows for reviewing, its quality figures and training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, exists, func, select

from streams.contract.records.reviews import DECIDED_STATES, ReviewDecided
from streams.store.account_tables import GOLDEN, USERS
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.appeals import latest
from streams.store.database import first_parsed, insert_into
from streams.store.tables import APPEALS, DECISIONS, FINGERPRINTS, UPLOADS, VERDICTS
from streams.store.task_states import MEASURING, closes_task

LATEST: Final = 2_000  # verdicts in the quality figures
CLOSED_REVIEW: Final = (STATES.c.kind == "review") & (STATES.c.state == "closed")


def verdict(connection: Connection, verdict_id: str) -> ReviewDecided | None:
    """Return a verdict by its id."""
    question = select(VERDICTS.c.record).where(VERDICTS.c.verdict_id == verdict_id)
    return first_parsed(connection, ReviewDecided, question)


def not_reviewed_twice(connection: Connection) -> Sequence[Any]:
    """Return the latest closed tasks with their reviewer that have no second review."""
    twice = STATES.alias("twice")
    question = (
        select(STATES, VERDICTS.c.reviewer)
        .join(VERDICTS, VERDICTS.c.verdict_id == STATES.c.verdict_id)
        .where(CLOSED_REVIEW, ~exists().where(twice.c.about_verdict == STATES.c.verdict_id))
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def set_golden(connection: Connection, track: Mapping[str, Any], by: Mapping[str, Any]) -> bool:
    """Store a golden track, or change its answer; False where its upload is not decided."""
    upload_id = track["upload_id"]
    known = select(DECISIONS.c.decision_id).where(DECISIONS.c.upload_id == upload_id)
    if connection.scalar(known.limit(1)) is None:
        return False
    insert = insert_into(connection, GOLDEN).values(**track, **by)
    connection.execute(
        insert.on_conflict_do_update(index_elements=[GOLDEN.c.upload_id], set_=dict(track))
    )
    return True


def idle_golden(connection: Connection) -> Sequence[Any]:
    """Return the golden tracks with no open task, each with its latest decision."""
    waiting = exists().where(
        STATES.c.upload_id == GOLDEN.c.upload_id,
        STATES.c.kind == "golden",
        STATES.c.state == "open",
    )
    decision = (
        select(DECISIONS.c.decision_id)
        .where(DECISIONS.c.upload_id == GOLDEN.c.upload_id)
        .order_by(DECISIONS.c.recorded_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    question = (
        select(
            *(GOLDEN.c.upload_id, GOLDEN.c.set_by, UPLOADS.c.track_id),
            decision.label("decision_id"),
        )
        .join(UPLOADS, UPLOADS.c.upload_id == GOLDEN.c.upload_id)
        .where(~waiting)
    )
    return connection.execute(question).all()


def count_golden(connection: Connection) -> int:
    """Return how many golden tracks there are."""
    return connection.scalar(select(func.count()).select_from(GOLDEN)) or 0


def count_open_measuring(connection: Connection) -> int:
    """Return how many measuring tasks are open."""
    waiting = STATES.c.kind.in_(MEASURING) & (STATES.c.state == "open")
    return connection.scalar(select(func.count()).where(waiting)) or 0


def first_verdicts(connection: Connection) -> Sequence[Any]:
    """Return the latest verdicts that closed a review, with decision, queue and distributor."""
    question = (
        select(
            *(VERDICTS.c.outcome.label("verdict"), VERDICTS.c.extent, DECISIONS.c.record),
            *(DECISIONS.c.model, DECISIONS.c.outcome, STATES.c.queue, UPLOADS.c.distributor),
        )
        .join(STATES, STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .join(DECISIONS, DECISIONS.c.decision_id == VERDICTS.c.decision_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == VERDICTS.c.upload_id)
        .where(CLOSED_REVIEW, VERDICTS.c.extent.is_not(None))
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def second_verdicts(connection: Connection) -> Sequence[Any]:
    """Return the extents of verdicts and of their second reviews."""
    again = VERDICTS.alias("again")
    question = (
        select(VERDICTS.c.extent.label("first"), again.c.extent.label("second"))
        .join(again, again.c.second_review_of == VERDICTS.c.verdict_id)
        .join(STATES, STATES.c.verdict_id == again.c.verdict_id)
        .where(VERDICTS.c.extent.is_not(None), again.c.extent.is_not(None))
        .order_by(again.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def golden_verdicts(connection: Connection) -> Sequence[Any]:
    """Return the extents that reviewers stated of golden tracks, beside the known ones."""
    question = (
        select(
            func.coalesce(USERS.c.name, VERDICTS.c.reviewer).label("name"),
            VERDICTS.c.extent.label("stated"),
            GOLDEN.c.extent.label("known"),
        )
        .join(STATES, STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .join(GOLDEN, GOLDEN.c.upload_id == VERDICTS.c.upload_id)
        .outerjoin(USERS, USERS.c.user_id == VERDICTS.c.reviewer)
        .where(STATES.c.kind == "golden", closes_task())
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def decided_appeals(connection: Connection) -> Sequence[Any]:
    """Return the latest decided appeals with the decision that they are against."""
    question = (
        latest(
            *(APPEALS.c.state, DECISIONS.c.record, DECISIONS.c.model, UPLOADS.c.distributor),
            among=APPEALS.c.state != "external_dispute",  # a dispute keeps the outcome before it
        )
        .join(DECISIONS, DECISIONS.c.decision_id == APPEALS.c.decision_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == APPEALS.c.upload_id)
        .where(APPEALS.c.state.in_(DECIDED_STATES))
        .order_by(APPEALS.c.changed_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def training_rows(connection: Connection) -> Iterator[Any]:
    """Yield closed reviews with an extent: verdict, upload, fingerprint; latest first."""
    question = (
        select(
            *(VERDICTS.c.record, UPLOADS.c.uri, UPLOADS.c.record.label("upload")),
            *(FINGERPRINTS.c.content_sha256, FINGERPRINTS.c.observation_uri),
            FINGERPRINTS.c.observation_version,
        )
        .join(STATES, STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .join(UPLOADS, UPLOADS.c.upload_id == VERDICTS.c.upload_id)
        .join(FINGERPRINTS, FINGERPRINTS.c.upload_id == VERDICTS.c.upload_id)
        .where(CLOSED_REVIEW, VERDICTS.c.extent.is_not(None))
        .order_by(VERDICTS.c.decided_at.desc(), FINGERPRINTS.c.observation_version.desc())
    )
    yield from connection.execute(question)

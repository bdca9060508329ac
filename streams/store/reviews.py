"""Verdicts and golden tracks: rows for one review, for quality figures and for training."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, exists, func, select, union

from streams.contract.records.reviews import DECIDED_STATES, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.store.account_tables import GOLDEN, USERS
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.appeals import latest
from streams.store.database import Ledger, count, first_parsed, insert_into, latest_of_each, parsed
from streams.store.decision_order import LATEST_FIRST
from streams.store.stored_records import fields_of
from streams.store.tables import APPEALS, DECISIONS, FINGERPRINTS, RIGHTS, UPLOADS, VERDICTS
from streams.store.task_states import MEASURING, closes_task, is_free

LATEST: Final = 2_000  # verdicts in the quality figures
RECENT: Final = 200  # uploads of one distributor that its history counts
DUPLICATES: Final = 50
ENTRIES: Final = 20
CLOSED_REVIEW: Final = (STATES.c.kind == "review") & (STATES.c.state == "closed")


def verdict(connection: Connection, verdict_id: str) -> ReviewDecided | None:
    """Return a verdict by its id."""
    question = select(VERDICTS.c.record).where(VERDICTS.c.verdict_id == verdict_id)
    return first_parsed(connection, ReviewDecided, question)


def _latest(connection: Connection, question: Select[Any], time: Column[Any]) -> Sequence[Any]:
    return connection.execute(question.order_by(time.desc()).limit(LATEST)).all()


def not_reviewed_twice(connection: Connection) -> Sequence[Any]:
    """Return the latest closed tasks with their reviewer that have no second review."""
    twice = STATES.alias("twice")
    question = (
        select(STATES, VERDICTS.c.reviewer)
        .join(VERDICTS, VERDICTS.c.verdict_id == STATES.c.verdict_id)
        .where(CLOSED_REVIEW, ~exists().where(twice.c.about_verdict == STATES.c.verdict_id))
    )
    return _latest(connection, question, VERDICTS.c.decided_at)


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
        .order_by(*LATEST_FIRST)
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


def measuring_counts(connection: Connection) -> tuple[int, int]:
    """Return how many golden tracks there are, and how many measuring tasks are open."""
    are_open = STATES.c.kind.in_(MEASURING), STATES.c.state == "open"
    return count(connection, GOLDEN), count(connection, STATES, *are_open)


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
    )
    return _latest(connection, question, VERDICTS.c.decided_at)


def second_verdicts(connection: Connection) -> Sequence[Any]:
    """Return the extents of verdicts and of their second reviews."""
    again = VERDICTS.alias("again")
    question = (
        select(VERDICTS.c.extent.label("first"), again.c.extent.label("second"))
        .join(again, again.c.second_review_of == VERDICTS.c.verdict_id)
        .join(STATES, STATES.c.verdict_id == again.c.verdict_id)
        .where(VERDICTS.c.extent.is_not(None), again.c.extent.is_not(None))
    )
    return _latest(connection, question, again.c.decided_at)


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
    )
    return _latest(connection, question, VERDICTS.c.decided_at)


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
    )
    return _latest(connection, question, APPEALS.c.changed_at)


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


def successor(ledger: Ledger, task_id: str) -> str | None:
    """Return the open task that replaced a cancelled one, if there is one."""
    cancelled = STATES.alias("cancelled")
    question = (
        select(STATES.c.task_id)
        .join(cancelled, cancelled.c.upload_id == STATES.c.upload_id)
        .where(cancelled.c.task_id == task_id, cancelled.c.state == "cancelled")
        .where(STATES.c.state == "open", STATES.c.kind == "review")
        .limit(1)
    )
    with ledger.reading() as connection:
        return connection.scalar(question)


def upload(connection: Connection, upload_id: str) -> Any:
    """Return the row of an upload; None where its event has not come yet."""
    question = select(UPLOADS).where(UPLOADS.c.upload_id == upload_id)
    return connection.execute(question).one_or_none()


def fingerprint(connection: Connection, upload_id: str) -> dict[str, Any]:
    """Return the fingerprint record of an upload; empty where it was not decoded."""
    record = connection.scalar(
        select(FINGERPRINTS.c.record)
        .where(FINGERPRINTS.c.upload_id == upload_id)
        .order_by(FINGERPRINTS.c.observation_version.desc())
        .limit(1)
    )
    return fields_of(record) if record else {}


def verdicts(connection: Connection, task_id: str) -> list[ReviewDecided]:
    """Return the verdicts on a task, in order."""
    question = select(VERDICTS.c.record).where(VERDICTS.c.task_id == task_id)
    in_order = question.order_by(VERDICTS.c.decided_at, VERDICTS.c.verdict_id)
    return parsed(connection, ReviewDecided, in_order)


def open_duplicates(
    connection: Connection,
    task_id: str,
    content_sha256: str,
    release_id: str | None,
    *,
    user_id: str,
    now: datetime,
) -> list[dict[str, Any]]:
    """Return other open tasks about the same content or release that a reviewer may take.

    A task that was just decided has them too: its form may be sent again.
    """
    # By content over the index of decisions, by release over that of uploads: one condition
    # would read every open task.
    same = [
        select(STATES.c.task_id)
        .join(DECISIONS, DECISIONS.c.review_task_id == STATES.c.task_id)
        .where(DECISIONS.c.content_sha256 == content_sha256)
    ]
    if release_id:
        same.append(
            select(STATES.c.task_id)
            .join(UPLOADS, UPLOADS.c.upload_id == STATES.c.upload_id)
            .where(UPLOADS.c.release_id == release_id)
        )
    duplicates = union(*same).subquery()
    question = (
        select(
            *(STATES.c.task_id, STATES.c.track_id, UPLOADS.c.title),
            (DECISIONS.c.content_sha256 == content_sha256).label("same_content"),
        )
        .join(duplicates, duplicates.c.task_id == STATES.c.task_id)
        .join(DECISIONS, DECISIONS.c.decision_id == STATES.c.decision_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == STATES.c.upload_id)
        .where(STATES.c.state == "open", STATES.c.kind == "review")
        .where(STATES.c.task_id != task_id, is_free(user_id, now))
        .order_by(UPLOADS.c.title, STATES.c.task_id)
        .limit(DUPLICATES)
    )
    return [dict(row) for row in connection.execute(question).mappings()]


def outcomes_of_distributor(connection: Connection, distributor: str | None) -> dict[str, int]:
    """Return how many of a distributor's latest uploads have each outcome."""
    if not distributor:
        return {}
    latest = (
        select(UPLOADS.c.upload_id)
        .where(UPLOADS.c.distributor == distributor)
        .order_by(UPLOADS.c.uploaded_at.desc())
        .limit(RECENT)
    )
    question = (
        select(DECISIONS.c.outcome, func.count(DECISIONS.c.upload_id.distinct()))
        .where(DECISIONS.c.upload_id.in_(latest))
        .group_by(DECISIONS.c.outcome)
        .order_by(func.count().desc())
    )
    return {row[0]: row[1] for row in connection.execute(question)}


def uploads_by_content(
    connection: Connection, contents: Collection[str], *, except_upload: str
) -> dict[str, str]:
    """Return one other upload for each of these contents that was decided."""
    question = select(DECISIONS.c.content_sha256, func.max(DECISIONS.c.upload_id)).where(
        DECISIONS.c.content_sha256.in_(contents), DECISIONS.c.upload_id != except_upload
    )
    rows = connection.execute(question.group_by(DECISIONS.c.content_sha256))
    return {row[0]: row[1] for row in rows}


def rights_entries(
    connection: Connection, agreements: Collection[str], generators: Collection[str]
) -> list[RightsChanged]:
    """Return the newest versions of the entries about agreements and generators."""
    among = RIGHTS.c.agreement_id.in_(agreements) | RIGHTS.c.generator_id.in_(generators)
    newest = latest_of_each(RIGHTS.c.entry_id, RIGHTS.c.version, RIGHTS.c.record, among=among)
    return parsed(connection, RightsChanged, newest.order_by(RIGHTS.c.entry_id).limit(ENTRIES))

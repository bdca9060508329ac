"""What is known about one task or one track, gathered in a fixed number of statements."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select, union

from streams.contract.records import TrackDecided, Upload, UploadReceived, parse
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.services import appeals, review_tasks
from streams.services.accounts import users
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.tables import (
    DECISIONS,
    FINGERPRINTS,
    REVIEW_TASKS,
    UPLOADS,
    VERDICTS,
)
from streams.web.api.resources import House
from streams.web.console.evidence_from_others import Alike, entries, known_recordings

RECENT: Final = 200  # uploads of one deliverer that its history is told from
ALIKE: Final = 50


@dataclass(frozen=True)
class TaskStory:
    """A task with all that helps to decide it. ``blind``: the reviewer must not see scores."""

    task: dict[str, Any]
    reasons: list[str]
    decision: TrackDecided | None
    current: TrackDecided | None
    upload: Upload
    uploaded_at: datetime | None
    heard: dict[str, Any]
    verdicts: list[ReviewDecided]
    names: dict[str, str]
    mine: bool
    takeable: bool
    blind: bool
    alike: list[dict[str, Any]] = field(default_factory=list)
    deliverer: dict[str, int] = field(default_factory=dict)
    appeals: list[AppealChanged] = field(default_factory=list)
    known: list[Alike] = field(default_factory=list)
    rights: list[RightsChanged] = field(default_factory=list)

    @property
    def standing(self) -> ReviewDecided | None:
        """The verdict that counts."""
        found = [one for one in self.verdicts if one.verdict_id == self.task["verdict_id"]]
        return found[0] if found else None


def task_story(house: House, task_id: str, user: User) -> TaskStory | None:
    """Return everything about a task, or None where there is none."""
    now = datetime.now(UTC)
    with house.ledger.reading() as connection:
        row = connection.execute(
            select(STATES, REVIEW_TASKS.c.record, review_tasks.excluded(user).label("never"))
            .outerjoin(REVIEW_TASKS, REVIEW_TASKS.c.task_id == STATES.c.task_id)
            .where(STATES.c.task_id == task_id)
        ).one_or_none()
        if row is None:
            return None
        task = dict(row._mapping)
        upload = connection.execute(
            select(UPLOADS).where(UPLOADS.c.upload_id == row.upload_id)
        ).one_or_none()
        decisions = connection.execute(
            select(DECISIONS.c.decision_id, DECISIONS.c.record)
            .where(DECISIONS.c.upload_id == row.upload_id)
            .order_by(DECISIONS.c.recorded_at.desc(), DECISIONS.c.decision_id)
        ).all()
        asked = next((one.record for one in decisions if one.decision_id == row.decision_id), None)
        decision = parse(TrackDecided, asked.encode()) if asked else None
        current = parse(TrackDecided, decisions[0].record.encode()) if decisions else None
        held = row.leased_by is not None and row.leased_until is not None
        free = not held or row.leased_by == user.user_id or row.leased_until < now
        allowed = row.state == "open" and not row.never and user.may(Right.REVIEW)
        mine = allowed and row.leased_by == user.user_id and held and row.leased_until > now
        blind = row.state == "open" and (user.blind or row.kind in review_tasks.MEASURING)
        delivered = upload_of(upload.record if upload else None, row.track_id)
        heard = heard_of(connection, row.upload_id)
        return TaskStory(
            task=task,
            reasons=orjson.loads(row.record)["reason_codes"] if row.record else [],
            decision=decision,
            current=current,
            upload=delivered,
            uploaded_at=upload.uploaded_at if upload else None,
            heard=heard,
            verdicts=verdicts_of(connection, task_id),
            names=users.names(connection),
            mine=mine,
            takeable=allowed and free and not mine,
            blind=blind,
            alike=_alike(connection, task, decision, upload, now, user),
            deliverer=_deliverer(connection, upload.distributor if upload else None),
            appeals=appeals.of_track(connection, row.track_id),
            known=known_recordings(connection, row.upload_id, heard),
            rights=entries(connection, delivered, decision),
        )


def taken_its_place(house: House, task_id: str) -> str | None:
    """Return the open task that took a cancelled one's place, if there is one."""
    task = STATES.alias("task")
    question = (
        select(STATES.c.task_id)
        .join(task, task.c.upload_id == STATES.c.upload_id)
        .where(task.c.task_id == task_id, task.c.state == "cancelled")
        .where(STATES.c.state == "open", STATES.c.kind == "review")
        .limit(1)
    )
    with house.ledger.reading() as connection:
        return connection.scalar(question)


def upload_of(record: str | None, track_id: str) -> Upload:
    """Return what was delivered; where its event has not come yet, only the track's name."""
    if record is None:
        return Upload(track_id=track_id, uri="?")
    return parse(UploadReceived, record.encode()).upload


def heard_of(connection: Connection, upload_id: str) -> dict[str, Any]:
    """Return what was heard of an upload; empty where nothing is known."""
    text = connection.scalar(
        select(FINGERPRINTS.c.record)
        .where(FINGERPRINTS.c.upload_id == upload_id)
        .order_by(FINGERPRINTS.c.observation_version.desc())
        .limit(1)
    )
    return orjson.loads(text) if text else {}


def verdicts_of(connection: Connection, task_id: str) -> list[ReviewDecided]:
    """Return what was said about a task, in order."""
    question = select(VERDICTS.c.record).where(VERDICTS.c.task_id == task_id)
    texts = connection.scalars(question.order_by(VERDICTS.c.decided_at, VERDICTS.c.verdict_id))
    return [parse(ReviewDecided, text.encode()) for text in texts]


def _alike(
    connection: Connection,
    task: dict[str, Any],
    decision: TrackDecided | None,
    upload: Any,
    now: datetime,
    user: User,
) -> list[dict[str, Any]]:
    """Return other open tasks about the same content or of the same release.

    Also of a task that was just decided: its form may come again, with duplicates still to do.
    """
    if decision is None or task["kind"] != "review":
        return []
    # By content over the decisions' index, by release over the uploads': together they would
    # look at every open task.
    same = [
        select(STATES.c.task_id)
        .join(DECISIONS, DECISIONS.c.review_task_id == STATES.c.task_id)
        .where(DECISIONS.c.content_sha256 == decision.content_sha256)
    ]
    if upload is not None and upload.release_id:
        same.append(
            select(STATES.c.task_id)
            .join(UPLOADS, UPLOADS.c.upload_id == STATES.c.upload_id)
            .where(UPLOADS.c.release_id == upload.release_id)
        )
    found = union(*same).subquery()
    question = (
        select(
            *(STATES.c.task_id, STATES.c.track_id, UPLOADS.c.title),
            (DECISIONS.c.content_sha256 == decision.content_sha256).label("same_content"),
        )
        .join(found, found.c.task_id == STATES.c.task_id)
        .join(DECISIONS, DECISIONS.c.decision_id == STATES.c.decision_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == STATES.c.upload_id)
        .where(STATES.c.state == "open", STATES.c.kind == "review")
        .where(STATES.c.task_id != task["task_id"])
        .where(
            STATES.c.leased_by.is_(None)
            | (STATES.c.leased_by == user.user_id)
            | (STATES.c.leased_until < now)
        )
        .order_by(UPLOADS.c.title, STATES.c.task_id)
        .limit(ALIKE)
    )
    return [dict(row) for row in connection.execute(question).mappings()]


def _deliverer(connection: Connection, distributor: str | None) -> dict[str, int]:
    """Return what became of the latest uploads of whoever delivered this one."""
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

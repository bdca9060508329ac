"""The rows around one review task that help a reviewer to decide it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, func, select, union

from streams.contract.records import TrackDecided
from streams.contract.records.reviews import ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.store import queries
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger, latest_of_each, parsed
from streams.store.tables import DECISIONS, FINGERPRINTS, RIGHTS, UPLOADS, VERDICTS
from streams.store.task_states import is_free

RECENT: Final = 200  # uploads of one distributor that its history counts
DUPLICATES: Final = 50
ENTRIES: Final = 20


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
    return orjson.loads(record) if record else {}


def decisions(connection: Connection, upload_id: str) -> list[TrackDecided]:
    """Return all decisions about an upload, latest first."""
    return queries.decisions(connection, DECISIONS.c.upload_id == upload_id)


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
    if not contents:
        return {}
    question = select(DECISIONS.c.content_sha256, func.max(DECISIONS.c.upload_id)).where(
        DECISIONS.c.content_sha256.in_(contents), DECISIONS.c.upload_id != except_upload
    )
    rows = connection.execute(question.group_by(DECISIONS.c.content_sha256))
    return {row[0]: row[1] for row in rows}


def rights_entries(
    connection: Connection, agreements: Collection[str], generators: Collection[str]
) -> list[RightsChanged]:
    """Return the newest versions of the entries about agreements and generators."""
    if not agreements and not generators:
        return []
    among = RIGHTS.c.agreement_id.in_(agreements) | RIGHTS.c.generator_id.in_(generators)
    newest = latest_of_each(RIGHTS.c.entry_id, RIGHTS.c.version, RIGHTS.c.record, among=among)
    return parsed(connection, RightsChanged, newest.order_by(RIGHTS.c.entry_id).limit(ENTRIES))

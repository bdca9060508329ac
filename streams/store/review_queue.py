"""The queue of review tasks as a list: filters, pages, counts."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select

from streams.store.account_tables import TASK_STATES as STATES
from streams.store.account_tables import USERS
from streams.store.cursors import Part, part
from streams.store.database import Ledger
from streams.store.stored_records import fields_of
from streams.store.tables import ANALYSES, DECISIONS, REVIEW_TASKS, UPLOADS
from streams.store.track_list import has_text

BY_AGE: Final = (STATES.c.opened_at.asc(), STATES.c.task_id.asc())
BY_PRIORITY: Final = (STATES.c.priority.desc(), *BY_AGE)


@dataclass(frozen=True)
class Filters:
    """The part of the queue to show: one queue, a state, a search."""

    queue: str = ""
    show: str = "open"
    search: str = ""

    def condition(self, ledger: Ledger, user_id: str) -> ColumnElement[bool]:
        """Return the condition on task states; "mine" are those that ``user_id`` holds."""
        condition = STATES.c.state == ("closed" if self.show == "closed" else "open")
        if self.show == "mine":
            condition &= STATES.c.leased_by == user_id
        if self.queue:
            condition &= STATES.c.queue == self.queue
        if self.search:
            condition &= or_(
                STATES.c.track_id == self.search,
                STATES.c.task_id == self.search,
                has_text(ledger, STATES.c.upload_id, self.search),
            )
        return condition


def open_counts(ledger: Ledger) -> list[tuple[str, int]]:
    """Return each queue with the number of its open tasks, the largest first."""
    question = (
        select(STATES.c.queue, func.count())
        .where(STATES.c.state == "open")
        .group_by(STATES.c.queue)
        .order_by(func.count().desc(), STATES.c.queue)
    )
    with ledger.reading() as connection:
        return [(row[0], row[1]) for row in connection.execute(question)]


def page(
    ledger: Ledger, filters: Filters, user_id: str, cursor: str | None, limit: int
) -> Part[dict[str, Any]]:
    """Return tasks with upload, decision, holder and reason codes; may raise ``BadCursor``."""
    order = BY_AGE if filters.show == "late" else BY_PRIORITY
    # First the keys, from an index; then the columns of these few.
    keys = select(*(by.element for by in order)).where(filters.condition(ledger, user_id))
    question = (
        select(
            *(STATES.c.task_id, STATES.c.kind, STATES.c.state, STATES.c.track_id),
            *(STATES.c.queue, STATES.c.priority, STATES.c.opened_at),
            *(STATES.c.leased_by, STATES.c.leased_until, STATES.c.excluded),
            *(UPLOADS.c.title, UPLOADS.c.distributor, UPLOADS.c.contains_ai),
            *(DECISIONS.c.outcome, DECISIONS.c.extent, DECISIONS.c.availability),
            *(DECISIONS.c.monetisation, DECISIONS.c.content_sha256, ANALYSES.c.p_value),
            USERS.c.name.label("holder"),
            REVIEW_TASKS.c.record.label("record"),
        )
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == STATES.c.upload_id)
        .outerjoin(DECISIONS, DECISIONS.c.decision_id == STATES.c.decision_id)
        .outerjoin(
            ANALYSES,
            (ANALYSES.c.analysis_id == DECISIONS.c.analysis_id)
            & (ANALYSES.c.upload_id == STATES.c.upload_id),
        )
        .outerjoin(REVIEW_TASKS, REVIEW_TASKS.c.task_id == STATES.c.task_id)
        .outerjoin(USERS, USERS.c.user_id == STATES.c.leased_by)
        .order_by(*order)
    )
    with ledger.reading() as connection:
        ids = part(connection, keys, order, cursor, limit)
        these = question.where(STATES.c.task_id.in_([row["task_id"] for row in ids.rows]))
        rows = [dict(row) for row in connection.execute(these).mappings()]
    for row in rows:
        record = row.pop("record")
        row["reasons"] = fields_of(record)["reason_codes"] if record else []
    return ids.of(rows)

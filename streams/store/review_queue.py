"""The queue of review tasks as a list: filters, pages, counts."""

from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, func, or_, select, true

from streams.store.account_tables import TASK_STATES as STATES
from streams.store.account_tables import USERS
from streams.store.cursors import Part, Sorted
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, DECISIONS, REVIEW_TASKS, UPLOADS
from streams.store.track_list import has_text

BY_AGE: Final = Sorted.by((STATES.c.opened_at, False), (STATES.c.task_id, False))
BY_PRIORITY: Final = Sorted.by((STATES.c.priority, True), *BY_AGE.columns)


@dataclass(frozen=True)
class Filters:
    """The part of the queue to show: one queue, a state, a search."""

    queue: str = ""
    show: str = "open"
    search: str = ""

    def condition(self, ledger: Ledger, user_id: str) -> ColumnElement[bool]:
        """Return the condition on task states; "mine" are those that ``user_id`` holds."""
        condition: ColumnElement[bool] = true()
        if self.queue:
            condition &= STATES.c.queue == self.queue
        match self.show:
            case "mine":
                condition &= (STATES.c.state == "open") & (STATES.c.leased_by == user_id)
            case "closed":
                condition &= STATES.c.state == "closed"
            case _:
                condition &= STATES.c.state == "open"
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
    """Return a page of tasks with their uploads, decisions, holders and reason codes.

    Raises:
        BadCursor: the cursor belongs to another list.
    """
    order = BY_AGE if filters.show == "late" else BY_PRIORITY
    # First the ids, of narrow rows; then the columns of these few.
    chosen = select(STATES.c.task_id).where(filters.condition(ledger, user_id))
    ids = order.part(chosen, cursor, limit).subquery()
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
        .join(ids, ids.c.task_id == STATES.c.task_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == STATES.c.upload_id)
        .outerjoin(DECISIONS, DECISIONS.c.decision_id == STATES.c.decision_id)
        .outerjoin(
            ANALYSES,
            (ANALYSES.c.analysis_id == DECISIONS.c.analysis_id)
            & (ANALYSES.c.upload_id == STATES.c.upload_id),
        )
        .outerjoin(REVIEW_TASKS, REVIEW_TASKS.c.task_id == STATES.c.task_id)
        .outerjoin(USERS, USERS.c.user_id == STATES.c.leased_by)
        .order_by(*order.order(cursor))
    )
    with ledger.reading() as connection:
        rows = [dict(row) for row in connection.execute(question).mappings()]
    for row in rows:
        record = row.pop("record")
        row["reasons"] = orjson.loads(record)["reason_codes"] if record else []
    return order.as_part(rows, cursor, limit)

"""The queue: what waits for a person, the most urgent first, and who is at it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from sqlalchemy import ColumnElement, func, or_, select, true
from starlette.responses import RedirectResponse, Response

from streams.services import review_tasks
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.account_tables import USERS
from streams.store.cursors import Part, Sorted
from streams.store.database import Ledger
from streams.store.tables import ANALYSES, DECISIONS, REVIEW_TASKS, UPLOADS
from streams.web.api.pages import Cursor
from streams.web.api.resources import House, house_of
from streams.web.console.auth import Form, Visitor, needs, text
from streams.web.console.listing import has_text
from streams.web.console.render import page

router = APIRouter()
PAGE: Final = 50
BY_AGE: Final = Sorted.by((STATES.c.opened_at, False), (STATES.c.task_id, False))
BY_PRIORITY: Final = Sorted.by((STATES.c.priority, True), *BY_AGE.columns)


@dataclass(frozen=True)
class Filters:
    """What of the queue is shown."""

    queue: str = ""
    show: str = "open"
    search: str = ""

    def condition(self, ledger: Ledger, user: User) -> ColumnElement[bool]:
        """Return it for SQL."""
        found: ColumnElement[bool] = true()
        if self.queue:
            found &= STATES.c.queue == self.queue
        match self.show:
            case "mine":
                found &= (STATES.c.state == "open") & (STATES.c.leased_by == user.user_id)
            case "closed":
                found &= STATES.c.state == "closed"
            case _:
                found &= STATES.c.state == "open"
        if self.search:
            found &= or_(
                STATES.c.track_id == self.search,
                STATES.c.task_id == self.search,
                has_text(ledger, STATES.c.upload_id, self.search),
            )
        return found


@router.get("/queue")
def queue(
    request: Request,
    visitor: Annotated[Visitor, needs(Right.READ)],
    queue: Annotated[str, Query(max_length=100)] = "",
    show: Annotated[str, Query(max_length=20)] = "open",
    search: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show the queue."""
    house = house_of(request)
    house.seen(visitor.user.user_id, "queue_seen")
    filters = Filters(queue, show, search.strip())
    return page(
        request,
        "queue.html",
        visitor,
        part=_part(house, visitor.user, filters, cursor),
        filters=filters,
        queues=_queues(house),
        sla=timedelta(hours=house.settings.review_sla_hours),
        now=datetime.now(UTC),
    )


@router.post("/queue/next")
def take_next(
    request: Request, visitor: Annotated[Visitor, needs(Right.REVIEW)], form: Form
) -> Response:
    """Take the most urgent task of a queue and go there."""
    wanted: ColumnElement[bool] = true()
    if name := text(form, "queue", 100):
        wanted = STATES.c.queue == name
    found = review_tasks.take_next(house_of(request).ledger, visitor.user, wanted)
    return RedirectResponse(f"/tasks/{found}" if found else "/queue?show=open", 303)


def _queues(house: House) -> list[tuple[str, int]]:
    question = (
        select(STATES.c.queue, func.count())
        .where(STATES.c.state == "open")
        .group_by(STATES.c.queue)
        .order_by(func.count().desc(), STATES.c.queue)
    )
    with house.ledger.reading() as connection:
        return [(row[0], row[1]) for row in connection.execute(question)]


def _part(house: House, user: User, filters: Filters, cursor: str | None) -> Part[dict[str, Any]]:
    now = datetime.now(UTC)
    by = BY_AGE if filters.show == "late" else BY_PRIORITY
    # First which tasks, of narrow rows; then what is shown of these few.
    chosen = select(STATES.c.task_id).where(filters.condition(house.ledger, user))
    ids = by.part(chosen, cursor, PAGE).subquery()
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
        .order_by(*by.order(cursor))
    )
    with house.ledger.reading() as connection:
        rows = [dict(row) for row in connection.execute(question).mappings()]
        blind = review_tasks.blind_tracks(connection, user, [row["track_id"] for row in rows])
    for row in rows:
        row["reasons"] = orjson.loads(row["record"])["reason_codes"] if row["record"] else []
        row["held"] = row["leased_by"] and row["leased_until"] and row["leased_until"] > now
        if "hold" in (row["availability"], row["monetisation"]):
            row["reasons"] = [*row["reasons"], "on hold"]
        row["hidden"] = row["kind"] != "review" or row["track_id"] in blind
    return by.told(rows, cursor, PAGE)

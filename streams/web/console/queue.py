"""The review queue: open tasks, the most urgent first, and their holders."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from streams.services import reviews
from streams.services.accounts.users import User
from streams.store import review_queue
from streams.store.cursors import Part
from streams.store.review_queue import Filters
from streams.web.api.pages import Cursor
from streams.web.api.resources import AppResources, resources_of
from streams.web.console.auth import CanRead, CanReview, Form, text
from streams.web.console.render import page

router = APIRouter()
PAGE: Final = 50


@router.get("/queue")
def queue(
    request: Request,
    visitor: CanRead,
    queue: Annotated[str, Query(max_length=100)] = "",
    show: Annotated[str, Query(max_length=20)] = "open",
    search: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show the queue."""
    resources = resources_of(request)
    resources.note_view(visitor.user.user_id, "queue_seen")
    filters = Filters(queue, show, search.strip())
    return page(
        request,
        "queue.html",
        part=_part(resources, visitor.user, filters, cursor),
        filters=filters,
        queues=review_queue.open_counts(resources.ledger),
        sla=timedelta(hours=resources.settings.review_sla_hours),
        now=datetime.now(UTC),
    )


@router.post("/queue/next")
def take_next(request: Request, visitor: CanReview, form: Form) -> Response:
    """Take the most urgent task of a queue and go there."""
    queue_name = text(form, "queue", 100)
    task_id = reviews.take_next(resources_of(request).ledger, visitor.user, queue_name)
    return RedirectResponse(f"/tasks/{task_id}" if task_id else "/queue?show=open", 303)


def _part(
    resources: AppResources, user: User, filters: Filters, cursor: str | None
) -> Part[dict[str, Any]]:
    part = review_queue.page(resources.ledger, filters, user.user_id, cursor, PAGE)
    with resources.ledger.reading() as connection:
        tracks = [row["track_id"] for row in part.rows]
        blind = reviews.blind_tracks(connection, user, tracks)
    now = datetime.now(UTC)
    for row in part.rows:
        row["held"] = row["leased_by"] and row["leased_until"] and row["leased_until"] > now
        if "hold" in (row["availability"], row["monetisation"]):
            row["reasons"] = [*row["reasons"], "on hold"]
        row["hidden"] = row["kind"] != "review" or row["track_id"] in blind
    return part

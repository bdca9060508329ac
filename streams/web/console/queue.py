"""The review queue: open tasks, the most urgent first, and their holders."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from streams.services import reviews
from streams.store import review_queue
from streams.store.review_queue import Filters
from streams.web.api.pages import Cursor, Search
from streams.web.console.auth import CanRead, CanReview, Form, text

router = APIRouter()
PAGE: Final = 50


@router.get("/queue")
def queue(
    visitor: CanRead,
    queue: Annotated[str, Query(max_length=100)] = "",
    show: Annotated[str, Query(max_length=20)] = "open",
    search: Search = "",
    cursor: Cursor = None,
) -> Response:
    """Show the queue."""
    resources, now = visitor.views("queue_seen"), datetime.now(UTC)
    filters = Filters(queue, show, search.strip())
    part = review_queue.page(resources.ledger, filters, visitor.user.user_id, cursor, PAGE)
    blind = visitor.blind_among([row["track_id"] for row in part.rows])
    for row in part.rows:
        row["held"] = row["leased_by"] and row["leased_until"] and row["leased_until"] > now
        if "hold" in (row["availability"], row["monetisation"]):
            row["reasons"] = [*row["reasons"], "on hold"]
        row["hidden"] = row["kind"] != "review" or row["track_id"] in blind
    return visitor.page(
        "queue.html",
        part=part,
        filters=filters,
        queues=review_queue.open_counts(resources.ledger),
        sla=timedelta(hours=resources.settings.review_sla_hours),
        now=now,
    )


@router.post("/queue/next")
def take_next(visitor: CanReview, form: Form) -> Response:
    """Take the most urgent task of a queue and go there."""
    ledger = visitor.resources.ledger
    task_id = reviews.take_next(ledger, visitor.user, text(form, "queue", 100))
    return RedirectResponse(f"/tasks/{task_id}" if task_id else "/queue?show=open", 303)

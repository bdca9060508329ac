"""Quality: how good reviewers and automation are, golden tracks, second reviews."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from streams.services import review_quality
from streams.services.review_quality import BadGolden
from streams.web.api.resources import resources_of
from streams.web.console import auth
from streams.web.console.auth import CanMeasure, Visitor, text
from streams.web.console.render import done, page

router = APIRouter()
MOST = 500


@router.get("/quality")
def show(request: Request, visitor: CanMeasure) -> Response:
    """Show the figures."""
    return _figures(request, visitor)


@router.post("/quality/second")
def second(request: Request, visitor: CanMeasure, form: auth.Form) -> Response:
    """Ask for second reviews."""
    count = text(form, "count", 5)
    number = min(int(count), MOST) if count.isascii() and count.isdigit() else 0
    opened = review_quality.ask_twice(resources_of(request).ledger, visitor.user, number)
    return done(request, "/quality", f"{opened} second reviews are in the queue.")


@router.post("/quality/golden")
def golden(request: Request, visitor: CanMeasure, form: auth.Form) -> Response:
    """Add a golden track, or give those that there are to the queue."""
    ledger = resources_of(request).ledger
    if text(form, "what") == "give":
        return done(
            request,
            "/quality",
            f"{review_quality.give_golden(ledger, visitor.user)} golden tasks are in the queue.",
        )
    try:
        review_quality.make_golden(
            *(ledger, visitor.user, text(form, "upload_id", 256)),
            *(text(form, "extent", 10), text(form, "why", 2_000)),
        )
    except BadGolden as error:
        return _figures(request, visitor, 422, fault=f"{error.detail.capitalize()}.")
    return done(request, "/quality", "It is a golden track now.")


def _figures(request: Request, visitor: Visitor, status: int = 200, *, fault: str = "") -> Response:
    resources = resources_of(request)
    resources.note_view(visitor.user.user_id, "quality_seen")
    figures = review_quality.figures(resources.ledger)
    return page(request, "quality.html", status, figures=figures, fault=fault)

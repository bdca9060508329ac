"""Quality: how good reviewers and automation are, golden tracks, second reviews."""

from fastapi import APIRouter
from starlette.responses import Response

from streams.services import review_quality
from streams.services.review_quality import BadGolden
from streams.web.console import auth
from streams.web.console.auth import CanMeasure, Visitor, number_in, text
from streams.web.console.render import fault_of

router = APIRouter()
MOST = 500


@router.get("/quality")
def show(visitor: CanMeasure) -> Response:
    """Show the figures."""
    return _figures(visitor)


@router.post("/quality/second")
def second(visitor: CanMeasure, form: auth.Form) -> Response:
    """Ask for second reviews."""
    count = min(number_in(form, "count", 5), MOST)
    opened = review_quality.ask_twice(visitor.resources.ledger, visitor.user, count)
    return visitor.done("/quality", f"{opened} second reviews are in the queue.")


@router.post("/quality/golden")
def golden(visitor: CanMeasure, form: auth.Form) -> Response:
    """Add a golden track, or give those that there are to the queue."""
    ledger = visitor.resources.ledger
    if text(form, "what") == "give":
        count = review_quality.give_golden(ledger, visitor.user)
        return visitor.done("/quality", f"{count} golden tasks are in the queue.")
    upload_id, extent = text(form, "upload_id", 256), text(form, "extent", 10)
    try:
        review_quality.make_golden(
            ledger, visitor.user, upload_id, extent, text(form, "why", 2_000)
        )
    except BadGolden as error:
        return _figures(visitor, fault_of(error))
    return visitor.done("/quality", "It is a golden track now.")


def _figures(visitor: Visitor, fault: str = "") -> Response:
    figures = review_quality.figures(visitor.views("quality_seen").ledger)
    return visitor.page("quality.html", fault=fault, figures=figures)

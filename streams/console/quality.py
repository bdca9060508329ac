"""Quality: how good reviewers and automation are, golden tracks, second reviews."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from streams.accounts.roles import Right
from streams.api.house import house_of
from streams.console import visitors
from streams.console.render import page
from streams.console.visitors import Visitor, needs, text
from streams.review import quality
from streams.review.quality import BadGolden

router = APIRouter()
MOST = 500


@router.get("/quality")
def show(
    request: Request,
    visitor: Annotated[Visitor, needs(Right.QUALITY)],
    said: Annotated[str, Query(max_length=300)] = "",
) -> Response:
    """Show the figures."""
    house = house_of(request)
    house.seen(visitor.user.user_id, "quality_seen")
    return page(
        request, "quality.html", visitor, figures=quality.figures(house.ledger), said=said, fault=""
    )


@router.post("/quality/second")
def second(
    request: Request, visitor: Annotated[Visitor, needs(Right.QUALITY)], form: visitors.Form
) -> Response:
    """Ask for second reviews."""
    count = text(form, "count", 5)
    wanted = min(int(count), MOST) if count.isascii() and count.isdigit() else 0
    opened = quality.ask_twice(house_of(request).ledger, visitor.user, wanted)
    return _back(f"{opened} second reviews are in the queue.")


@router.post("/quality/golden")
def golden(
    request: Request, visitor: Annotated[Visitor, needs(Right.QUALITY)], form: visitors.Form
) -> Response:
    """Add a golden track, or give those that there are to the queue."""
    ledger = house_of(request).ledger
    if text(form, "what") == "give":
        return _back(f"{quality.give_golden(ledger, visitor.user)} golden tasks are in the queue.")
    try:
        quality.make_golden(
            *(ledger, visitor.user, text(form, "upload_id", 256)),
            *(text(form, "extent", 10), text(form, "why", 2_000)),
        )
    except BadGolden as error:
        found = quality.figures(ledger)
        fault = f"{error.detail.capitalize()}."
        return page(request, "quality.html", visitor, 422, figures=found, said="", fault=fault)
    return _back("It is a golden track now.")


def _back(said: str) -> Response:
    return RedirectResponse(f"/quality?said={quote(said)}", 303)

"""Dead letters: list, show, replay and drop them."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from streams.runtime.kafka.clients import open_producer
from streams.services import dead_letters
from streams.services.dead_letters import refusal
from streams.store import audit, dead_letter_store
from streams.store.dead_letter_store import Letter, NoSuchLetter, Wanted
from streams.web.api.pages import Cursor, Id
from streams.web.api.resources import AppResources, resources_of
from streams.web.console import auth
from streams.web.console.auth import CanAdmin, PageError, text
from streams.web.console.render import done, page

router = APIRouter()
SHOWN: Final = 100
SHOWN_BYTES: Final = 4_000


@router.get("/admin/dead-letters")
def overview(
    request: Request,
    visitor: CanAdmin,
    standing: Annotated[str, Query(max_length=20)] = "open",
    reason: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show counts of dead letters by place and reason, and the latest of them."""
    ledger = resources_of(request).ledger
    resources_of(request).note_view(visitor.user.user_id, "dead_letters_seen")
    query = Wanted(standing=None if standing == "all" else standing, reason=reason or None)
    return page(
        request,
        "dead_letters.html",
        heaps=dead_letter_store.heaps(ledger, Wanted(standing=query.standing)),
        part=dead_letter_store.part(ledger, query, cursor, SHOWN),
        standing=standing,
        reason=reason,
    )


@router.get("/admin/dead-letters/{dead_letter_id}")
def letter(request: Request, dead_letter_id: Id, visitor: CanAdmin) -> Response:
    """Show one dead letter with its bytes and what was done about it."""
    resources = resources_of(request)
    resources.note_view(visitor.user.user_id, "dead_letter_seen", dead_letter_id)
    dead_letter = _one(resources, dead_letter_id)
    value = dead_letter.value or b""
    return page(
        request,
        "dead_letter.html",
        letter=dead_letter,
        value=value[:SHOWN_BYTES].decode(errors="backslashreplace"),
        cut=len(value) > SHOWN_BYTES,
        size=len(value),
        actions=dead_letter_store.actions(resources.ledger, dead_letter_id),
        refusal=refusal(dead_letter),
    )


@router.post("/admin/dead-letters/{dead_letter_id}")
def act(request: Request, dead_letter_id: Id, visitor: CanAdmin, form: auth.Form) -> Response:
    """Replay a dead letter, or drop it; with a reason."""
    resources, why = resources_of(request), text(form, "why", 1_000)
    dead_letter = _one(resources, dead_letter_id)
    if not why:
        raise PageError(422, "Give a reason: it is noted with the dead letter.")
    who = visitor.user.name
    if text(form, "what") == "drop":
        dead_letters.drop(resources.ledger, [dead_letter], who=who, why=why)
        message = "Dropped."
    else:
        patience_s = resources.settings.request_timeout_s
        producer = open_producer(resources.settings, "console")
        try:
            (outcome,) = dead_letters.replay(
                resources.ledger, producer, [dead_letter], who=who, why=why, patience_s=patience_s
            )
        finally:
            producer.close(timeout=2)
        if outcome.refused is not None:
            raise PageError(409, f"Not replayed: {outcome.refused}.")
        message = f"Replayed to {outcome.sent_to}."
    action = "dead_letter_dropped" if message == "Dropped." else "dead_letter_replayed"
    with resources.ledger.transaction() as connection:
        entry = audit.Entry(visitor.user.user_id, action, dead_letter_id, {"why": why})
        audit.append(connection, [entry])
    return done(request, "/admin/dead-letters", message)


def _one(resources: AppResources, dead_letter_id: str) -> Letter:
    try:
        return dead_letter_store.one(resources.ledger, dead_letter_id)
    except NoSuchLetter as error:
        raise PageError(404, "There is no such dead letter.") from error

"""Dead letters: list, show, replay and drop them."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from streams.services import dead_letters
from streams.store import dead_letter_store
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetter, DeadLetterFilter, NoSuchDeadLetter
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import auth
from streams.web.console.auth import CanAdmin, PageError, text

router = APIRouter()
SHOWN: Final = 100
SHOWN_BYTES: Final = 4_000


@router.get("/admin/dead-letters")
def overview(
    visitor: CanAdmin, status: Term = "open", reason: Term = "", cursor: Cursor = None
) -> Response:
    """Show groups of dead letters by place and reason, and the dead letters, latest first."""
    ledger = visitor.views("dead_letters_seen").ledger
    chosen = DeadLetterFilter(status=None if status == "all" else status, reason=reason or None)
    return visitor.page(
        "dead_letters.html",
        groups=dead_letter_store.groups(ledger, DeadLetterFilter(status=chosen.status)),
        part=dead_letter_store.part(ledger, chosen, cursor, SHOWN),
        shown=status,
        reason=reason,
    )


@router.get("/admin/dead-letters/{dead_letter_id}")
def letter(dead_letter_id: Id, visitor: CanAdmin) -> Response:
    """Show one dead letter with its bytes and actions."""
    ledger = visitor.views("dead_letter_seen", dead_letter_id).ledger
    dead_letter = _get(ledger, dead_letter_id)
    value = dead_letter.value or b""
    return visitor.page(
        "dead_letter.html",
        letter=dead_letter,
        value=value[:SHOWN_BYTES].decode(errors="backslashreplace"),
        cut=len(value) > SHOWN_BYTES,
        size=len(value),
        actions=dead_letter_store.actions(ledger, dead_letter_id),
        refusal=dead_letters.refusal(dead_letter),
    )


@router.post("/admin/dead-letters/{dead_letter_id}")
def act(dead_letter_id: Id, visitor: CanAdmin, form: auth.Form) -> Response:
    """Replay a dead letter, or drop it; with a reason."""
    ledger, settings = visitor.resources.ledger, visitor.resources.settings
    dead_letter, why = _get(ledger, dead_letter_id), text(form, "why", 1_000)
    if not why:
        raise PageError(422, "Give a reason: it is noted with the dead letter.")
    by = dead_letters.Operator(visitor.user.name, why, visitor.user.user_id)
    if text(form, "what") == "drop":
        dead_letters.drop(ledger, [dead_letter], by)
        return visitor.done("/admin/dead-letters", "Dropped.")
    (outcome,) = dead_letters.replay(ledger, settings, [dead_letter], by)
    if outcome.refused is not None:
        raise PageError(409, f"Not replayed: {outcome.refused}.")
    return visitor.done("/admin/dead-letters", f"Replayed to {outcome.sent_to}.")


def _get(ledger: Ledger, dead_letter_id: str) -> DeadLetter:
    try:
        return dead_letter_store.get(ledger, dead_letter_id)
    except NoSuchDeadLetter as error:
        raise PageError(404, "There is no such dead letter.") from error

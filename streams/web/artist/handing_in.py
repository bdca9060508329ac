"""What guests hand in, by the page or by the API: appeals, answers, choices, files."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from anyio import to_thread

from detector.errors import BadInput
from streams.contract.records.reviews import AppealChanged
from streams.contract.translations import N_
from streams.services import appeal_files, artist_appeals
from streams.services.appeal_files import BadFile
from streams.services.appeals import BadAppeal
from streams.services.rights_choices import BadChoice
from streams.services.signed_links import ArtistLink, L
from streams.web.artist import forms
from streams.web.artist.forms import HandedIn
from streams.web.artist.guests import Guest

T = TypeVar("T")
Act = Callable[[Guest[L], HandedIn], T]
APPEAL: Final = ("party", "grounds", "statement", "part", "tools")  # fields of its form
MOST_TEXT: Final = 9_000  # characters; what was stated about AI comes behind it
FAULTS: Final[Mapping[str, str]] = {
    "window_passed": N_("The time in which one can object has passed."),
    "already_open": N_("Your objection is here already."),
    "too_many_open": N_("Too many objections about this recording are open. Wait for their end."),
    "changed_meanwhile": N_("Something has just changed. Please try again."),
    "no_such_step": N_("This objection has ended: nothing can be added."),
    "no_such_appeal": N_("There is no such objection."),
    "too_large": N_("Your text is too long."),
    "empty_file": N_("A file is empty."),
}


async def hand_in(guest: Guest[L], act: Act[L, T]) -> tuple[T | None, HandedIn, str]:
    """Receive a form, keep its files, do what it asks for.

    Returns:
        The appeal or request, or None; the form; and what is wrong, in the guest's language.
    """
    with guest.resources.arrivals.one_of(guest.link.link_id):
        async with forms.received(guest) as form:
            done, fault = await to_thread.run_sync(_done, guest, form, act)
    if done is not None:
        guest.resources.relay.wake()
    return done, form, fault


def _done(guest: Guest[L], form: HandedIn, act: Act[L, T]) -> tuple[T | None, str]:
    resources = guest.resources
    try:
        for name, arriving in form.files:
            appeal_files.take(resources.ledger, resources.settings, guest.link, name, arriving)
        return act(guest, form), ""
    except (BadFile, BadAppeal, BadChoice) as error:
        return None, fault_of(guest, error)
    except BadInput as error:
        if error.reason not in FAULTS:
            raise
        return None, fault_of(guest, error)


def fault_of(guest: Guest[Any], error: BadInput) -> str:
    """Return what is wrong, in the guest's language."""
    if isinstance(error, BadFile):
        return guest.text(error.text, **error.values)
    return guest.text(FAULTS.get(error.reason, error.detail))


def receive(guest: Guest[ArtistLink], form: HandedIn) -> AppealChanged:
    """Receive an appeal."""
    return artist_appeals.receive(
        *(guest.resources.ledger, guest.link),
        party=form.text("party", 40),
        grounds=form.text("grounds", 40),
        statement=form.text("statement", MOST_TEXT),
        parts=form.texts.get("part", ()),
        tools=form.text("tools", 500),
    )


def answer(appeal_id: str) -> Act[ArtistLink, AppealChanged]:
    """Return what adds to an appeal."""

    def act(guest: Guest[ArtistLink], form: HandedIn) -> AppealChanged:
        statement = form.text("statement", MOST_TEXT)
        return artist_appeals.answer(guest.resources.ledger, guest.link, appeal_id, statement)

    return act


def files_form(*required: str, names: tuple[str, ...] = APPEAL) -> dict[str, Any]:
    """Return how OpenAPI describes a form with texts and files."""
    text = {"type": "string"}
    files = {"type": "array", "items": {"type": "string", "format": "binary"}}
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {**dict.fromkeys(names, text), "file": files},
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }

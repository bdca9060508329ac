"""A review task: listen, look, decide. The verdict form, undo, and the lease."""

import secrets
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, RedirectResponse, Response

from streams.contract.records import Extent
from streams.contract.vocabulary import COMPONENTS, FINDINGS
from streams.services import reviews
from streams.services.reviews import BadVerdict, NotYours
from streams.store import review_context
from streams.web.api.pages import Id
from streams.web.api.resources import AppResources, resources_of
from streams.web.console import auth, waveform
from streams.web.console.auth import CanRead, CanReview, PageError, Visitor, not_blind, text, texts
from streams.web.console.render import done, page
from streams.web.console.story import TaskStory, task_story

router = APIRouter()
LONGEST_MS = 24 * 3_600_000


@router.get("/tasks/{task_id}")
def task(request: Request, task_id: Id, visitor: CanRead) -> Response:
    """Show a task and everything that helps to decide it."""
    if (later := review_context.successor(resources_of(request).ledger, task_id)) is not None:
        return RedirectResponse(f"/tasks/{later}", 303)
    return _page(request, task_id, visitor)


@router.post("/tasks/{task_id}/take")
def take(request: Request, task_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Lease a task to the visitor."""
    try:
        reviews.take(resources_of(request).ledger, task_id, visitor.user)
    except NotYours as error:
        return _page(request, task_id, visitor, 409, fault=f"Not taken: {error.detail}.")
    return RedirectResponse(f"/tasks/{task_id}", 303)


@router.post("/tasks/{task_id}/renew")
def renew(request: Request, task_id: Id, visitor: CanReview) -> Response:
    """Extend the lease; the page's script asks while the page is open."""
    auth.token_needed(request, visitor)
    try:
        until = reviews.renew(resources_of(request).ledger, task_id, visitor.user)
    except NotYours as error:
        raise PageError(409, error.detail) from error
    return JSONResponse({"until": until.isoformat()})


@router.post("/tasks/{task_id}/put-back")
def put_back(request: Request, task_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Give a task back."""
    reviews.put_back(resources_of(request).ledger, task_id, visitor.user)
    return RedirectResponse("/queue", 303)


@router.post("/tasks/{task_id}/verdict")
def verdict(request: Request, task_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Store a verdict, and the same for each ticked duplicate."""
    resources = resources_of(request)
    story = task_story(resources, task_id, visitor.user)
    if story is None:
        raise PageError(404, "There is no such task.")
    try:
        form_values = _form(form, story)
        reviews.give(resources.ledger, task_id, visitor.user, form_values)
    except (BadVerdict, ValidationError) as error:
        detail = error.detail if isinstance(error, BadVerdict) else "A text is too long."
        return _page(request, task_id, visitor, 422, fault=detail, form=form)
    except NotYours as error:
        return _page(request, task_id, visitor, 409, fault=f"Not saved: {error.detail}.", form=form)
    resources.relay.wake()
    message = "Verdict saved."
    ticked = [
        one for one in texts(form, "also") if one in {row["task_id"] for row in story.duplicates}
    ]
    if ticked:
        count = sum(_also(resources, one, visitor, form) for one in ticked)
        message = f"Verdict saved, and {count} of {len(ticked)} duplicates with it."
    return done(request, f"/tasks/{task_id}", message)


def _also(resources: AppResources, task_id: str, visitor: Visitor, form: FormData) -> bool:
    """Give the same finding about a duplicate; the outcome follows from its own label."""
    story = task_story(resources, task_id, visitor.user)
    if story is None:
        return False
    try:
        reviews.take(resources.ledger, task_id, visitor.user)
        reviews.give(resources.ledger, task_id, visitor.user, _form(form, story))
    except NotYours:
        return False
    return True


@router.post("/verdicts/{verdict_id}/undo")
def undo(request: Request, verdict_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Take a verdict back; the task is open again."""
    resources = resources_of(request)
    try:
        task_id = reviews.undo(resources.ledger, verdict_id, visitor.user)
    except NotYours as error:
        raise PageError(409, f"Not undone: {error.detail}.") from error
    resources.relay.wake()
    return done(request, f"/tasks/{task_id}", "Undone. The task is open again.")


def _form(form: FormData, story: TaskStory) -> reviews.Form:
    """Return the verdict of a form; the reviewer states facts, the outcome follows."""
    finding = text(form, "finding", 40)
    current = story.decision.label.extent if story.decision else Extent.UNKNOWN
    extent: Extent | None = None
    outcome: reviews.Outcome
    match finding:
        case "All" | "Partly" | "None":
            extent = Extent(finding)
            if extent is current:
                outcome = "confirm"
            else:
                outcome = "reject_flag" if extent is Extent.NONE else "correct"
        case "insufficient_evidence":
            outcome = "insufficient_evidence"
        case "escalate":
            outcome = "escalate"
        case _:
            raise BadVerdict("Say what you found.")
    spent = text(form, "time_spent_ms", 12)
    confidence = text(form, "confidence", 10)
    return reviews.Form(
        form_id=text(form, "form_id", 100) or secrets.token_hex(8),
        outcome=outcome,
        extent=extent,
        components=tuple(one for one in COMPONENTS if one in texts(form, "component")),
        findings=tuple(one for one in FINDINGS if one in texts(form, "finding_also")),
        reason_codes=texts(form, "reason"),
        notes=text(form, "notes") or None,
        note_public=text(form, "note_public", 2_000) or None,
        confidence=confidence if confidence in ("low", "high") else "medium",  # type: ignore[arg-type]
        time_spent_ms=min(int(spent), LONGEST_MS) if spent.isascii() and spent.isdigit() else 0,
        blind=story.blind,
        training_use_allowed=text(form, "training") == "on",
    )


def _page(
    request: Request,
    task_id: str,
    visitor: Visitor,
    status: int = 200,
    *,
    fault: str = "",
    form: FormData | None = None,
) -> Response:
    resources = resources_of(request)
    resources.note_view(visitor.user.user_id, "task_seen", task_id)
    story = task_story(resources, task_id, visitor.user)
    if story is None:
        raise PageError(404, "There is no such task.")
    if not story.blind:  # the task may be an open one's elder: its verdict is to be found again
        not_blind(request, visitor, story.task["track_id"])
    shown = None if story.blind else story.decision
    return page(
        request,
        "task.html",
        status,
        story=story,
        wave=waveform.of(resources, story.fingerprint, shown),
        components=COMPONENTS,
        findings=FINDINGS,
        fault=fault,
        form_id=_value(form, "form_id") or secrets.token_hex(16),
        filled=_Filled(form),
        now=datetime.now(UTC),
    )


class _Filled:
    """The values of a form that came back with a fault."""

    def __init__(self, form: FormData | None) -> None:
        self._form = form

    def value(self, name: str) -> str:
        """Return a field's text."""
        return _value(self._form, name)

    def has(self, name: str, value: str) -> bool:
        """Whether a box was ticked."""
        return self._form is not None and value in self._form.getlist(name)


def _value(form: FormData | None, name: str) -> str:
    value: Any = form.get(name, "") if form is not None else ""
    return value if isinstance(value, str) else ""

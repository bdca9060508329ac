"""The review queue and its tasks: take one, listen, look, decide, take back."""

import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, RedirectResponse, Response

from streams.contract.records import Extent
from streams.contract.records.reviews import VerdictOutcome
from streams.contract.vocabulary import COMPONENTS, FINDINGS
from streams.services import reviews
from streams.services.reviews import BadVerdict, NotYours
from streams.store import review_queue, task_states
from streams.store import reviews as review_store
from streams.store.review_queue import Filters
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import auth, waveform
from streams.web.console.auth import CanRead, CanReview, PageError, Visitor, number_in, text, texts
from streams.web.console.story import TaskStory, task_story

router = APIRouter()
PAGE: Final = 50
LONGEST_MS: Final = 24 * 3_600_000


@router.get("/queue")
def queue(
    visitor: CanRead,
    queue: Term = "",
    show: Term = "open",
    search: Term = "",
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
        row["hidden"] = row["kind"] in task_states.MEASURING or row["track_id"] in blind
    return visitor.page(
        "queue.html",
        part=part,
        filters=filters,
        queues=review_queue.open_counts(resources.ledger),
        sla=timedelta(hours=resources.settings.review_sla_hours),
        now=now,
    )


@router.post("/queue/next")
def take_next(visitor: CanReview, form: auth.Form) -> Response:
    """Take the most urgent task of a queue and go there."""
    ledger = visitor.resources.ledger
    task_id = reviews.take_next(ledger, visitor.user, text(form, "queue", 100))
    return RedirectResponse(f"/tasks/{task_id}" if task_id else "/queue?show=open", 303)


@router.get("/tasks/{task_id}")
def task(task_id: Id, visitor: CanRead) -> Response:
    """Show a task and everything that helps to decide it."""
    if (later := review_store.successor(visitor.resources.ledger, task_id)) is not None:
        return RedirectResponse(f"/tasks/{later}", 303)
    return _page(task_id, visitor)


@router.post("/tasks/{task_id}/take")
def take(task_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Lease a task to the visitor."""
    try:
        reviews.take(visitor.resources.ledger, task_id, visitor.user)
    except NotYours as error:
        return _page(task_id, visitor, 409, fault=f"Not taken: {error.detail}.")
    return RedirectResponse(f"/tasks/{task_id}", 303)


@router.post("/tasks/{task_id}/renew")
def renew(task_id: Id, visitor: CanReview) -> Response:
    """Extend the lease; the page's script asks while the page is open."""
    visitor.must_send_token()
    until = reviews.take(visitor.resources.ledger, task_id, visitor.user, held=True)
    return JSONResponse({"until": until.isoformat()})


@router.post("/tasks/{task_id}/put-back")
def put_back(task_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Give a task back."""
    reviews.put_back(visitor.resources.ledger, task_id, visitor.user)
    return RedirectResponse("/queue", 303)


@router.post("/tasks/{task_id}/verdict")
def verdict(task_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Store a verdict, and the same for each ticked duplicate."""
    resources = visitor.resources
    story = _story(visitor, task_id)
    try:
        reviews.give(resources.ledger, task_id, visitor.user, _form(form, story))
    except (BadVerdict, ValidationError) as error:
        detail = error.detail if isinstance(error, BadVerdict) else "A text is too long."
        return _page(task_id, visitor, 422, fault=detail, form=form)
    except NotYours as error:
        return _page(task_id, visitor, 409, fault=f"Not saved: {error.detail}.", form=form)
    resources.relay.wake()
    message = "Verdict saved."
    duplicates = {row["task_id"] for row in story.duplicates}
    if ticked := [one for one in texts(form, "also") if one in duplicates]:
        count = sum(_also(one, visitor, form) for one in ticked)
        message = f"Verdict saved, and {count} of {len(ticked)} duplicates with it."
    return visitor.done(f"/tasks/{task_id}", message)


def _also(task_id: str, visitor: Visitor, form: FormData) -> bool:
    """Give the same finding about a duplicate; the outcome follows from its own label."""
    ledger = visitor.resources.ledger
    story = task_story(visitor.resources, task_id, visitor.user)
    try:
        if story is not None:
            reviews.take(ledger, task_id, visitor.user)
            reviews.give(ledger, task_id, visitor.user, _form(form, story))
    except NotYours:
        return False
    return story is not None


def _story(visitor: Visitor, task_id: str) -> TaskStory:
    story = task_story(visitor.resources, task_id, visitor.user)
    if story is None:
        raise PageError(404, "There is no such task.")
    return story


@router.post("/verdicts/{verdict_id}/undo")
def undo(verdict_id: Id, visitor: CanReview, form: auth.Form) -> Response:
    """Take a verdict back; the task is open again."""
    resources = visitor.resources
    try:
        task_id = reviews.undo(resources.ledger, verdict_id, visitor.user)
    except NotYours as error:
        raise PageError(409, f"Not undone: {error.detail}.") from error
    resources.relay.wake()
    return visitor.done(f"/tasks/{task_id}", "Undone. The task is open again.")


def _form(form: FormData, story: TaskStory) -> reviews.Form:
    """Return the verdict of a form; the reviewer states facts, the outcome follows."""
    current = story.decision.label.extent if story.decision else Extent.UNKNOWN
    extent: Extent | None = None
    outcome: VerdictOutcome
    match text(form, "finding", 40):
        case "All" | "Partly" | "None" as finding:
            extent = Extent(finding)
            if extent is current:
                outcome = "confirm"
            else:
                outcome = "reject_flag" if extent is Extent.NONE else "correct"
        case "insufficient_evidence" | "escalate" as outcome:
            pass
        case _:
            raise BadVerdict("Say what you found.")
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
        time_spent_ms=min(number_in(form, "time_spent_ms", 12), LONGEST_MS),
        blind=story.blind,
        training_use_allowed=text(form, "training") == "on",
    )


def _page(
    task_id: str,
    visitor: Visitor,
    status: int | None = None,
    *,
    fault: str = "",
    form: FormData | None = None,
) -> Response:
    resources = visitor.views("task_seen", task_id)
    story = _story(visitor, task_id)
    if not story.blind:  # the task may be an open one's elder: its verdict is to be found again
        visitor.must_not_be_blind(story.task["track_id"])
    filled = form or FormData()
    return visitor.page(
        "task.html",
        status,
        fault=fault,
        story=story,
        wave=waveform.of(resources, story.fingerprint, None if story.blind else story.decision),
        components=COMPONENTS,
        findings=FINDINGS,
        form_id=text(filled, "form_id") or secrets.token_hex(16),
        field=partial(text, filled),
        fields=partial(texts, filled),
        now=datetime.now(UTC),
    )

"""The review queue and its verdicts: take a task, hold it, put it back; give a verdict, undo it.

One transaction closes the task, stores the verdict and its audit entry, and puts the event into
the outbox. A form that is sent again carries the same id and changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from detector.errors import SingleReason
from streams.contract import topics
from streams.contract.records import Component, Extent, stable_id
from streams.contract.records.reviews import (
    Confidence,
    ReviewDecided,
    Reviewer,
    VerdictOutcome,
)
from streams.contract.vocabulary import Finding
from streams.policy.facts import OPPOSITES
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.store import audit, outbox, queries, reviews, task_states
from streams.store.database import Connection, Ledger

LEASE: Final = timedelta(minutes=10)
ATTEMPTS: Final = 20  # each time another reviewer was quicker
# Reason codes of verdicts: a verdict gives at least one.
REASONS: Final = {
    "R-AUDIBLE-ARTEFACTS": "synthetic artefacts are audible",
    "R-DECODER-TRACE": "the decoder's trace in the picture is convincing",
    "R-GENERATOR-KNOWN": "the generator is known or named in the file",
    "R-DECLARED": "the declaration is credible",
    "R-PROVENANCE": "signed provenance states it",
    "R-HUMAN-PERFORMANCE": "a human performance is audible",
    "R-FALSE-TRACE": "the trace has another cause: loop, chip, telephone, codec",
    "R-CREATION-SHOWN": "a session, stems or a film of the recording were shown",
    "R-LICENCE-SHOWN": "a licence covers it",
    "R-AUDIO-GONE": "the audio can no longer be played",
    "R-NOT-DECIDABLE": "listening and evidence are inconclusive",
    "R-SECOND-PAIR-OF-EARS": "another reviewer should look",
    "R-OTHER": "another reason, in the note",
}
UNDO: Final = "R-UNDONE"
OTHER: Final = "R-OTHER"
# The fields that an undo has in common with its verdict.
SUBJECT: Final = {
    *("task_id", "track_id", "upload_id", "decision_id", "content_sha256"),
    *("confidence", "blind", "second_review_of"),
}


class NotYours(SingleReason, reason="not_yours"):
    """The task is closed, held by another reviewer, or not for this one."""


def blind_tracks(connection: Connection, user: User, track_ids: Collection[str]) -> frozenset[str]:
    """Return the tracks of which this user may see neither scores nor the current decision.

    Blind mode hides every recording with an open task. The recording of a measuring task is
    hidden from all who may take it; from leads, who run the measuring, only while they hold it.
    """
    held = user.may(Right.QUALITY)
    return task_states.hidden_tracks(
        *(connection, user.user_id, track_ids),
        blind=user.blind,
        measuring="held" if held else "takeable" if user.may(Right.REVIEW) else None,
    )


def take(ledger: Ledger, task_id: str, user: User, *, held: bool = False) -> datetime:
    """Hold a task, or hold it longer; return until when.

    With ``held`` it takes nothing: a page left open never takes back what was put back.

    Raises:
        NotYours: the task is not free; with ``held``, this reviewer does not hold it (any more).
    """
    now = datetime.now(UTC)
    until = now + LEASE
    with ledger.transaction() as connection:
        result = task_states.take(connection, task_id, user.user_id, now, until, held=held)
        if result == "taken":
            audit.append(connection, audit.Entry(user.user_id, "task_taken", task_id))
    if result is None:
        raise NotYours(why_not(ledger, task_id, user))
    return until


def take_next(ledger: Ledger, user: User, queue: str = "") -> str | None:
    """Take the most urgent task of a queue (default: of any); None where there is none."""
    for _ in range(ATTEMPTS):
        with ledger.reading() as connection:
            now = datetime.now(UTC)
            task_id = task_states.most_urgent(connection, user.user_id, now, queue)
        if task_id is None:
            return None
        try:
            take(ledger, task_id, user)
        except NotYours:
            continue
        return task_id
    return None


def put_back(ledger: Ledger, task_id: str, user: User) -> None:
    """Return a task to the queue; a task that this user does not hold stays as it is."""
    with ledger.transaction() as connection:
        if task_states.release(connection, task_id, user.user_id):
            audit.append(connection, audit.Entry(user.user_id, "task_put_back", task_id))


def why_not(ledger: Ledger, task_id: str, user: User) -> str:
    """Return in a sentence why a user cannot hold a task."""
    with ledger.reading() as connection:
        task = task_states.of_reviewer(connection, task_id, user.user_id)
    if task is None:
        return "there is no such task"
    if task.state == "cancelled" and task.kind == task_states.STATEMENT:
        return "its statement of reasons has been delivered since"
    if task.state == "cancelled":
        return "a later decision about this upload has taken its place"
    if task.state != "open":
        return "it has been decided"
    if task.never:
        return "it is about a verdict of your own; another reviewer must look"
    if task.leased_by is None or task.leased_by == user.user_id:
        return "you no longer hold it: take it again"
    return "another reviewer is working on it"


class BadVerdict(SingleReason, reason="bad_verdict"):
    """The form is incomplete or contradicts itself; the detail contains the correction."""


@dataclass(frozen=True)
class Form:
    """What the reviewer filled in. ``form_id`` identifies the page, so a resend is recognised."""

    form_id: str
    outcome: VerdictOutcome
    reason_codes: tuple[str, ...]
    extent: Extent | None = None
    components: tuple[Component, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: str | None = None
    note_public: str | None = None
    confidence: Confidence = "medium"
    time_spent_ms: int = 0
    blind: bool = False
    training_use_allowed: bool = False

    def check(self) -> None:
        """Raise ``BadVerdict`` where a field is missing or contradicts another."""
        if not self.reason_codes:
            raise BadVerdict("Give at least one reason.")
        if unknown := [code for code in self.reason_codes if code not in REASONS]:
            raise BadVerdict(f"There is no reason {unknown[0]!r}.")
        if OTHER in self.reason_codes and not (self.notes or "").strip():
            raise BadVerdict("Another reason needs a note that names it.")
        if self.outcome in ("confirm", "correct") and self.extent is None:
            raise BadVerdict("Say how much of the recording is AI.")
        if self.outcome in ("insufficient_evidence", "escalate") and self.extent is not None:
            raise BadVerdict("Without a finding there is no extent to state.")
        if self.outcome == "escalate" and self.findings:
            raise BadVerdict("The next reviewer states what else was found.")
        if any(OPPOSITES.get(finding) in self.findings for finding in self.findings):
            raise BadVerdict("Two of the further findings contradict each other.")


def give(ledger: Ledger, task_id: str, user: User, form: Form) -> ReviewDecided:
    """Store and publish a verdict; a resent form returns the same one.

    Raises:
        BadVerdict: the form is not valid.
        NotYours: the task is not held by this reviewer (any more).
        LedgerAway: nothing was stored; sending the form again is safe.
    """
    form.check()
    verdict_id = stable_id("vrd", task_id, user.user_id, form.form_id)
    with ledger.transaction() as connection:
        task = task_states.locked(connection, task_id)
        if (known := reviews.verdict(connection, verdict_id)) is not None:
            return known
        held = task is not None and task.state == "open" and task.leased_by == user.user_id
        if held:
            decision = queries.decision_row(connection, task.decision_id)
            content = None if decision is None else decision.content_sha256
            verdict = _record(task, content, user, form, verdict_id)
            outbox.publish(connection, topics.REVIEWS_DECIDED, verdict)
            detail = {"outcome": verdict.outcome, "extent": verdict.extent, "verdict": verdict_id}
            audit.append(connection, audit.Entry(user.user_id, "verdict_given", task_id, detail))
            if form.outcome == "escalate":
                task_states.escalate(connection, task_id, user.user_id)
            return verdict
    raise NotYours(why_not(ledger, task_id, user))


def _record(
    task: Any, content_sha256: str | None, user: User, form: Form, verdict_id: str
) -> ReviewDecided:
    extent = form.extent
    if form.outcome == "reject_flag" and extent is None:
        extent = Extent.NONE
    has_ai = extent in (Extent.ALL, Extent.PARTLY)
    return ReviewDecided(
        verdict_id=verdict_id,
        task_id=task.task_id,
        track_id=task.track_id,
        upload_id=task.upload_id,
        decision_id=task.decision_id,
        content_sha256=content_sha256,
        reviewer=Reviewer(id=user.user_id, role=user.role),
        outcome=form.outcome,
        extent=extent,
        components=form.components if has_ai else (),
        findings=form.findings,
        reason_codes=form.reason_codes,
        notes=(form.notes or "").strip() or None,
        note_public=(form.note_public or "").strip() or None,
        confidence=form.confidence,
        time_spent_ms=form.time_spent_ms,
        blind=form.blind,
        second_review_of=task.about_verdict,
        training_use_allowed=form.training_use_allowed,
        decided_at=datetime.now(UTC),
    )


def undo(ledger: Ledger, verdict_id: str, user: User) -> str:
    """Undo a verdict by another one; return its task, open again and leased to the user.

    Raises:
        NotYours: another reviewer's verdict (leads may), or one that was undone already.
    """
    with ledger.transaction() as connection:
        before = reviews.verdict(connection, verdict_id)
        if before is None:
            raise NotYours("there is no such verdict")
        task = task_states.locked(connection, before.task_id)
        if before.reviewer.id != user.user_id and not user.may(Right.APPEALS):
            raise NotYours("it is the verdict of another reviewer")
        if task is None or task.verdict_id != verdict_id:
            raise NotYours("this verdict no longer stands")
        undone = ReviewDecided(
            **before.model_dump(include=SUBJECT),
            verdict_id=stable_id("vrd", verdict_id, "undo"),
            reviewer=Reviewer(id=user.user_id, role=user.role),
            outcome="insufficient_evidence",
            reason_codes=(UNDO,),
            time_spent_ms=0,
            undoes=verdict_id,
            decided_at=datetime.now(UTC),
        )
        outbox.publish(connection, topics.REVIEWS_DECIDED, undone)
        until = undone.decided_at + LEASE
        task_states.return_to(connection, before.task_id, user.user_id, until)
        detail = {"verdict": verdict_id}
        audit.append(
            connection, audit.Entry(user.user_id, "verdict_undone", before.task_id, detail)
        )
    return before.task_id

"""Verdicts: what a reviewer says about a task, and how it is taken back.

One transaction closes the task, stores the verdict, seals the audit entry and puts the event
into the outbox. A form that is sent twice, or again after a crash, carries the same id and
changes nothing; who lost the lease in the meantime is told so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, select, update

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import Component, Extent, Record, parse, stable_id
from streams.contract.records.reviews import Finding, ReviewDecided, Reviewer
from streams.policy.facts import OPPOSITES
from streams.services import review_tasks
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.services.verdict_reasons import OTHER, REASONS, UNDO
from streams.services.webhooks import deliveries
from streams.store import audit, outbox
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger
from streams.store.projections import rows_of
from streams.store.tables import DECISIONS, VERDICTS

Outcome = Literal["confirm", "correct", "reject_flag", "insufficient_evidence", "escalate"]
STATES_NO_EXTENT: Final = ("insufficient_evidence", "escalate")


class BadVerdict(BadInput):
    """The form is not complete, or contradicts itself; the detail tells people what to mend."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_verdict", detail)


@dataclass(frozen=True)
class Form:
    """What the reviewer filled in. ``form_id`` is of the page: its second sending is known."""

    form_id: str
    outcome: Outcome
    reason_codes: tuple[str, ...]
    extent: Extent | None = None
    components: tuple[Component, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: str | None = None
    note_public: str | None = None
    confidence: Literal["low", "medium", "high"] = "medium"
    time_spent_ms: int = 0
    blind: bool = False
    training_use_allowed: bool = False

    def check(self) -> None:
        """Raise ``BadVerdict`` where something is missing."""
        if not self.reason_codes:
            raise BadVerdict("Give at least one reason.")
        if unknown := [code for code in self.reason_codes if code not in REASONS]:
            raise BadVerdict(f"There is no reason {unknown[0]!r}.")
        if OTHER in self.reason_codes and not (self.notes or "").strip():
            raise BadVerdict("Another reason needs a note that says which.")
        if self.outcome in ("confirm", "correct") and self.extent is None:
            raise BadVerdict("Say how much of the recording is AI.")
        if self.outcome in STATES_NO_EXTENT and self.extent is not None:
            raise BadVerdict("Without a finding there is no extent to state.")
        if self.outcome == "escalate" and self.findings:
            raise BadVerdict("Whoever looks next says what else was found.")
        if any(OPPOSITES.get(one) in self.findings for one in self.findings):
            raise BadVerdict("Two of the further findings contradict each other.")


def give(ledger: Ledger, task_id: str, user: User, form: Form) -> ReviewDecided:
    """Store a verdict and let it go out; given again, the same one is returned.

    Raises:
        BadVerdict: the form will not do.
        NotYours: the task is not held by this reviewer (any more).
        LedgerAway: nothing was stored; sending the form again is safe.
    """
    form.check()
    verdict_id = stable_id("vrd", task_id, user.user_id, form.form_id)
    with ledger.transaction() as connection:
        lock = select(STATES).where(STATES.c.task_id == task_id).with_for_update()
        task = connection.execute(lock).one_or_none()
        known = select(VERDICTS.c.record).where(VERDICTS.c.verdict_id == verdict_id)
        if (text := connection.scalar(known)) is not None:
            return parse(ReviewDecided, text.encode())
        if task is None or task.state != "open" or task.leased_by != user.user_id:
            held = False
        else:
            held = True
            said = _record(connection, task, user, form, verdict_id)
            publish(connection, topics.REVIEWS_DECIDED, said)
            detail = {"outcome": said.outcome, "extent": said.extent, "verdict": verdict_id}
            audit.append(connection, [audit.Entry(user.user_id, "verdict_given", task_id, detail)])
            if form.outcome == "escalate":
                connection.execute(
                    update(STATES)
                    .where(STATES.c.task_id == task_id)
                    .values(leased_by=None, leased_until=None, priority=100)
                    .values(excluded=func.coalesce(STATES.c.excluded, user.user_id))
                )
    if not held:
        raise review_tasks.NotYours(review_tasks.why_not(ledger, task_id, user))
    return said


def _record(
    connection: Connection, task: Any, user: User, form: Form, verdict_id: str
) -> ReviewDecided:
    content = select(DECISIONS.c.content_sha256).where(DECISIONS.c.decision_id == task.decision_id)
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
        content_sha256=connection.scalar(content),
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
    """Take a verdict back by another that undoes it; return the task, open again and theirs.

    Raises:
        NotYours: somebody else's verdict (leads may), or one that no longer stands.
    """
    with ledger.transaction() as connection:
        question = select(VERDICTS.c.record).where(VERDICTS.c.verdict_id == verdict_id)
        text = connection.scalar(question)
        if text is None:
            raise review_tasks.NotYours("there is no such verdict")
        before = parse(ReviewDecided, text.encode())
        lock = select(STATES).where(STATES.c.task_id == before.task_id).with_for_update()
        task = connection.execute(lock).one_or_none()
        if before.reviewer.id != user.user_id and not user.may(Right.APPEALS):
            raise review_tasks.NotYours("it is the verdict of somebody else")
        if task is None or task.verdict_id != verdict_id:
            raise review_tasks.NotYours("this verdict no longer stands")
        said = before.model_copy(
            update={
                "verdict_id": stable_id("vrd", verdict_id, "undo"),
                "reviewer": Reviewer(id=user.user_id, role=user.role),
                "outcome": "insufficient_evidence",
                "extent": None,
                "components": (),
                "findings": (),
                "evidence_considered": (),
                "pinned_until": None,
                "reason_codes": (UNDO,),
                "notes": None,
                "note_public": None,
                "time_spent_ms": 0,
                "training_use_allowed": False,
                "undoes": verdict_id,
                "decided_at": datetime.now(UTC),
            }
        )
        publish(connection, topics.REVIEWS_DECIDED, said)
        # It is theirs again, unless it measures a verdict of their own: then somebody else's.
        lease = {"leased_by": user.user_id, "leased_until": said.decided_at + review_tasks.LEASE}
        again = STATES.c.task_id == before.task_id, ~review_tasks.excluded(user)
        connection.execute(update(STATES).where(*again).values(**lease))
        detail = {"verdict": verdict_id}
        audit.append(
            connection, [audit.Entry(user.user_id, "verdict_undone", before.task_id, detail)]
        )
    return before.task_id


def publish(connection: Connection, topic: str, record: Record) -> bool:
    """Put a record into the outbox and its rows into the ledger, in the caller's transaction.

    When the record comes back on its topic the rows are there already.

    Returns:
        False where its id was there before: then nothing goes out.
    """
    now_ms = int(datetime.now(UTC).timestamp() * 1_000)
    message = Message(topic, 0, 0, record.key.encode(), record.to_bytes(), (), now_ms)
    rows = rows_of(message)
    if not sum(Ledger.add(connection, rows).values()):
        return False
    review_tasks.follow(connection, rows)
    deliveries.enqueue(connection, [message])
    outbox.put(connection, topic, record)
    return True

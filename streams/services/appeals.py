"""Appeals: a contested decision is decided again by a person who did not make it.

    received -> admissible -> in_review <-> info_requested
        |            |            |-> upheld (the decision stands)
        |            |            |-> overturned | partially_overturned (it does not)
        |            '-> withdrawn (also from every other open state)
        '-> rejected_inadmissible            decided -> external_dispute

Every step is an event with the whole appeal. Overturning states the corrected facts; the policy
then decides all dimensions again under the appeal's label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.records.reviews import (
    DECIDED_STATES,
    PENDING_STATES,
    AppealChanged,
    AppealEvidence,
    AppealOutcome,
    AppealState,
    Appellant,
    appeal_change_id,
    appeal_id,
)
from streams.services.accounts.users import User
from streams.store import appeals, audit, outbox, queries
from streams.store.database import Connection, Ledger

WINDOW: Final = timedelta(days=184)  # the longest six months (DSA Art. 20)
NEXT: Final[Mapping[str, tuple[AppealState, ...]]] = {
    "received": ("admissible", "rejected_inadmissible", "withdrawn"),
    "admissible": ("in_review", "withdrawn"),
    "in_review": (
        *("info_requested", "upheld", "overturned", "partially_overturned", "withdrawn"),
    ),
    "info_requested": ("in_review", "withdrawn"),
    "rejected_inadmissible": ("external_dispute",),
    "upheld": ("external_dispute",),
    "partially_overturned": ("external_dispute",),
}
MOST_BYTES: Final = 64 * 1024  # of one appeal: the evidence itself lies at its addresses
MOST_CHARACTERS: Final = 10_000  # of its statement
MOST_OF_DECISION: Final = 20  # open appeals about one decision
MOST_OF_KEY: Final = 200  # open appeals by one key that is bound to distributors
CHANGED_MEANWHILE: Final = (
    "changed_meanwhile",
    "another person has changed this appeal: look again",
)
GROUNDS: Final[tuple[str, ...]] = get_args(AppealChanged.model_fields["grounds"].annotation)
APPELLANTS: Final[tuple[str, ...]] = get_args(Appellant.model_fields["type"].annotation)


class BadAppeal(BadInput):
    """The request is not possible; the reason is a stable code, the detail a sentence."""


@dataclass(frozen=True)
class Step:
    """The next state of an appeal, with what the user filled in."""

    state: AppealState
    outcome: AppealOutcome | None = None
    interim_relief: bool | None = None


def receive(
    ledger: Ledger,
    decision_id: str,
    *,
    appellant: Appellant,
    grounds: str,
    statement: str,
    evidence: Sequence[Mapping[str, Any]] = (),
    by: str,
    most_open: int | None = None,
) -> AppealChanged:
    """Receive an appeal; ``most_open``: how many may be open of those that ``by`` has sent.

    Raises:
        BadAppeal: no such decision, its window has passed, the same appellant's appeal
            against it is open already, or the appeal is too large or one too many.
    """
    now = datetime.now(UTC)
    with ledger.reading() as connection:
        decision = queries.decision_row(connection, decision_id)
        if decision is None:
            raise BadAppeal("no_such_decision", f"there is no decision {decision_id}")
        ends = (decision.recorded_at or decision.uploaded_at) + WINDOW
        written = queries.statement(connection, decision.statement_id)
    if written is not None:
        ends = max(ends, written.redress.deadline)
    if now > ends:
        raise BadAppeal("window_passed", f"appeals were possible until {ends:%Y-%m-%d}")
    number = appeal_id(decision_id, appellant.id, now)
    appeal = AppealChanged.model_validate(
        {
            "change_id": appeal_change_id(number, 0),
            "appeal_id": number,
            "sequence": 0,
            "track_id": decision.track_id,
            "upload_id": decision.upload_id,
            "decision_id": decision_id,
            "content_sha256": decision.content_sha256,
            "appellant": appellant,
            "state": "received",
            "grounds": grounds,
            "statement": statement,
            "evidence": list(evidence),
            "received_at": now,
            "window_ends_at": ends,
            "changed_by": by,
            "changed_at": now,
        }
    )
    if len(appeal.to_bytes()) > MOST_BYTES:
        detail = f"an appeal has at most {MOST_BYTES} bytes: name addresses of the evidence"
        raise BadAppeal("too_large", detail)
    with ledger.transaction() as connection:
        audit.lock(connection)  # of two at once, the second must see the first
        _check_open(connection, appeal, most_open)
        outbox.publish(connection, topics.APPEALS_CHANGED, appeal)
        about = {"decision": decision_id, "grounds": grounds}
        audit.append(connection, audit.Entry(by, "appeal_received", number, about))
    return appeal


def _check_open(connection: Connection, appeal: AppealChanged, most_open: int | None) -> None:
    """Raise BadAppeal where too many are open, or the same appellant's; counts before it reads."""
    if appeals.count_open(connection, decision_id=appeal.decision_id) >= MOST_OF_DECISION:
        detail = f"{MOST_OF_DECISION} appeals about this decision are open: wait for their end"
        raise BadAppeal("too_many_open", detail)
    by = appeal.changed_by
    if most_open is not None and appeals.count_open(connection, by=by) >= most_open:
        raise BadAppeal("too_many_open", f"{most_open} appeals of this key are open")
    for earlier in appeals.open_about(connection, appeal.decision_id):
        if earlier.appellant.id == appeal.appellant.id:
            raise BadAppeal("already_open", f"appeal {earlier.appeal_id} is open already")


def advance(ledger: Ledger, number: str, sequence: int, step: Step, user: User) -> AppealChanged:
    """Take an appeal one step further from the sequence that the user saw.

    Raises:
        BadAppeal: no such appeal or step, another user was quicker, or this user reviewed
            the track before.
    """
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        before = find(connection, number)
        if before.sequence != sequence:
            raise BadAppeal(*CHANGED_MEANWHILE)
        same = step.state == before.state and before.state in PENDING_STATES
        if not same and step.state not in NEXT.get(before.state, ()):
            raise BadAppeal("no_such_step", f"from {before.state} there is no way to {step.state}")
        # A verdict holds for the same content in every delivery: all of its reviewers count.
        if user.user_id in appeals.reviewers(connection, before.track_id, before.content_sha256):
            raise BadAppeal(
                "own_verdict", "you have reviewed this track; another person must decide"
            )
        if (step.state in DECIDED_STATES) is (step.outcome is None):
            raise BadAppeal("outcome_missing", "say what the appeal came to, and why")
        reviewing = step.state in ("in_review", "info_requested")
        pending = step.state in PENDING_STATES
        relief = before.interim_relief if step.interim_relief is None else step.interim_relief
        after = AppealChanged.model_validate(
            before.model_dump()
            | {
                "change_id": appeal_change_id(number, sequence + 1),
                "sequence": sequence + 1,
                "state": step.state,
                "outcome": step.outcome,
                "interim_relief": relief and pending,
                "assigned_to": user.user_id if reviewing else before.assigned_to,
                "changed_by": user.user_id,
                "changed_at": now,
            }
        )
        if not outbox.publish(connection, topics.APPEALS_CHANGED, after):
            raise BadAppeal(*CHANGED_MEANWHILE)
        detail = {"state": step.state, "interim_relief": after.interim_relief}
        audit.append(connection, audit.Entry(user.user_id, "appeal_changed", number, detail))
    return after


def supplement(
    ledger: Ledger, number: str, statement: str, evidence: Sequence[AppealEvidence], *, by: str
) -> AppealChanged:
    """Add a statement and evidence to an open appeal, for its appellant.

    Where information was requested, the review goes on.

    Raises:
        BadAppeal: no such open appeal, or it becomes too large.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)  # of two at once, the second must see the first
        before = find(connection, number)
        if before.state not in PENDING_STATES:
            raise BadAppeal("no_such_step", "this appeal has ended: nothing can be added")
        both = f"{before.statement}\n\n{statement}" if statement else before.statement
        if len(both) > MOST_CHARACTERS:
            detail = f"all statements of an appeal have at most {MOST_CHARACTERS} characters"
            raise BadAppeal("too_large", detail)
        asked = before.state == "info_requested"
        after = AppealChanged.model_validate(
            before.model_dump()
            | {
                "change_id": appeal_change_id(number, before.sequence + 1),
                "sequence": before.sequence + 1,
                "state": "in_review" if asked else before.state,
                "statement": both,
                "evidence": (*before.evidence, *evidence),
                "changed_by": by,
                "changed_at": datetime.now(UTC),
            }
        )
        if len(after.to_bytes()) > MOST_BYTES:
            raise BadAppeal("too_large", f"an appeal has at most {MOST_BYTES} bytes")
        if not outbox.publish(connection, topics.APPEALS_CHANGED, after):
            raise BadAppeal(*CHANGED_MEANWHILE)
        about = {"files": len(evidence), "state": after.state}
        audit.append(connection, audit.Entry(by, "appeal_supplemented", number, about))
    return after


def find(connection: Connection, number: str) -> AppealChanged:
    """Return an appeal as it stands; raise BadAppeal where there is none of this id."""
    current = appeals.current(connection, appeal_id=number)
    if not current:
        raise no_such_appeal(number)
    return current[0]


def no_such_appeal(number: str) -> BadAppeal:
    """Return the error for an appeal that does not exist, or not for its reader."""
    return BadAppeal("no_such_appeal", f"there is no appeal {number}")

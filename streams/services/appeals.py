"""Appeals: somebody contests a decision, and a person who did not make it decides again.

    received -> admissible -> in_review <-> info_requested
        |            |            |-> upheld (the decision stands)
        |            |            |-> overturned | partially_overturned (it does not)
        |            '-> withdrawn (also from every other open state)
        '-> rejected_inadmissible            decided -> external_dispute

Every step is an event with the whole appeal. Overturning states the facts as they now are;
the policy then decides again, all dimensions at once, under the appeal's label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement, Connection, Select, func, select

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.records import parse
from streams.contract.records.policy import StatementWritten
from streams.contract.records.reviews import (
    DECIDED_STATES,
    PENDING_STATES,
    AppealChanged,
    AppealOutcome,
    AppealState,
    Appellant,
    appeal_change_id,
    appeal_id,
)
from streams.services.accounts.users import User
from streams.services.verdicts import publish
from streams.store import audit
from streams.store.cursors import Part, Sorted
from streams.store.database import Ledger
from streams.store.tables import APPEALS, DECISIONS, STATEMENTS, VERDICTS

WINDOW: Final = timedelta(days=184)  # six months (DSA Art. 20), as Mozilla counts them
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
MOST: Final = 500  # appeals about one track or decision
WAITING: Final = Sorted.by((APPEALS.c.received_at, False), (APPEALS.c.appeal_id, False))
ENDED: Final = Sorted.by((APPEALS.c.changed_at, True), (APPEALS.c.appeal_id, True))
QUICKER: Final = ("changed_meanwhile", "somebody else has changed this appeal: look again")
ALL_STATES: Final[tuple[AppealState, ...]] = get_args(AppealState)
GROUNDS: Final[tuple[str, ...]] = get_args(AppealChanged.model_fields["grounds"].annotation)
APPELLANTS: Final[tuple[str, ...]] = get_args(Appellant.model_fields["type"].annotation)


class BadAppeal(BadInput):
    """What was asked is not possible; the reason is a stable code, the detail a sentence."""


@dataclass(frozen=True)
class Step:
    """How an appeal goes on."""

    state: AppealState
    outcome: AppealOutcome | None = None
    interim_relief: bool | None = None
    assigned_to: str | None = None


def receive(
    ledger: Ledger,
    decision_id: str,
    *,
    appellant: Appellant,
    grounds: str,
    statement: str,
    evidence: Sequence[Mapping[str, Any]] = (),
    by: str,
) -> AppealChanged:
    """Take an appeal in.

    Raises:
        BadAppeal: no such decision, its window has passed, or the same appellant's appeal
            against it is open already.
    """
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        audit.lock(connection)  # of two at once, the second must see the first
        question = select(DECISIONS).where(DECISIONS.c.decision_id == decision_id)
        decision = connection.execute(question).one_or_none()
        if decision is None:
            raise BadAppeal("no_such_decision", f"there is no decision {decision_id}")
        ends = (decision.recorded_at or decision.uploaded_at) + WINDOW
        ends = max(ends, _promised(connection, decision) or ends)
        if now > ends:
            raise BadAppeal("window_passed", f"appeals were possible until {ends:%Y-%m-%d}")
        for earlier in _latest(connection, APPEALS.c.decision_id == decision_id):
            if earlier.state in PENDING_STATES and earlier.appellant.id == appellant.id:
                raise BadAppeal("already_open", f"appeal {earlier.appeal_id} is open already")
        number = appeal_id(decision_id, appellant.id, now)
        said = AppealChanged.model_validate(
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
        publish(connection, topics.APPEALS_CHANGED, said)
        detail = {"decision": decision_id, "grounds": grounds}
        audit.append(connection, [audit.Entry(by, "appeal_received", number, detail)])
    return said


def _promised(connection: Connection, decision: Any) -> datetime | None:
    """Return until when the statement of reasons says that one may object."""
    if decision.statement_id is None:
        return None
    asked = select(STATEMENTS.c.record).where(STATEMENTS.c.statement_id == decision.statement_id)
    text = connection.execute(asked).scalar_one_or_none()
    return None if text is None else parse(StatementWritten, text.encode()).redress.deadline


def go_on(ledger: Ledger, number: str, sequence: int, step: Step, user: User) -> AppealChanged:
    """Take an appeal one step further, from the sequence that the user saw.

    Raises:
        BadAppeal: no such appeal or step, somebody else was quicker, or this user reviewed
            the track before.
    """
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        before = one(connection, number)
        if before.sequence != sequence:
            raise BadAppeal(*QUICKER)
        same = step.state == before.state and before.state in PENDING_STATES
        if not same and step.state not in NEXT.get(before.state, ()):
            raise BadAppeal("no_such_step", f"from {before.state} there is no way to {step.state}")
        if user.user_id in first_reviewers(connection, before):
            raise BadAppeal(
                "own_verdict", "you have reviewed this track; somebody else must decide"
            )
        if (step.state in DECIDED_STATES) is (step.outcome is None):
            raise BadAppeal("outcome_missing", "say what the appeal came to, and why")
        reviewing = step.state in ("in_review", "info_requested")
        pending = step.state in PENDING_STATES
        relief = before.interim_relief if step.interim_relief is None else step.interim_relief
        said = AppealChanged.model_validate(
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
        if not publish(connection, topics.APPEALS_CHANGED, said):
            raise BadAppeal(*QUICKER)
        detail = {"state": step.state, "interim_relief": said.interim_relief}
        audit.append(connection, [audit.Entry(user.user_id, "appeal_changed", number, detail)])
    return said


def one(connection: Connection, number: str) -> AppealChanged:
    """Return an appeal as it stands.

    Raises:
        BadAppeal: there is none of this id.
    """
    found = _latest(connection, APPEALS.c.appeal_id == number)
    if not found:
        raise BadAppeal("no_such_appeal", f"there is no appeal {number}")
    return found[0]


def of_track(connection: Connection, track_id: str) -> list[AppealChanged]:
    """Return the appeals about a track, as they stand, latest first."""
    return _latest(connection, APPEALS.c.track_id == track_id)


def history(connection: Connection, number: str) -> list[AppealChanged]:
    """Return every change of an appeal, in order."""
    question = select(APPEALS.c.record).where(APPEALS.c.appeal_id == number)
    texts = connection.scalars(question.order_by(APPEALS.c.sequence)).all()
    return [parse(AppealChanged, text.encode()) for text in texts]


def listed(
    ledger: Ledger, *, pending: bool, limit: int, cursor: str | None = None
) -> Part[AppealChanged]:
    """Return appeals that are open (the longest waiting first) or have ended (latest first).

    Raises:
        BadCursor: none of this list's.
    """
    waits = APPEALS.c.state.in_(PENDING_STATES)
    by = WAITING if pending else ENDED
    question = by.part(_as_they_stand(waits if pending else ~waits), cursor, limit)
    with ledger.reading() as connection:
        return by.told(_parsed(connection, question), cursor, limit, getattr)


def first_reviewers(connection: Connection, appeal: AppealChanged) -> frozenset[str]:
    """Return who has given a verdict about the track: they never decide an appeal against it.

    Not about this upload alone: a verdict holds for the same content, whenever delivered again.
    """
    same = select(DECISIONS.c.decision_id).where(
        DECISIONS.c.content_sha256 == appeal.content_sha256
    )
    question = select(VERDICTS.c.reviewer).where(
        (VERDICTS.c.track_id == appeal.track_id) | VERDICTS.c.decision_id.in_(same)
    )
    return frozenset(connection.scalars(question.distinct()))


def _latest(connection: Connection, condition: ColumnElement[bool]) -> list[AppealChanged]:
    return _parsed(connection, _as_they_stand(condition).order_by(*ENDED.order(None)).limit(MOST))


def _as_they_stand(condition: ColumnElement[bool]) -> Select[Any]:
    newest = (
        select(APPEALS.c.appeal_id, func.max(APPEALS.c.sequence).label("sequence"))
        .group_by(APPEALS.c.appeal_id)
        .subquery()
    )
    return (
        select(APPEALS.c.record)
        .join(
            newest,
            (newest.c.appeal_id == APPEALS.c.appeal_id) & (newest.c.sequence == APPEALS.c.sequence),
        )
        .where(condition)
    )


def _parsed(connection: Connection, question: Select[Any]) -> list[AppealChanged]:
    texts = connection.scalars(question).all()
    return [parse(AppealChanged, text.encode()) for text in texts]

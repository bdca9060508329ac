"""Appeals as they stand, their history, and who reviewed the track before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select

from streams.contract.records import parse
from streams.contract.records.policy import StatementWritten
from streams.contract.records.reviews import PENDING_STATES, AppealChanged
from streams.store.cursors import Part, Sorted
from streams.store.database import Ledger
from streams.store.tables import APPEALS, DECISIONS, STATEMENTS, VERDICTS

MOST: Final = 500  # appeals about one track or decision
WAITING: Final = Sorted.by((APPEALS.c.received_at, False), (APPEALS.c.appeal_id, False))
ENDED: Final = Sorted.by((APPEALS.c.changed_at, True), (APPEALS.c.appeal_id, True))


def current(connection: Connection, number: str) -> AppealChanged | None:
    """Return an appeal as it stands."""
    return next(iter(_current(connection, APPEALS.c.appeal_id == number)), None)


def of_decision(connection: Connection, decision_id: str) -> list[AppealChanged]:
    """Return the appeals against a decision as they stand, latest first."""
    return _current(connection, APPEALS.c.decision_id == decision_id)


def of_track(connection: Connection, track_id: str) -> list[AppealChanged]:
    """Return the appeals about a track as they stand, latest first."""
    return _current(connection, APPEALS.c.track_id == track_id)


def history(connection: Connection, number: str) -> list[AppealChanged]:
    """Return every change of an appeal, in order."""
    question = select(APPEALS.c.record).where(APPEALS.c.appeal_id == number)
    return _parsed(connection, question.order_by(APPEALS.c.sequence))


def listed(
    ledger: Ledger, *, pending: bool, limit: int, cursor: str | None = None
) -> Part[AppealChanged]:
    """Return appeals that are open (the longest waiting first) or have ended (latest first).

    Raises:
        BadCursor: the cursor is not of this list.
    """
    open_states = APPEALS.c.state.in_(PENDING_STATES)
    order = WAITING if pending else ENDED
    rows = latest(APPEALS.c.record).where(open_states if pending else ~open_states)
    with ledger.reading() as connection:
        appeals = _parsed(connection, order.part(rows, cursor, limit))
    return order.as_part(appeals, cursor, limit, getattr)


def latest(*columns: Any, among: ColumnElement[bool] | None = None) -> Select[Any]:
    """Return a query of each appeal's latest change; ``among`` narrows the changes first."""
    newest = select(APPEALS.c.appeal_id, func.max(APPEALS.c.sequence).label("sequence"))
    if among is not None:
        newest = newest.where(among)
    last = newest.group_by(APPEALS.c.appeal_id).subquery()
    same = (last.c.appeal_id == APPEALS.c.appeal_id) & (last.c.sequence == APPEALS.c.sequence)
    return select(*columns).join_from(APPEALS, last, same)


def decision(connection: Connection, decision_id: str) -> Any:
    """Return the row of a decision, or None."""
    question = select(DECISIONS).where(DECISIONS.c.decision_id == decision_id)
    return connection.execute(question).one_or_none()


def redress_deadline(connection: Connection, statement_id: str) -> datetime | None:
    """Return until when a statement of reasons allows objections."""
    question = select(STATEMENTS.c.record).where(STATEMENTS.c.statement_id == statement_id)
    text = connection.scalar(question)
    return None if text is None else parse(StatementWritten, text.encode()).redress.deadline


def reviewers(connection: Connection, track_id: str, content_sha256: str | None) -> frozenset[str]:
    """Return the reviewers of a track, or of the same content in another delivery."""
    same = select(DECISIONS.c.decision_id).where(DECISIONS.c.content_sha256 == content_sha256)
    question = select(VERDICTS.c.reviewer).where(
        (VERDICTS.c.track_id == track_id) | VERDICTS.c.decision_id.in_(same)
    )
    return frozenset(connection.scalars(question.distinct()))


def _current(connection: Connection, condition: ColumnElement[bool]) -> list[AppealChanged]:
    question = latest(APPEALS.c.record).where(condition).order_by(*ENDED.order(None))
    return _parsed(connection, question.limit(MOST))


def _parsed(connection: Connection, question: Select[Any]) -> list[AppealChanged]:
    texts: Sequence[str] = connection.scalars(question).all()
    return [parse(AppealChanged, text.encode()) for text in texts]

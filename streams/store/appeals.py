"""Current appeals, their history, and earlier reviewers of their track."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, select

from streams.contract.records import parse
from streams.contract.records.policy import StatementWritten
from streams.contract.records.reviews import PENDING_STATES, AppealChanged
from streams.store.cursors import Part, part
from streams.store.database import Ledger, first_parsed, latest_of_each, parsed
from streams.store.tables import APPEALS, DECISIONS, STATEMENTS, VERDICTS

MOST: Final = 500  # appeals about one track or decision
WAITING: Final = (APPEALS.c.received_at.asc(), APPEALS.c.appeal_id.asc())
ENDED: Final = (APPEALS.c.changed_at.desc(), APPEALS.c.appeal_id.desc())


def current(connection: Connection, number: str) -> AppealChanged | None:
    """Return the latest change of an appeal."""
    return next(iter(_current(connection, APPEALS.c.appeal_id == number)), None)


def of_decision(connection: Connection, decision_id: str) -> list[AppealChanged]:
    """Return the latest changes of the appeals against a decision, latest first."""
    return _current(connection, APPEALS.c.decision_id == decision_id)


def of_track(connection: Connection, track_id: str) -> list[AppealChanged]:
    """Return the latest changes of the appeals about a track, latest first."""
    return _current(connection, APPEALS.c.track_id == track_id)


def history(connection: Connection, number: str) -> list[AppealChanged]:
    """Return every change of an appeal, in order."""
    question = select(APPEALS.c.record).where(APPEALS.c.appeal_id == number)
    return parsed(connection, AppealChanged, question.order_by(APPEALS.c.sequence))


def listed(
    ledger: Ledger, *, pending: bool, limit: int, cursor: str | None = None
) -> Part[AppealChanged]:
    """Return appeals that are open (the longest waiting first) or have ended (latest first).

    Raises:
        BadCursor: the cursor belongs to another list.
    """
    open_states = APPEALS.c.state.in_(PENDING_STATES)
    changes = latest(*APPEALS.c).where(open_states if pending else ~open_states)
    with ledger.reading() as connection:
        page = part(connection, changes, WAITING if pending else ENDED, cursor, limit)
    return page.of([parse(AppealChanged, row["record"].encode()) for row in page.rows])


def latest(*columns: Any, among: ColumnElement[bool] | None = None) -> Select[Any]:
    """Return a query of each appeal's latest change; ``among`` narrows the changes first."""
    return latest_of_each(APPEALS.c.appeal_id, APPEALS.c.sequence, *columns, among=among)


def decision(connection: Connection, decision_id: str) -> Any:
    """Return the row of a decision, or None."""
    question = select(DECISIONS).where(DECISIONS.c.decision_id == decision_id)
    return connection.execute(question).one_or_none()


def redress_deadline(connection: Connection, statement_id: str) -> datetime | None:
    """Return the time until which a statement of reasons allows objections."""
    question = select(STATEMENTS.c.record).where(STATEMENTS.c.statement_id == statement_id)
    statement = first_parsed(connection, StatementWritten, question)
    return None if statement is None else statement.redress.deadline


def reviewers(connection: Connection, track_id: str, content_sha256: str | None) -> frozenset[str]:
    """Return the reviewers of a track, or of the same content in another delivery."""
    same = select(DECISIONS.c.decision_id).where(DECISIONS.c.content_sha256 == content_sha256)
    question = select(VERDICTS.c.reviewer).where(
        (VERDICTS.c.track_id == track_id) | VERDICTS.c.decision_id.in_(same)
    )
    return frozenset(connection.scalars(question.distinct()))


def _current(connection: Connection, condition: ColumnElement[bool]) -> list[AppealChanged]:
    question = latest(APPEALS.c.record).where(condition).order_by(*ENDED)
    return parsed(connection, AppealChanged, question.limit(MOST))

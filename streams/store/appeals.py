"""Current appeals, their history, and earlier reviewers of their track."""

from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Select, func, select

from streams.contract.records.reviews import PENDING_STATES, AppealChanged
from streams.store import stored_records
from streams.store.account_tables import AUDIT
from streams.store.cursors import Part, part
from streams.store.database import Ledger, latest_of_each, parsed
from streams.store.tables import APPEALS, DECISIONS, VERDICTS

MOST: Final = 50  # appeals about one track that a page shows
WAITING: Final = (APPEALS.c.received_at.asc(), APPEALS.c.appeal_id.asc())
ENDED: Final = (APPEALS.c.changed_at.desc(), APPEALS.c.appeal_id.desc())


def current(connection: Connection, **key: str) -> list[AppealChanged]:
    """Return appeals of an ``appeal_id`` or ``track_id``, latest first."""
    same = [APPEALS.c[name] == value for name, value in key.items()]
    question = latest(APPEALS.c.record).where(*same).order_by(*ENDED)
    return parsed(connection, AppealChanged, question.limit(MOST))


def open_about(connection: Connection, decision_id: str) -> list[AppealChanged]:
    """Return the open appeals about a decision; few, since intake counts them."""
    return parsed(connection, AppealChanged, _open(APPEALS.c.record, decision_id=decision_id))


def count_open(
    connection: Connection, *, decision_id: str | None = None, by: str | None = None
) -> int:
    """Return how many appeals are open: about a decision, or of those that ``by`` has sent."""
    question = _open(APPEALS.c.appeal_id, decision_id=decision_id)
    if by is not None:
        sent = select(AUDIT.c.sequence).where(AUDIT.c.subject == APPEALS.c.appeal_id)
        question = question.where(sent.filter_by(action="appeal_received", actor=by).exists())
    return connection.scalar(select(func.count()).select_from(question.subquery())) or 0


def _open(column: Column[Any], *, decision_id: str | None) -> Select[Any]:
    """Return a query of the open appeals, of all decisions where ``decision_id`` is None."""
    about = None if decision_id is None else APPEALS.c.decision_id == decision_id
    return latest(column, among=about).where(APPEALS.c.state.in_(PENDING_STATES))


def history(connection: Connection, number: str) -> list[AppealChanged]:
    """Return every change of an appeal, in order."""
    question = select(APPEALS.c.record).where(APPEALS.c.appeal_id == number)
    return parsed(connection, AppealChanged, question.order_by(APPEALS.c.sequence))


def listed(
    ledger: Ledger, *, pending: bool, limit: int, cursor: str | None = None
) -> Part[AppealChanged]:
    """Return open appeals, oldest first, or ended ones, latest first; may raise ``BadCursor``."""
    open_states = APPEALS.c.state.in_(PENDING_STATES)
    changes = latest(*APPEALS.c).where(open_states if pending else ~open_states)
    with ledger.reading() as connection:
        order = WAITING if pending else ENDED
        page = part(connection, changes, order, cursor, limit, large=APPEALS.c.record)
    records = (stored_records.read(AppealChanged, row["record"]) for row in page.rows)
    return page.of([change for change in records if change is not None])


def latest(*columns: Any, among: ColumnElement[bool] | None = None) -> Select[Any]:
    """Return a query of each appeal's latest change; ``among`` narrows the changes first."""
    return latest_of_each(APPEALS.c.appeal_id, APPEALS.c.sequence, *columns, among=among)


def reviewers(connection: Connection, track_id: str, content_sha256: str | None) -> frozenset[str]:
    """Return the reviewers of a track, or of the same content in another delivery."""
    same = select(DECISIONS.c.decision_id).where(DECISIONS.c.content_sha256 == content_sha256)
    question = select(VERDICTS.c.reviewer).where(
        (VERDICTS.c.track_id == track_id) | VERDICTS.c.decision_id.in_(same)
    )
    return frozenset(connection.scalars(question.distinct()))

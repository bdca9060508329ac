"""Current appeals, their history, and earlier reviewers of their track."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, select

from streams.contract.records import parse
from streams.contract.records.reviews import PENDING_STATES, AppealChanged
from streams.store.cursors import Part, part
from streams.store.database import Ledger, latest_of_each, parsed
from streams.store.tables import APPEALS, DECISIONS, VERDICTS

MOST: Final = 500  # appeals about one track or decision
WAITING: Final = (APPEALS.c.received_at.asc(), APPEALS.c.appeal_id.asc())
ENDED: Final = (APPEALS.c.changed_at.desc(), APPEALS.c.appeal_id.desc())


def current(connection: Connection, **key: str) -> list[AppealChanged]:
    """Return appeals of an ``appeal_id``, ``decision_id`` or ``track_id``, latest first."""
    same = [APPEALS.c[name] == value for name, value in key.items()]
    question = latest(APPEALS.c.record).where(*same).order_by(*ENDED)
    return parsed(connection, AppealChanged, question.limit(MOST))


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
        page = part(connection, changes, WAITING if pending else ENDED, cursor, limit)
    return page.of([parse(AppealChanged, row["record"].encode()) for row in page.rows])


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

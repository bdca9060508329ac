"""Rows of the signed links by which artists and rightsholders reach their page."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, insert, select, update

from streams.store.account_tables import ARTIST_LINKS
from streams.store.cursors import Part, part
from streams.store.database import Ledger, count
from streams.store.tables import UPLOADS

LINKS: Final = ARTIST_LINKS.c
LATEST: Final = (LINKS.created_at.desc(), LINKS.link_id.desc())


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Add a link."""
    connection.execute(insert(ARTIST_LINKS).values(row))


def find(connection: Connection, link_id: str) -> Any:
    """Return the row of a link; None: there is none, or its track was erased."""
    return connection.execute(select(ARTIST_LINKS).filter_by(link_id=link_id)).one_or_none()


def latest_valid(connection: Connection, decision_id: str, by: str, until: datetime) -> Any:
    """Return the latest link to a decision that ``by`` made and that is valid until a moment."""
    made = select(ARTIST_LINKS).filter_by(decision_id=decision_id, created_by=by, revoked_at=None)
    lasting = made.where(LINKS.expires_at > until).order_by(*LATEST).limit(1)
    return connection.execute(lasting).one_or_none()


def count_valid(connection: Connection, about: str, now: datetime) -> int:
    """Return how many links lead to a decision or a rightsholder now."""
    leads_there = (LINKS.decision_id == about) | (LINKS.rightsholder_id == about)
    return count(
        connection, ARTIST_LINKS, leads_there, LINKS.revoked_at.is_(None), LINKS.expires_at > now
    )


def revoke(connection: Connection, link_id: str, by: str, now: datetime) -> bool:
    """Revoke a link; return whether it was valid before."""
    valid = update(ARTIST_LINKS).filter_by(link_id=link_id, revoked_at=None)
    return connection.execute(valid.values(revoked_at=now, revoked_by=by)).rowcount > 0


def see(connection: Connection, link_id: str, now: datetime, before: datetime) -> bool:
    """Note that a link was opened; return False where it was opened after ``before`` already."""
    unseen = LINKS.opened_at.is_(None) | (LINKS.opened_at < before)
    opened = update(ARTIST_LINKS).where(LINKS.link_id == link_id, unseen).values(opened_at=now)
    return connection.execute(opened).rowcount > 0


def listed(
    ledger: Ledger,
    cursor: str | None,
    limit: int,
    *,
    decision_id: str = "",
    distributors: Collection[str] = (),
) -> Part[RowMapping]:
    """Return links of artists, latest first; to a decision, or to uploads of these distributors."""
    question = select(*LINKS).where(LINKS.rightsholder_id.is_(None))
    if decision_id:
        question = question.where(LINKS.decision_id == decision_id)
    if distributors:
        own = select(UPLOADS.c.upload_id).where(UPLOADS.c.distributor.in_(distributors))
        question = question.where(LINKS.upload_id.in_(own))
    with ledger.reading() as connection:
        return part(connection, question, LATEST, cursor, limit)

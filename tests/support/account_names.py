"""Helpers of the tests beside test_users.py."""

import sqlalchemy

from streams.store.account_tables import AUDIT
from streams.store.database import Ledger

PASSWORD = "correct horse battery"  # noqa: S105 - of a test


def actions(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return list(connection.scalars(sqlalchemy.select(AUDIT.c.action)))

"""One task's state."""

from typing import Any

import sqlalchemy

from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger


def state(ledger: Ledger, task_id: str) -> Any:
    with ledger.reading() as connection:
        return connection.execute(
            sqlalchemy.select(STATES).where(STATES.c.task_id == task_id)
        ).one()

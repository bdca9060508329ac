"""The one order of decisions about a track: by delivery, then by Kafka timestamp, then by id.

The ledger, redecide and every catalogue (``examples/catalogue_consumer.py``) take the last one. A
decision and its message contain all that the order needs. So each of them ends with the same
decision, whatever it reads late, twice or in one millisecond. Clocks of machines differ, so a
re-decision has a timestamp after that of the decision which it supersedes (``Output.after_ms``).
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, tuple_

from streams.store.tables import DECISIONS, LONG_AGO


def place_of(row: Any) -> tuple[datetime, datetime, str]:
    """Return the place of a row in the order."""
    return row.uploaded_at, row.recorded_at or LONG_AGO, row.decision_id


def columns_of(decisions: Any) -> tuple[Any, Any, Any]:
    """Return the columns of a table of decisions that make the order."""
    recorded_at = func.coalesce(decisions.recorded_at, LONG_AGO)
    return decisions.uploaded_at, recorded_at, decisions.decision_id


def is_later(decision: Any, other: Any) -> Any:
    """Return the condition that a row of decisions comes after another."""
    return tuple_(*columns_of(decision)) > tuple_(*columns_of(other))


LATEST_FIRST: Final = tuple(column.desc() for column in columns_of(DECISIONS.c))

"""Queries of the administration pages: deliveries, versions, the audit log."""

from typing import Any, Final, Literal

from sqlalchemy import RowMapping, func, select

from streams.store.account_tables import AUDIT, DELIVERIES
from streams.store.cursors import Part, part
from streams.store.database import Ledger
from streams.store.tables import DECISIONS

ENTRIES: Final = (AUDIT.c.sequence.desc(),)
FAILED: Final = (DELIVERIES.c.created_at.desc(), DELIVERIES.c.delivery_id.desc())
VERSIONS: Final = 50


def delivery_counts(ledger: Ledger) -> dict[str, dict[str, int]]:
    """Return how many deliveries each webhook has in each state."""
    question = select(DELIVERIES.c.webhook_id, DELIVERIES.c.state, func.count()).group_by(
        DELIVERIES.c.webhook_id, DELIVERIES.c.state
    )
    counts: dict[str, dict[str, int]] = {}
    with ledger.reading() as connection:
        for webhook_id, state, count in connection.execute(question):
            counts.setdefault(webhook_id, {})[state] = count
    return counts


def failed_deliveries(ledger: Ledger, cursor: str | None, limit: int) -> Part[RowMapping]:
    """Return deliveries that failed and were not delivered since, latest first."""
    question = select(*DELIVERIES.c).where(
        DELIVERIES.c.error.is_not(None), DELIVERIES.c.state.in_(("waiting", "given_up"))
    )
    with ledger.reading() as connection:
        return part(connection, question, FAILED, cursor, limit)


def versions(ledger: Ledger, name: Literal["model", "policy"]) -> list[dict[str, Any]]:
    """Return the models or policies of all decisions, with counts, the latest first."""
    labels = {"name": name, "version": f"{name}_version", "digest": f"{name}_digest"}
    last = func.max(DECISIONS.c.recorded_at)
    question = (
        select(
            *(DECISIONS.c[column].label(label) for label, column in labels.items()),
            *(func.count().label("decisions"), last.label("last")),
        )
        .group_by(*(DECISIONS.c[column] for column in labels.values()))
        .order_by(last.desc())
        .limit(VERSIONS)
    )
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(question).mappings()]


def audit_log(ledger: Ledger, subject: str, cursor: str | None, limit: int) -> Part[RowMapping]:
    """Return entries of the audit log by or about a subject (empty: all), latest first."""
    question = select(*AUDIT.c)
    if subject:
        question = question.where((AUDIT.c.subject == subject) | (AUDIT.c.actor == subject))
    with ledger.reading() as connection:
        return part(connection, question, ENTRIES, cursor, limit)

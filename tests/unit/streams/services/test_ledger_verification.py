"""What a ledger's tables say of each other, and what does not fit."""

import pytest
import sqlalchemy

from streams.services.ledger_verification import faults
from streams.store.database import Ledger
from tests.support.exported import filled


def test_a_ledger_that_fits_has_no_faults(ledger: Ledger) -> None:
    filled(ledger)
    assert list(faults(ledger)) == []


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE decisions SET extent = 'None'", "decisions"),
        ("UPDATE uploads SET title = 'another' WHERE track_id = 'T-2'", "uploads"),
        ("UPDATE verdicts SET record = '{}'", "verdicts"),
        ("DELETE FROM task_states", "review tasks"),
        ("DELETE FROM uploads", "decisions"),
        ("UPDATE outbox SET created_at = '2026-01-01 00:00:00'", "outbox"),
    ],
)
def test_what_does_not_fit_is_named(ledger: Ledger, statement: str, kind: str) -> None:
    filled(ledger)
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text(statement))
    assert kind in {fault.kind for fault in faults(ledger)}

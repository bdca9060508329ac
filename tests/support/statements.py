"""The statement of reasons of a decision, for tests."""

from streams.contract.records import TrackDecided
from streams.contract.records.policy import StatementWritten
from tests.support.policy_table import decided, event_of


def statement(row: tuple[object, ...]) -> tuple[TrackDecided, StatementWritten]:
    declared, detected, known = row
    decisions = decided(event_of(declared, detected, known), known)  # type: ignore[arg-type]
    assert decisions.statement is not None
    return decisions.decided, decisions.statement

"""The one order of decisions about a track, in Python and on both databases."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from streams.store.database import Ledger
from streams.store.decision_order import LATEST_FIRST, place_of
from streams.store.tables import DECISIONS
from tests.support.events import UPLOADED_AT
from tests.support.ledger_filling import row


def place(decision_id: str, *, day: int = 0, at: datetime | None = None) -> Any:
    uploaded_at = UPLOADED_AT + timedelta(days=day)
    return SimpleNamespace(
        decision_id=decision_id,
        uploaded_at=uploaded_at,
        recorded_at=at,
    )


def test_the_decision_that_counts_is_of_the_latest_delivery_and_of_that_the_latest() -> None:
    early, late = UPLOADED_AT, UPLOADED_AT + timedelta(hours=1)
    older = place("dec_z", at=late)
    newer = place("dec_a", day=1, at=early)
    assert max([newer, older], key=place_of) is newer
    again = place("dec_b", day=1, at=late)
    assert max([again, newer, older], key=place_of) is again
    assert max([again, place("dec_0", day=1, at=late)], key=place_of) is again, "of one moment"
    timed = place("dec_b", at=early)
    assert max([place("dec_c"), timed], key=place_of) is timed


def test_a_decision_that_is_published_again_has_its_last_place(ledger: Ledger) -> None:
    for decision_id, minutes in (("dec_a", 10), ("dec_b", 20), ("dec_a", 30), ("dec_a", 15)):
        at = UPLOADED_AT + timedelta(minutes=minutes)
        known = {"track_id": "T-1", "decision_id": decision_id, "uploaded_at": UPLOADED_AT}
        ledger.write([row(DECISIONS, **known, recorded_at=at)])
    query = select(DECISIONS.c.decision_id).order_by(*LATEST_FIRST)
    with ledger.reading() as connection:
        assert connection.scalars(query).all() == ["dec_a", "dec_b"]

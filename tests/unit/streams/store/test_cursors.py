"""Parts of a long list, on both databases."""

import pytest
from sqlalchemy import func, select

from streams.contract import topics
from streams.stages.ledger import project
from streams.store import cursors
from streams.store.cursors import BadCursor, Order, part
from streams.store.database import Ledger
from streams.store.tables import UPLOADS
from tests.support.events import message, received

BY_TIME: Order = (UPLOADS.c.uploaded_at.desc(), UPLOADS.c.track_id.asc())
QUESTION = select(UPLOADS.c.uploaded_at, UPLOADS.c.track_id)


def test_parts_follow_each_other_both_ways_whatever_is_added(ledger: Ledger) -> None:
    def add(track_id: str) -> None:
        project(ledger, [message(topics.UPLOADED, received(track_id))])

    for number in range(1, 6):
        add(f"T-{number}")
    with ledger.reading() as connection:
        first = part(connection, QUESTION, BY_TIME, None, 2)
    add("T-0")  # stands before all that was shown
    with ledger.reading() as connection:
        second = part(connection, QUESTION, BY_TIME, first.next, 2)
        third = part(connection, QUESTION, BY_TIME, second.next, 2)
        back = part(connection, QUESTION, BY_TIME, third.previous, 2)
        with pytest.raises(BadCursor):
            part(connection, QUESTION, (UPLOADS.c.track_id.asc(),), first.next, 2)
    shown = [[row["track_id"] for row in one.rows] for one in (first, second, third, back)]
    assert shown == [["T-1", "T-2"], ["T-3", "T-4"], ["T-5"], ["T-3", "T-4"]]
    assert (first.previous, third.next) == (None, None)


def test_a_part_ends_before_it_is_too_large(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred uploads with large metadata were an answer of 49 MB."""
    for number in range(1, 6):
        project(ledger, [message(topics.UPLOADED, received(f"T-{number}"))])
    with ledger.reading() as connection:
        size = connection.scalar(select(func.length(UPLOADS.c.record)).limit(1)) or 0
        monkeypatch.setattr(cursors, "PART_BYTES", 2 * size + 10)
        large = UPLOADS.c.record
        first = part(connection, QUESTION, BY_TIME, None, 9, large=large)
        second = part(connection, QUESTION, BY_TIME, first.next, 9, large=large)
        third = part(connection, QUESTION, BY_TIME, second.next, 9, large=large)
        back = part(connection, QUESTION, BY_TIME, third.previous, 9, large=large)
        monkeypatch.setattr(cursors, "PART_BYTES", 1)
        single = part(connection, QUESTION, BY_TIME, None, 9, large=large)
    shown = [[row["track_id"] for row in one.rows] for one in (first, second, third, back, single)]
    assert shown == [["T-1", "T-2"], ["T-3", "T-4"], ["T-5"], ["T-3", "T-4"], ["T-1"]]
    assert third.next is None

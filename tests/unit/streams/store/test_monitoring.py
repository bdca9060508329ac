"""What the catalogue has applied, compared with what should stand, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Text, cast, func, insert, literal, select

from streams.ops.checks.ledger import measure_catalogue
from streams.services.ledger_verification import faults
from streams.store import monitoring
from streams.store.database import Ledger, Row
from streams.store.tables import APPLIED, DECISIONS
from tests.support.ledger_filling import row

NOW = datetime.now(UTC)
TRACKS = 5_000


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def decision(track: str, name: str, at: float, previous: str | None = None, up: float = 90) -> Row:
    return row(
        DECISIONS,
        track_id=track,
        decision_id=f"{track}-{name}",
        uploaded_at=minutes_ago(up),
        recorded_at=minutes_ago(at),
        previous_decision_id=previous and f"{track}-{previous}",
    )


def answer(track: str, name: str, result: str, at: float) -> Row:
    return row(
        APPLIED,
        track_id=track,
        decision_id=f"{track}-{name}",
        result=result,
        recorded_at=minutes_ago(at),
    )


STORIES: dict[str, tuple[str | None, list[Row]]] = {
    "applied": (None, [decision("T", "a", 60), answer("T", "a", "applied", 59)]),
    "repeated": (None, [decision("T", "a", 60), answer("T", "a", "already_applied", 9)]),
    "young": (None, [decision("T", "a", -60)]),  # NOW is the import, and a suite takes its time
    "silent": ("silent", [decision("T", "a", 6)]),
    "silent after another": (
        "silent",
        [decision("T", "a", 60), answer("T", "a", "applied", 59), decision("T", "b", 50, "a")],
    ),
    "stale re-decision": (
        "stale",
        [
            decision("T", "a", 60),
            answer("T", "a", "applied", 59),
            decision("T", "b", 50, "a"),
            answer("T", "b", "stale", 49),
        ],
    ),
    "a stale re-decision of an earlier delivery": (
        None,
        [
            decision("T", "a", 60),
            decision("T", "c", 55, up=56),
            answer("T", "c", "applied", 54),
            decision("T", "b", 50, "a"),
            answer("T", "b", "stale", 49),
        ],
    ),
    "replaced by an older one": (
        "replaced",
        [
            decision("T", "a", 60),
            decision("T", "b", 50, "a"),
            answer("T", "b", "applied", 49),
            answer("T", "a", "applied", 48),
        ],
    ),
    "of one moment": (
        None,
        [
            decision("T", "z", 60),
            decision("T", "b", 60),
            answer("T", "z", "applied", 59),
            answer("T", "b", "stale", 59),
        ],
    ),
    "delivered again": (
        None,
        [
            decision("T", "b", 80, up=81),
            answer("T", "b", "applied", 80),
            decision("T", "a", 60, up=61),  # delivered before b as well
            answer("T", "a", "already_applied", 59),
        ],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_track_that_is_not_as_decided_is_found(ledger: Ledger, story: str) -> None:
    expected, rows = STORIES[story]
    known = [decision("K", "a", 60), answer("K", "a", "applied", 59)]
    ledger.write([*known, *rows])
    measure_catalogue(ledger)
    gauges = {
        why: REGISTRY.get_sample_value("earmark_tracks_not_in_effect", {"answer": why})
        for why in ("silent", "stale", "replaced")
    }
    assert gauges == {why: float(why == expected) for why in gauges}
    reported = [fault.detail for fault in faults(ledger) if fault.kind == "catalogue"]
    assert len(reported) == (expected is not None)
    assert all(detail.endswith(f": {expected}") for detail in reported)


def test_without_a_catalogue_nothing_is_compared(ledger: Ledger) -> None:
    ledger.write([decision("T", "a", 60)])
    assert [fault for fault in faults(ledger) if fault.kind == "catalogue"] == []


def test_the_last_answer_about_a_decision_counts(ledger: Ledger) -> None:
    for at, result in ((50, "applied"), (40, "stale"), (45, "already_applied")):
        ledger.write([answer("T", "a", result, at)])
    with ledger.reading() as connection:
        assert connection.scalars(select(APPLIED.c.result)).all() == ["stale"]


def test_of_answers_of_one_millisecond_the_last_counts(ledger: Ledger) -> None:
    first, last = (
        row(
            APPLIED,
            track_id="T",
            decision_id="T-a",
            result=result,
            recorded_at=minutes_ago(50),
            record=result,
        )
        for result in ("stale", "applied")
    )
    ledger.write([decision("T", "a", 60), first, last])
    ledger.write([first, last])
    with ledger.reading() as connection:
        assert connection.scalars(select(APPLIED.c.result)).all() == ["applied"]
        assert connection.execute(monitoring.not_in_effect(NOW)).all() == []


@pytest.fixture
def large(ledger: Ledger) -> Ledger:
    """A ledger of many tracks, each decided twice; the catalogue lacks one."""
    numbers = select(literal(1).label("n")).cte(recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < TRACKS))
    number = cast(numbers.c.n, Text)
    rows = [
        decision("", "a", 60),
        answer("", "a", "applied", 59),
        decision("", "b", 50, "a"),
        answer("", "b", "applied", 49),
    ]
    with ledger.transaction() as connection:
        for each in rows:
            columns = [each.table.c[name] for name in each.values]
            values = [
                (literal("T-") + number + literal(value, Text))
                if name.endswith("decision_id") or name == "track_id"
                else literal(value, each.table.c[name].type)
                for name, value in each.values.items()
            ]
            connection.execute(insert(each.table).from_select(columns, select(*values)))
        connection.execute(APPLIED.delete().where(APPLIED.c.decision_id == "T-777-b"))
    return ledger


def test_many_tracks_are_compared(large: Ledger) -> None:
    with large.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(DECISIONS)) == 2 * TRACKS
        counts = monitoring.differing(connection, minutes_ago(9_999), minutes_ago(5))
    assert counts == {"silent": 1}

"""Which answers and verdicts count for false positives and recall, on both databases."""

from typing import Any

from streams.store import rulings
from streams.store.database import Ledger
from streams.store.rulings import Service
from tests.support.ruled import DIGEST, fill, track_rows

SERVICE = Service(DIGEST, 0.01)
SUNO: dict[str, Any] = {"generator": "Suno", "kind": "comment", "strength": "strong"}


def test_only_answers_of_the_model_at_its_rate_count(ledger: Ledger) -> None:
    fill(
        ledger,
        (
            track_rows(1),
            track_rows(2, outcome="suspected", queue="suspected"),
            track_rows(3, outcome="identified", queue="sample"),
            track_rows(4, digest="e" * 64),
            track_rows(5, alpha=0.02),
            track_rows(6, kind=None),  # not assessed, or by an earlier release
        ),
    )
    with ledger.reading() as connection:
        rows = rulings.newest_answers(connection, SERVICE)
    asked = {row.upload_id: (row.outcome, bool(row.asked)) for row in rows}
    assert asked == {
        "u1": ("no_trace", False),
        "u2": ("suspected", True),
        "u3": ("identified", False),  # a sample is not asked by a rule
    }


def test_marks_that_guess_do_not_count(ledger: Ledger) -> None:
    fill(
        ledger,
        (
            track_rows(1, mark=SUNO),
            track_rows(2, mark=SUNO | {"kind": "watermark"}),
            track_rows(3, mark=SUNO, certainty="suspected"),
            track_rows(4, mark=SUNO),
        ),
    )
    with ledger.reading() as connection:
        assert rulings.marks(connection, {"u1", "u2", "u3"}) == {("u1", "Suno")}


def test_old_releases_go_by_their_own_date(ledger: Ledger) -> None:
    fill(
        ledger,
        (
            track_rows(1, release_date="1997-05-01"),
            track_rows(2, release_date="2021-12-31"),
            track_rows(3, release_date="2022-01-01"),
            track_rows(4, title='"release_date":"1997"', release_date="2025-01-01"),
            track_rows(5),
        ),
    )
    with ledger.reading() as connection:
        assert rulings.old_releases(connection, {f"u{n}" for n in range(6)}).keys() == {"u1", "u2"}


def test_verdicts_that_hold_and_are_no_test_of_reviewers(ledger: Ledger) -> None:
    suspected: dict[str, Any] = {"outcome": "suspected", "queue": "suspected"}
    fill(
        ledger,
        (
            track_rows(1, extent="None", **suspected),
            track_rows(2, extent="All", **suspected),
            track_rows(3, **suspected),  # open
            track_rows(4, extent="None", task="golden", **suspected),
            track_rows(5, extent="None", digest="e" * 64, **suspected),
        ),
    )
    with ledger.reading() as connection:
        rows = rulings.verdicts(connection, SERVICE)
        extents = [(answer.upload_id, verdict.extent) for verdict, answer in rows]
        assert extents == [("u1", "None"), ("u2", "All")]
        assert rulings.appeals_about(connection, {"u1"}) == []


def test_observations_of_this_version(ledger: Ledger) -> None:
    place = {"uri": "file:///one", "version": 1, "sha256": "e" * 64}
    fill(
        ledger,
        (
            track_rows(1, observation=place),
            track_rows(2, observation=place | {"version": 9}),
            track_rows(3),
        ),
    )
    with ledger.reading() as connection:
        places = rulings.observations(connection, {"u1", "u2", "u3"}, 1)
    assert places == {"u1": place}

"""The one order of decisions about a track, in Python and on both databases."""

import itertools
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from examples.catalogue_consumer import Database, apply, moment
from streams.store.database import Ledger
from streams.store.decision_order import LATEST_FIRST, place_of
from streams.store.tables import DECISIONS
from tests.support.decision_stories import STEPS, Story
from tests.support.events import UPLOADED_AT
from tests.support.ledger_filling import row

PLACE = ("track_id", "decision_id", "uploaded_at", "recorded_at")


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


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    """Every order of three deliveries and four facts, each read at a pace of its own."""
    orders = itertools.permutations(STEPS)
    return [Story(f"T-{seed}", steps, seed) for seed, steps in enumerate(orders)]


def test_the_ledger_ends_thousands_of_stories_with_the_truth(
    migrated: Path, tmp_path: Path, stories: list[Story]
) -> None:
    shutil.copyfile(migrated, tmp_path / "ledger.db")
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    decisions = [one for story in stories for one in story.ledger]
    ledger.write(
        row(DECISIONS, **{name: getattr(one, name) for name in PLACE}) for one in decisions
    )
    query = select(*(DECISIONS.c[name] for name in PLACE))
    with ledger.reading() as connection:
        rows = connection.execute(query.order_by(DECISIONS.c.track_id, *LATEST_FIRST)).all()
    ledger.close()
    by_track = itertools.groupby(rows, key=lambda row: row.track_id)
    known = {track_id: list(ordered) for track_id, ordered in by_track}
    made = {(one.decision_id, one.uploaded_at): one for one in decisions}
    for story in stories:
        first = known[story.track_id][0]
        assert first == max(known[story.track_id], key=place_of)
        standing = made[first.decision_id, first.uploaded_at]
        assert standing.rests_on == story.truth(), story.log


def test_a_catalogue_ends_thousands_of_stories_with_the_truth(stories: list[Story]) -> None:
    database = Database("sqlite:///:memory:")
    decisions = [one for story in stories for one in story.catalogue]
    with database.transaction():
        for new in decisions:
            ids = {"track_id": new.track_id, "decision_id": new.decision_id, "actions": {}}
            decision = ids | {"uploaded_at": new.uploaded_at.isoformat()}
            apply(database, decision, moment(new.recorded_at.isoformat()))
    rows = database.execute("SELECT track_id, decision_id, uploaded_at FROM catalogue_tracks")
    applied = {track_id: tuple(place) for track_id, *place in rows}
    database.close()
    made = {(one.decision_id, moment(one.uploaded_at.isoformat())): one for one in decisions}
    for story in stories:
        assert made[applied[story.track_id]].rests_on == story.truth(), story.log

"""Searches on both databases: what a title or a deliverer contains, by an index."""

from collections.abc import Callable

import pytest
import sqlalchemy

from streams.store import track_list
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger
from streams.store.tables import UPLOADS
from streams.store.track_list import MANY, has_text
from tests.support.console import Console
from tests.support.stories import tell

TITLES = {
    "T-1": "Paper Boats",
    "T-2": "paperweight",
    "T-3": 'Über 100% "live" _ \\',
    "T-4": "夜に駆ける",
    "T-5": None,
}


@pytest.fixture
def filled(url: str, opened: Callable[[str], Console]) -> Console:
    console = opened(url)
    for track, title in TITLES.items():
        tell(console.resources.ledger, track, title=title or "", distributor=f"Label {track}")
    return console


def matches(ledger: Ledger, text: str) -> set[str]:
    """Search uploads and review tasks; both must find the same."""
    fits = has_text(ledger, UPLOADS.c.upload_id, text)
    waits = has_text(ledger, TASK_STATES.c.upload_id, text)
    with ledger.reading() as connection:
        uploads = set(connection.scalars(sqlalchemy.select(UPLOADS.c.track_id).where(fits)))
        tasks = set(connection.scalars(sqlalchemy.select(TASK_STATES.c.track_id).where(waits)))
    assert uploads == tasks
    return uploads


@pytest.mark.parametrize("many", [MANY, 1])
def test_what_a_title_or_a_deliverer_contains_is_found(
    filled: Console, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_list, "MANY", many)  # 1: whatever is found at all is common
    ledger = filled.resources.ledger
    for text, tracks in {
        "PAPER": {"T-1", "T-2"},
        "r boa": {"T-1"},
        "bo": {"T-1"},  # too short for the index
        "100%": {"T-3"},
        '"live"': {"T-3"},
        "_ \\": {"T-3"},
        "に駆け": {"T-4"},
        "label t-5": {"T-5"},
        "paper OR boats": set(),
        "title:paper": set(),
        "pap*": set(),
        'no"thing': set(),
        "%%%": set(),
    }.items():
        assert matches(ledger, text) == tracks, text


def test_pages_find_it_too_and_a_track_that_is_forgotten_is_found_no_more(filled: Console) -> None:
    reader = filled.browser("reviewer")
    for page in ("/tracks", "/queue"):
        html = reader.get(page, params={"search": "paper"}).text
        assert "Paper Boats" in html
        assert "paperweight" in html
        assert "Label T-5" not in html
    assert reader.get("/tracks", params={"search": 'a"\0b'}).status_code == 200
    with filled.resources.ledger.transaction() as connection:
        connection.execute(sqlalchemy.delete(UPLOADS).where(UPLOADS.c.track_id == "T-1"))
        tasks = sqlalchemy.delete(TASK_STATES).where(TASK_STATES.c.track_id == "T-1")
        connection.execute(tasks)
    assert matches(filled.resources.ledger, "paper") == {"T-2"}


def test_a_common_text_is_not_gathered_from_all_uploads(
    filled: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is looked at row by row, the most urgent fifty are soon found."""
    monkeypatch.setattr(track_list, "MANY", 1)
    ledger = filled.resources.ledger
    if ledger.engine.dialect.name == "sqlite":
        pytest.skip("SQLite never gathers what is asked of one row")
    fits = has_text(ledger, TASK_STATES.c.upload_id, "label") | (TASK_STATES.c.track_id == "x")
    question = sqlalchemy.select(TASK_STATES.c.task_id).where(fits).limit(50)
    sql = question.compile(ledger.engine, compile_kwargs={"literal_binds": True})
    with ledger.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {sql}".replace("%", "%%")).scalars().all()
    assert "SubPlan" in str(plan)
    assert "hashed" not in str(plan)

"""Which rows and contents are about a track, on both databases."""

from sqlalchemy import text

from streams.stages.ledger import project
from streams.store import erasure
from streams.store.database import Ledger
from tests.support.ledger_rows import whole_story
from tests.support.stories import hear, tell

SHARED, OWN, STORED = "a" * 64, "b" * 64, "d" * 64


def counted(ledger: Ledger, track_id: str, *, really: bool) -> dict[str, int]:
    with ledger.transaction() as connection:
        rows = erasure.rows(connection, [track_id], really=really)
        return {table: count for table, count in rows if count}


def test_what_is_counted_is_what_is_deleted(ledger: Ledger) -> None:
    project(ledger, whole_story())
    tell(ledger, "T-2")
    other = counted(ledger, "T-2", really=False)
    before = counted(ledger, "T-1", really=False)
    assert before["uploads"] == 1
    assert before["verdicts"] == 1
    assert counted(ledger, "T-1", really=True) == before
    assert counted(ledger, "T-1", really=False) == {}
    assert counted(ledger, "T-2", really=False) == other


def test_only_known_tracks_are_found(ledger: Ledger) -> None:
    tell(ledger)
    with ledger.reading() as connection:
        assert erasure.known_tracks(connection, ["T-1", "T-9"]) == {"T-1"}
        assert erasure.known_tracks(connection, []) == set()


def test_a_content_that_another_track_has_too_is_kept_apart(ledger: Ledger) -> None:
    for track_id, content in (("T-1", SHARED), ("T-2", SHARED), ("T-3", OWN)):
        decided, _ = tell(ledger, track_id)
        hear(ledger, decided, content)
    tell(ledger, "T-4", uri=f"file:///store/uploads/{STORED[:2]}/{STORED}")
    with ledger.reading() as connection:
        assert erasure.contents(connection, ["T-1"]) == ([], [SHARED])
        assert erasure.contents(connection, ["T-1", "T-2"]) == ([SHARED], [])
        assert erasure.contents(connection, ["T-1", "T-3"]) == ([OWN], [SHARED])
        assert erasure.contents(connection, ["T-4"]) == ([STORED], [])
    tell(ledger, "T-5", uri=f"s3://bucket/uploads/{STORED[:2]}/{STORED}")
    with ledger.reading() as connection:
        assert erasure.contents(connection, ["T-4"]) == ([], [STORED])


def test_a_catalogue_in_the_same_database_is_erased_too(ledger: Ledger) -> None:
    table = "catalogue_territories"
    assert table not in counted(ledger, "T-1", really=False)
    with ledger.transaction() as connection:
        connection.execute(text(f"CREATE TABLE {table} (track_id VARCHAR(256))"))
        connection.execute(text(f"INSERT INTO {table} VALUES ('T-1'), ('T-1'), ('T-2')"))  # noqa: S608 - a constant
    assert counted(ledger, "T-1", really=True)[table] == 2
    assert counted(ledger, "T-2", really=False)[table] == 1

"""The fingerprint index over SQL, one suite over both backends."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from detector.matching.landmarks import Landmarks, NotLandmarks
from streams.known.index import Changed, Item, Refused, open_index
from streams.known.sql import SqlIndex
from tests.support.known_tracks import digest, generation, item, names, part, query, score, worn
from tests.support.postgres import private_postgres


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with private_postgres() as url:
        yield url


@pytest.fixture(params=["embedded", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "embedded":
        return f"file://{tmp_path}/an index"
    server: str = request.getfixturevalue("postgres")
    with open_index(server) as old:
        for bank, count in old.stats().items.items():
            assert old.remove(bank, [one.item_id for one in old.items([bank])]) == count
    return server


@pytest.fixture
def index(url: str) -> Iterator[SqlIndex]:
    with open_index(url) as opened:
        yield opened


def test_an_empty_index_knows_nothing(index: SqlIndex) -> None:
    assert index.search(query(score(1))) == []
    assert index.remove("catalogue", ["T-1"]) == 0
    assert index.stats().items == {}


def test_every_class_is_found_among_others(index: SqlIndex) -> None:
    index.add(item(seed) for seed in range(40))
    whole = score(7)
    assert names(index, query(worn(whole))) == [("T-7", "near_duplicate")]
    assert names(index, query(worn(part(whole, 20, 38)))) == [("T-7", "contained")]
    assert names(index, query(worn(whole, speed=1.04))) == [("T-7", "sped_up")]
    assert names(index, query(worn(whole, speed=0.92))) == [("T-7", "sped_up")]
    assert names(index, query(score(7_000))) == []
    assert names(index, query(score(9_000), content=digest(7))) == [("T-7", "exact")]
    assert names(index, query(score(9_000), pcm=digest(-8))) == [("T-7", "exact")]
    (matches,) = index.search(query(worn(part(whole, 20, 38))))
    assert matches.item == item(7), "with all that was said of it"
    assert matches.alignment is not None
    assert matches.alignment.offset_s == pytest.approx(20, abs=0.1)


def test_of_many_the_strongest_comes_first(index: SqlIndex) -> None:
    whole = score(7)
    excerpt = Item.of("stay_down", "X", digest("x"), part(whole, 0, 25).to_bytes())
    index.add([excerpt, item(7), item(7, "golden")])
    asked = query(worn(whole), content=digest(7))
    assert [(one.item.bank, one.match_class.value) for one in index.search(asked)] == [
        ("catalogue", "exact"),
        ("golden", "exact"),
        ("stay_down", "contained"),
    ]


def test_adding_twice_changes_nothing_and_another_recording_replaces(index: SqlIndex) -> None:
    assert index.add([item(1), item(2)]) == Changed(added=2)
    before = generation(index)
    assert index.add([item(1), item(2)]) == Changed(unchanged=2)
    assert generation(index) == before
    changed = item(3, item_id="T-1")
    assert index.add([changed, item(2)]) == Changed(replaced=1, unchanged=1)
    assert names(index, query(score(1))) == []
    assert names(index, query(score(3))) == [("T-1", "near_duplicate")]
    assert index.stats().items == {"catalogue": 2}
    assert index.add([item(4), item(5, item_id="T-4")]) == Changed(added=1), "the last one stays"
    assert names(index, query(score(5))) == [("T-4", "near_duplicate")]


def test_what_is_removed_is_gone(index: SqlIndex) -> None:
    index.add([item(1), item(2), item(2, "golden")])
    assert index.remove("catalogue", ["T-2", "T-99"]) == 1
    assert [one.item.bank for one in index.search(query(score(2)))] == ["golden"]
    assert names(index, query(score(1), content=digest(2))) == [
        ("T-2", "exact"),
        ("T-1", "near_duplicate"),
    ]
    index.add([item(2)])
    assert len(index.search(query(score(2)))) == 2, "and may come back"


def test_what_was_added_is_there_when_it_is_opened_again(url: str) -> None:
    with open_index(url) as index:
        index.add([item(1), item(2)])
    with open_index(url) as index:
        assert names(index, query(worn(score(2)))) == [("T-2", "near_duplicate")]
        assert index.stats().items == {"catalogue": 2}
        assert list(index.faults()) == []


def test_one_process_sees_what_another_adds_and_removes(url: str) -> None:
    with open_index(url) as writer, open_index(url) as reader:
        assert names(reader, query(score(1))) == []
        writer.add([item(1)])
        assert names(reader, query(score(1))) == [("T-1", "near_duplicate")]
        writer.remove("catalogue", ["T-1"])
        assert names(reader, query(score(1))) == []


def test_empty_files_never_match_each_other(index: SqlIndex) -> None:
    silence = Landmarks(np.zeros(0, np.uint32), np.zeros(0, np.uint16), 180.0)
    tone = Landmarks(
        np.arange(0, 180 * 128, 60, dtype=np.uint32), np.full(384, 300, np.uint16), 180.0
    )
    for empty in (silence, tone):
        with pytest.raises(Refused, match="landmarks"):
            Item.of("catalogue", "T-1", digest(1), empty.to_bytes())
        bare = Item("catalogue", "T-1", digest(1), empty.to_bytes(), 180.0, digest("pcm"))
        with pytest.raises(Refused):
            index.add([bare])
        assert index.search(query(empty, pcm=digest("pcm"))) == []
    with pytest.raises(NotLandmarks):
        Item.of("catalogue", "T-1", digest(1), b"something else")
    assert index.stats().items == {}


def test_writers_and_readers_at_once(url: str) -> None:
    """No item is lost, no process fails, and a reader never sees an item twice."""
    done = threading.Event()

    def write(seeds: range) -> None:
        with open_index(url) as index:
            for seed in seeds:
                index.add([item(seed), item(1_000)])

    def read() -> int:
        count = 0
        with open_index(url) as index:
            while not done.is_set() or count < 2:
                assert len(names(index, query(score(1_000)))) <= 1
                count += 1
        return count

    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(write, range(start, start + 12)) for start in (0, 100)]
        reader = threads.submit(read)
        for writer in writers:
            writer.result(60)
        done.set()
        assert reader.result(60) >= 2
    with open_index(url) as index:
        assert index.stats().items == {"catalogue": 25}
        assert list(index.faults()) == []
        for seed in (0, 5, 11, 100, 111, 1_000):
            assert names(index, query(score(seed))) == [(f"T-{seed}", "near_duplicate")]

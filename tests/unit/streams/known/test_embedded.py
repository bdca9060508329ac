"""The embedded index alone: segments, merges, the rest of a crash."""

from pathlib import Path

import pytest

from streams.known import embedded
from streams.known.index import open_index
from tests.support.known_tracks import item, names, query, score


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "FRESH_ITEMS", 4)
    monkeypatch.setattr(embedded, "MERGE_FROM", 3)


@pytest.mark.usefixtures("small")
def test_segments_are_made_merged_and_rid_of_what_was_removed(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/index"
    with open_index(url) as index, open_index(url) as reader:
        for seed in range(14):
            index.add([item(seed)])
            assert names(reader, query(score(seed))) == [(f"T-{seed}", "near_duplicate")]
        segments = list((tmp_path / "index" / "postings").iterdir())
        assert 1 <= len(segments) == index.stats().segments < 6
        before = index.stats().postings
        index.remove("catalogue", [f"T-{seed}" for seed in range(10)])
        for seed in range(14, 26):
            index.add([item(seed)])
        assert index.stats().postings < 1.4 * before, "merging forgot what was removed"
        for seed in (10, 13, 14, 25):
            assert names(reader, query(score(seed))) == [(f"T-{seed}", "near_duplicate")]
        assert names(reader, query(score(3))) == []
        assert list(index.faults()) == []


@pytest.mark.usefixtures("small")
def test_the_rest_of_a_crash_is_swept_and_damage_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "index" / "postings"
    with open_index(f"file://{tmp_path}/index") as index:
        (folder / "0000000001-0000000004-deadbeef.seg").write_bytes(b"half of a segm")
        index.add(item(seed) for seed in range(5))
        assert not (folder / "0000000001-0000000004-deadbeef.seg").exists()
        (segment,) = folder.iterdir()
        data = segment.read_bytes()
        segment.write_bytes(data[:-8] + bytes(8))
        assert list(index.faults()) == [f"{segment.name} is not what was written"]
        segment.unlink()
        assert list(index.faults()) == [f"{segment.name} is missing"]

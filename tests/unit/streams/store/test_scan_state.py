"""The state of a scan: what is read once stays read, and what changed is read again."""

from contextlib import closing
from pathlib import Path

from streams.store import scan_state
from streams.store.scan_state import ListedFile, Pair, ScanState


def test_a_second_run_reads_what_is_new_changed_or_was_not_final(tmp_path: Path) -> None:
    files = [ListedFile(f"file_{n}", "s1", f'{{"n": {n}}}') for n in range(5)]
    with closing(ScanState(tmp_path)) as state:
        state.note(files)
        assert [file.key for file in state.unread("b")] == [f"file_{n}" for n in range(5)]
        pair = Pair("a" * 64, "b" * 64, "near_duplicate", 20.0)
        state.keep(files[0], "b", "zero", content_sha256="a" * 64)
        state.keep(files[1], "b", "one", content_sha256="b" * 64, pairs=[pair])
        state.keep(files[2], "b", "two", final=False)
        state.keep(files[3], "other", "three")
        state.keep(files[1], "b", "one", content_sha256="b" * 64, pairs=[pair])
        assert state.reading_of("a" * 64, "b") == "zero"
        assert state.reading_of("a" * 64, "other") is None
    with closing(ScanState(tmp_path)) as state:
        later = [files[0]._replace(stamp="s2"), *files[1:4], ListedFile("file_9", "s1", "{}")]
        state.note(later)
        assert state.counts("b") == (5, 4)
        assert [file.key for file in state.unread("b")] == ["file_0", "file_2", "file_3", "file_9"]
        assert list(state.pairs()) == [pair]
        rows = list(state.rows("b"))
        assert [reading for _, reading in rows] == [None, "one", "two", None, None]
        assert rows[1] == ('{"n": 1}', "one")
        assert rows[-1] == ("{}", None)
        assert len(rows) == 5, "file_4 is not named any more"


def test_files_come_in_pages(tmp_path: Path) -> None:
    many = 2 * scan_state.BATCH + 1
    with closing(ScanState(tmp_path)) as state:
        state.note(ListedFile(f"file_{n}", "", "{}") for n in range(many))
        assert state.counts("b") == (many, many)
        assert len({file.key for file in state.unread("b")}) == many

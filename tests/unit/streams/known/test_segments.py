"""Segments: what is written is read again, and a damaged file is refused."""

from pathlib import Path

import numpy as np
import pytest

from detector.matching.postings import pack, packed
from streams.known import segments
from streams.known.segments import NotSegment


def test_what_is_written_is_read_and_a_cut_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "one.seg"
    keys = np.array([7 << 8 | 1, 7 << 8 | 2, 900_000 << 8 | 3], np.uint64)
    every = packed([pack(keys, 5), pack(keys[:1], 6)])
    count, sha256 = segments.write(path, [every])
    assert (count, sha256) == (4, segments.digest_of(path))
    assert np.array_equal(segments.read(path).slice(0, 2**32), every)
    with pytest.raises(FileExistsError):
        segments.write(path, [every])
    data = path.read_bytes()
    for wrong in (b"", data[:-1], data[:-8], data[8:], data[:-24] + bytes(24)):
        path.write_bytes(wrong)
        with pytest.raises(NotSegment):
            segments.read(path)


def test_an_empty_segment_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none.seg"
    assert segments.write(path, [])[0] == 0
    assert len(segments.read(path)) == 0

"""Bytes are read at their places, and tags in front are passed over."""

from io import BytesIO
from pathlib import Path

import pytest

from detector.audio.reading import MOST_ID3, behind_id3, from_descriptor, from_file


def tag(size: int) -> bytes:
    return b"ID3\x04\x00\x00" + bytes((0, 0, size >> 7, size & 0x7F)) + bytes(size)


def test_a_descriptor_and_a_file_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(100)))
    with (tmp_path / "a").open("rb") as file:
        file.seek(50)
        assert from_descriptor(file.fileno(), 10)(5, 3) == bytes((15, 16, 17))
        assert file.tell() == 50, "the caller's position stays"
        assert from_file(file)(15, 3) == bytes((15, 16, 17))
        assert from_descriptor(file.fileno(), 98)(0, 9) == bytes((98, 99))


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"", 0),
        (b"ID3", 0),
        (b"fLaC", 0),
        (tag(0) + b"fLaC", 10),
        (tag(300) + b"fLaC", 310),
        (tag(300) + tag(5) + b"fLaC", 325),
    ],
)
def test_what_comes_behind_tags(content: bytes, start: int) -> None:
    assert behind_id3(from_file(BytesIO(content))) == start


def test_millions_of_tags_are_not_all_read() -> None:
    reads: list[int] = []

    def read(start: int, size: int) -> bytes:
        reads.append(start)
        return tag(0)

    assert behind_id3(read) == MOST_ID3 * len(tag(0))
    assert len(reads) == MOST_ID3

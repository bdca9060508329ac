"""Reading at places of a file, without a position that others move."""

import os
from collections.abc import Callable
from typing import IO, Final

Read = Callable[[int, int], bytes]
"""Returns the bytes from a place on, at most so many; fewer where the file ends."""

ID3_HEAD: Final = 10
MOST_ID3: Final = 100  # files have one or two; each costs a read, and a hostile file has millions


def from_descriptor(descriptor: int, start: int = 0) -> Read:
    """Return what reads an open file; its place 0 is the byte ``start``."""
    return lambda place, count: os.pread(descriptor, count, start + place)


def from_file(file: IO[bytes]) -> Read:
    """Return what reads a file object, whose position it moves."""

    def read(place: int, count: int) -> bytes:
        file.seek(place)
        return file.read(count)

    return read


def behind_id3(read: Read) -> int:
    """Return where the first byte is that belongs to no ID3v2 tag, of ``MOST_ID3`` at most."""
    start = 0
    for _ in range(MOST_ID3):
        head = read(start, ID3_HEAD)
        if head[:3] != b"ID3" or len(head) < ID3_HEAD:
            break
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        start += ID3_HEAD + size
    return start

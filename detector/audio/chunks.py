"""Chunks: the parts of RIFF, RF64, BW64, Wave64 and AIFF, each with a name and a size."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from detector.audio.reading import Read

MAX_CHUNKS: Final = 1_000
RIFF: Final = (b"RIFF", b"RF64", b"BW64")
UNSTATED: Final = 0x7FFF_0000
LONG_UNSTATED: Final = 2**48
"""Programs that write to a pipe state a size near the largest one: it is none."""


class Chunk(NamedTuple):
    """One part; ``size`` is what its header states, however much of it there is."""

    name: bytes
    start: int
    size: int
    states_size: bool = True


def chunks(read: Read) -> Iterator[Chunk]:
    """Yield the chunks of what begins at byte 0; none where it has none."""
    form = read(0, 4)
    if form == b"riff":
        yield from _wave64(read)
    elif form == b"FORM" or form in RIFF:
        yield from _iff(read, ">" if form == b"FORM" else "<")


def _iff(read: Read, order: str) -> Iterator[Chunk]:
    long_data, start = None, 12
    for _ in range(MAX_CHUNKS):
        head = read(start, 8)
        if len(head) < 8:
            return
        name, size = struct.unpack(f"{order}4sI", head)
        states_size = size < UNSTATED
        if name == b"ds64" and len(sizes := read(start + 16, 8)) == 8:
            long_data = int.from_bytes(sizes, "little")
        if name == b"data" and size == 2**32 - 1 and long_data is not None:
            size, states_size = long_data, long_data < LONG_UNSTATED
        yield Chunk(name, start + 8, size, states_size)
        start += 8 + size + size % 2


def _wave64(read: Read) -> Iterator[Chunk]:
    """Names of 16 bytes, the first four are RIFF's; sizes of 8 that count both."""
    start = 40
    for _ in range(MAX_CHUNKS):
        head = read(start, 24)
        size = int.from_bytes(head[16:], "little")
        if len(head) < 24 or size < 24:
            return
        yield Chunk(head[:4], start + 24, size - 24, size < LONG_UNSTATED)
        start += size + -size % 8

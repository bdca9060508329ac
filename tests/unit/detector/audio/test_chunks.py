"""Chunks are read as they state themselves, whatever is there of them."""

import struct

import pytest

from detector.audio.chunks import LONG_UNSTATED, MAX_CHUNKS, UNSTATED, Chunk, chunks
from detector.audio.reading import Read
from tests.support.links import encoded, tones


def reading(content: bytes) -> Read:
    return lambda place, count: content[place : place + count]


def riff(*parts: tuple[bytes, bytes], form: bytes = b"RIFF") -> bytes:
    order = ">" if form == b"FORM" else "<"
    body = b"".join(
        struct.pack(f"{order}4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in parts
    )
    return struct.pack(f"{order}4sI4s", form, len(body) + 4, b"WAVE") + body


@pytest.mark.parametrize("form", [b"RIFF", b"RF64", b"BW64", b"FORM"])
def test_a_chunk_of_odd_size_is_followed_by_a_zero(form: bytes) -> None:
    content = riff((b"odd ", b"123"), (b"id3 ", b"tag"), form=form)
    assert list(chunks(reading(content))) == [Chunk(b"odd ", 20, 3), Chunk(b"id3 ", 32, 3)]


@pytest.mark.parametrize("size", [6, LONG_UNSTATED])
def test_long_data_has_its_size_in_another_chunk(size: int) -> None:
    sizes = (b"ds64", struct.pack("<QQQ", 0, size, 0))
    content = riff(sizes, (b"data", b"123456"), form=b"RF64")
    long = content.replace(b"data\x06\0\0\0", b"data\xff\xff\xff\xff")
    assert list(chunks(reading(long)))[1] == Chunk(b"data", 52, size, size < LONG_UNSTATED)


@pytest.mark.parametrize("size", [UNSTATED - 1, UNSTATED, 2**32 - 1])
def test_a_size_near_the_largest_states_nothing(size: int) -> None:
    content = riff((b"data", b"123456")).replace(
        b"data\x06\0\0\0", struct.pack("<4sI", b"data", size)
    )
    (data,) = chunks(reading(content))
    assert (data.size, data.states_size) == (size, size < UNSTATED)


def test_the_chunks_of_wave64() -> None:
    content = encoded([tones(1, 8_000, 1)], "pcm_s16le", "w64", 8_000)
    by_name = {one.name: one for one in chunks(reading(content))}
    assert by_name[b"data"].size == 16_000
    assert content[by_name[b"data"].start - 24 :].startswith(b"data")
    assert len(content) - by_name[b"data"].start == 16_000


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVEdata", b"OggS" + bytes(100), b"riff" + bytes(100)]
)
def test_what_has_no_chunks_yields_none(content: bytes) -> None:
    assert list(chunks(reading(content))) == []


def test_chunks_without_an_end_are_bounded() -> None:
    content = riff(*[(b"junk", b"")] * 2 * MAX_CHUNKS)
    assert len(list(chunks(reading(content)))) == MAX_CHUNKS

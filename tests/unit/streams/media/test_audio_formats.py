"""A container is known by its bytes."""

import io

import pytest

from streams.media.audio_formats import CONTAINERS, behind_tags, container_of

ID3 = b"ID3\x04\x00\x00\x00\x00\x01\x01" + bytes(129)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"RIFF\x24\x00\x00\x00WAVE", "wav"),
        (b"RF64\xff\xff\xff\xffWAVE", "wav"),
        (b"\x00\x00\x00\x20ftypM4A ", "mov"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\xff\xe3\x18\xc4", "mp3"),
        (ID3 + b"\xff\xfb", "mp3"),
        (ID3 + b"fLaC", "flac"),
        (ID3 + ID3 + b"RIFF\x24\x00\x00\x00WAVE", "wav"),
        (ID3 + b"\x00\x00\x00\x20ftypM4A ", "mov"),
        (ID3 + b"OggS", "ogg"),
        (ID3 + b"\xff\xf1\x50\x80", "aac"),
        (ID3, "mp3"),
        (b"ID3", "mp3"),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
    ],
)
def test_first_bytes_name_the_container(content: bytes, name: str) -> None:
    assert container_of(io.BytesIO(content)) == CONTAINERS[name]


@pytest.mark.parametrize("content", [b"", b"RIFF\x24\x00\x00\x00AVI ", b"%PDF", b"\xff"])
def test_other_bytes_name_none(content: bytes) -> None:
    assert container_of(io.BytesIO(content)) is None


@pytest.mark.parametrize("content", [ID3 + b"fLaC", ID3 + b"\xff\xfb", ID3, b"RIFF----WAVE", b""])
def test_tags_that_belong_to_the_container_stay(content: bytes) -> None:
    assert behind_tags(io.BytesIO(content)) is None


def test_a_file_behind_its_tags_is_read_like_any() -> None:
    file = behind_tags(io.BytesIO(ID3 + b"RIFF----WAVEfmt "))
    assert file is not None
    assert (file.tell(), file.read(4), file.tell()) == (0, b"RIFF", 4)
    assert (file.seek(-4, 2), file.read()) == (12, b"fmt ")
    assert (file.seek(8), file.read(4), file.seek(-4, 1), file.read()) == (
        8, b"WAVE", 8, b"WAVEfmt ",
    )  # fmt: skip

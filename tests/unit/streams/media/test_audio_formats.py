"""A container is known by its bytes."""

import io

import pytest

from streams.media.audio_formats import CONTAINERS, container_of

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

"""The tags of a file: what its containers state in words, and objects that ID3 carries.

Runs in the decode child. FFmpeg reads most tags; read here is what it passes over: web addresses
and objects in ID3v2, ID3v1 beside another tag, APEv2 in MP3. All of it is bounded.
"""

import itertools
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Final

from detector.audio.chunks import chunks
from detector.audio.reading import from_file
from streams.media.audio_formats import behind_tags

MAX_TAGS: Final = 500
MAX_TEXT: Final = 1_000_000  # characters: graphs of ComfyUI are long
MAX_TAG_BYTES: Final = 16 * 2**20
ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")
SHORT: Final = {b"TP1": b"TPE1", b"COM": b"COMM", b"WAS": b"WOAS", b"TXX": b"TXXX",
                b"WXX": b"WXXX", b"GEO": b"GEOB"}  # fmt: skip
NAMES: Final = {"tpe1": "artist", "comm": "comment"}
"""FFmpeg's names for frames of ID3; any other frame keeps its own."""


@dataclass(frozen=True)
class Tags:
    """Keys in lower case with their texts, in order; objects with their media types."""

    texts: tuple[tuple[str, str], ...] = ()
    objects: tuple[tuple[str, bytes], ...] = ()


@dataclass
class _Gathered:
    texts: dict[tuple[str, str], None] = field(default_factory=dict)
    objects: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, key: str, text: str) -> None:
        text = text.strip("\0 \r\n\t")
        if text and len(text) <= MAX_TEXT and len(self.texts) < MAX_TAGS:
            self.texts[key.strip().casefold()[:200], text] = None


def tags_of(file: IO[bytes]) -> Tags:
    """Return the tags of an open file. A broken tag ends only itself."""
    tags = _Gathered()
    behind = behind_tags(file)
    for source in (file,) if behind is None else (file, behind):
        for read in (_ffmpeg, _id3v2, _ape, _id3v1):
            with suppress(Exception):
                read(source, tags)
    return Tags(tuple(tags.texts), tuple(tags.objects))


def chunk(file: IO[bytes], name: bytes) -> bytes | None:
    """Return the content of the first chunk of that name, in any case."""
    with suppress(ValueError, OverflowError):  # a size that leads beyond any file
        for part in chunks(from_file(file)):
            if part.name.upper() == name:
                file.seek(part.start)
                return file.read(min(part.size, MAX_TAG_BYTES))
    return None


def _ffmpeg(file: IO[bytes], tags: _Gathered) -> None:
    import av

    file.seek(0)
    with av.open(file, mode="r", metadata_errors="replace") as container:
        sources = [container.metadata, *(one.metadata for one in list(container.streams)[:20])]
        for key, text in itertools.chain.from_iterable(one.items() for one in sources):
            tags.add(key, text)


def _id3v2(file: IO[bytes], tags: _Gathered) -> None:
    file.seek(0)
    if file.read(3) == b"ID3":
        file.seek(0)
        tag = file.read(MAX_TAG_BYTES)
    else:
        tag = chunk(file, b"ID3 ") or b""
    for name, content in itertools.islice(_frames(tag), MAX_TAGS):
        with suppress(IndexError, ValueError):
            _frame(name, content, tags)


def _frames(tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Return the frames of a tag of ID3v2.2 to 2.4, without compressed and encrypted ones."""
    major, flags = tag[3:4], tag[5] if len(tag) >= 10 else 0
    if tag[:3] != b"ID3" or major not in (b"\2", b"\3", b"\4"):
        return
    v2, v4 = major == b"\2", major == b"\4"
    body = tag[10 : 10 + _syncsafe(tag[6:10])]
    if flags & 0x80 and not v4:
        body = body.replace(b"\xff\x00", b"\xff")
    at = 0
    if flags & 0x40 and not v2:
        at = _syncsafe(body[:4]) if v4 else 4 + int.from_bytes(body[:4])
    width, header = (3, 6) if v2 else (4, 10)
    while at + header <= len(body):
        name, sizes = body[at : at + width], body[at + width : at + 2 * width]
        if not re.fullmatch(rb"[A-Z][A-Z0-9]{2,3}", name):
            return
        size = _syncsafe(sizes) if v4 else int.from_bytes(sizes)
        content, coding = body[at + header : at + header + size], 0 if v2 else body[at + 9]
        at += header + size
        if v4 and coding & 0x02:
            content = content.replace(b"\xff\x00", b"\xff")
        if v4 and coding & 0x01:  # its length comes first
            content = content[4:]
        if not coding & (0x0C if v4 else 0xC0):
            yield SHORT.get(name, name), content


def _frame(name: bytes, content: bytes, tags: _Gathered) -> None:
    key = name.decode("ascii").lower()
    if name[:1] == b"W" and name != b"WXXX":
        tags.add(key, content.decode("latin-1"))
        return
    encoding, content = content[0], content[1:]
    match name:
        case b"TXXX" | b"WXXX":
            key, content = _split(content, encoding)
            text = _text(content, encoding) if name == b"TXXX" else content.decode("latin-1")
            tags.add(key or "wxxx", text)
        case b"COMM":
            tags.add(NAMES[key], _text(_split(content[3:], encoding)[1], encoding))
        case b"GEOB":
            media_type, content = _split(content, 0)
            content = _split(_split(content, encoding)[1], encoding)[1]
            tags.objects.append((media_type.lower(), content))
        case _ if name[:1] == b"T":
            for text in _text(content, encoding).split("\0", MAX_TAGS)[:MAX_TAGS]:
                tags.add(NAMES.get(key, key), text)


def _split(content: bytes, encoding: int) -> tuple[str, bytes]:
    """Return a text that ends with a zero, and what comes after it."""
    if encoding in (0, 3):
        text, _, rest = content.partition(b"\0")
        return _text(text, encoding), rest
    end = content.find(b"\0\0")
    while end > 0 and end % 2:  # two halves of two characters
        end = content.find(b"\0\0", end + 1)
    end = len(content) if end < 0 else end
    return _text(content[:end], encoding), content[end + 2 :]


def _text(content: bytes, encoding: int) -> str:
    return content[:MAX_TEXT].decode(ENCODINGS[encoding], "replace")


def _syncsafe(sizes: bytes) -> int:
    size = 0
    for byte in sizes:
        size = size << 7 | byte & 0x7F
    return size


def _ape(file: IO[bytes], tags: _Gathered) -> None:
    """APEv2 at the end of a file, or in front of ID3v1."""
    end = file.seek(0, 2)
    for before in (0, 128):
        file.seek(max(0, end - before - 32))
        footer = file.read(32)
        if footer[:8] == b"APETAGEX":
            size, count = struct.unpack("<II", footer[12:20])
            if 32 <= size <= min(MAX_TAG_BYTES, end):
                file.seek(max(0, end - before - size))
                _ape_items(file.read(size - 32), count, tags)


def _ape_items(items: bytes, count: int, tags: _Gathered) -> None:
    at = 0
    for _ in range(min(count, MAX_TAGS)):
        size, flags = struct.unpack("<II", items[at : at + 8])
        end = items.index(b"\0", at + 8)
        key, content = items[at + 8 : end], items[end + 1 : end + 1 + size]
        at = end + 1 + size
        if not flags & 0x06:  # text in UTF-8
            for text in content.decode("utf-8", "replace").split("\0", MAX_TAGS)[:MAX_TAGS]:
                tags.add(key.decode("latin-1"), text)


def _id3v1(file: IO[bytes], tags: _Gathered) -> None:
    end = file.seek(0, 2)
    file.seek(max(0, end - 128))
    tag = file.read(128)
    if len(tag) == 128 and tag[:3] == b"TAG":
        for key, start in (("artist", 33), ("comment", 97)):
            tags.add(key, tag[start : start + 30].partition(b"\0")[0].decode("latin-1"))

"""Tags put into files as the containers have them, where FFmpeg does not write them."""

import struct
from collections.abc import Iterable


def id3(*frames: tuple[str, bytes], version: int = 3) -> bytes:
    """A tag of ID3v2.2, 2.3 or 2.4."""
    body = b"".join(_frame(name, content, version) for name, content in frames)
    return b"ID3" + bytes((version, 0, 0)) + _syncsafe(len(body)) + body


def _frame(name: str, content: bytes, version: int) -> bytes:
    if version == 2:
        return name.encode() + len(content).to_bytes(3) + content
    size = _syncsafe(len(content)) if version == 4 else len(content).to_bytes(4)
    return name.encode() + size + bytes(2) + content


def _syncsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3v1(artist: str = "", comment: str = "") -> bytes:
    """The 128 bytes at the end of a file."""
    texts = [one.encode("latin-1")[:30].ljust(30, b"\0") for one in ("", artist, "")]
    return b"TAG" + b"".join(texts) + b"2026" + comment.encode()[:30].ljust(30, b"\0") + b"\0"


def ape(**items: bytes) -> bytes:
    """A tag of APEv2, with header and footer."""
    body = b"".join(
        struct.pack("<II", len(text), 0) + key.encode() + b"\0" + text
        for key, text in items.items()
    )
    header, footer = (
        b"APETAGEX" + struct.pack("<IIII", 2_000, len(body) + 32, len(items), flags) + bytes(8)
        for flags in (0xA000_0000, 0x8000_0000)
    )
    return header + body + footer


def with_chunk(content: bytes, name: bytes, data: bytes) -> bytes:
    """A RIFF or AIFF file with one more chunk at its end."""
    order = ">" if content[:4] == b"FORM" else "<"
    more = name + struct.pack(f"{order}I", len(data)) + data + bytes(len(data) % 2)
    size = struct.pack(f"{order}I", len(content) - 8 + len(more))
    return content[:4] + size + content[8:] + more


def info(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The content of a LIST chunk of RIFF."""
    parts = (
        name + struct.pack("<I", len(text) + 1) + text + bytes(1 + (len(text) + 1) % 2)
        for name, text in items
    )
    return b"INFO" + b"".join(parts)


def freeform(content: bytes, name: str, text: str) -> bytes:
    """An MP4 file without metadata whose last box is moov, with one freeform item of iTunes."""
    at = content.rindex(b"moov") - 4
    size = int.from_bytes(content[at : at + 4])
    if at + size != len(content):
        raise ValueError("moov is not the last box")
    parts = (
        _box(b"mean", bytes(4) + b"com.apple.iTunes"),
        _box(b"name", bytes(4) + name.encode()),
        _box(b"data", struct.pack(">II", 1, 0) + text.encode()),
    )
    handler = _box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    items = _box(b"ilst", _box(b"----", b"".join(parts)))
    moov = content[at + 8 :] + _box(b"udta", _box(b"meta", bytes(4) + handler + items))
    return content[:at] + _box(b"moov", moov)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content

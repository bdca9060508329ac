"""Audio containers: suffixes, media types and first bytes; the only table of them.

Its keys are names of ``detector.audio.decode.DEMUXERS``, which the digest of the released models
covers. The page ``docs/reference/audio.md`` needs a row for each of those names.
"""

import re
from typing import IO, Final, NamedTuple


class Container(NamedTuple):
    """One container; ``start`` is the pattern of its first bytes, ``c2pa``: it can be signed."""

    media_type: str
    suffixes: tuple[str, ...]
    start: bytes
    c2pa: bool = False


CONTAINERS: Final = {  # the first that matches counts: an ADTS header also looks like one of MP3
    "wav": Container("audio/wav", (".wav", ".wave"), rb"(RIFF|RF64|BW64)....WAVE", c2pa=True),
    "w64": Container("audio/x-w64", (".w64",), rb"riff"),
    "aac": Container("audio/aac", (".aac",), rb"\xff[\xf0\xf1\xf8\xf9]"),
    "mp3": Container("audio/mpeg", (".mp3", ".mp2"), rb"ID3|\xff[\xe0-\xff]", c2pa=True),
    "flac": Container("audio/flac", (".flac",), rb"fLaC", c2pa=True),
    "ogg": Container("audio/ogg", (".ogg", ".oga", ".opus"), rb"OggS"),
    "mov": Container(
        "audio/mp4", (".m4a", ".m4b", ".mp4", ".mov", ".alac"), rb"....ftyp", c2pa=True
    ),
    "aiff": Container("audio/aiff", (".aiff", ".aif", ".aifc"), rb"FORM"),
    "matroska": Container("audio/webm", (".webm", ".mka"), rb"\x1a\x45\xdf\xa3"),
    "caf": Container("audio/x-caf", (".caf",), rb"caff"),
    "wv": Container("audio/x-wavpack", (".wv",), rb"wvpk"),
}
DECODED: Final = tuple(suffix for item in CONTAINERS.values() for suffix in item.suffixes)
AUDIO_SUFFIXES: Final = frozenset((*DECODED, ".ape", ".wma"))  # sent as well: dead letters


def container_of(source: IO[bytes]) -> Container | None:
    """Return the container of an open file by its bytes, since file names are not trusted."""
    source.seek(0)
    head = source.read(12)
    if head.startswith(b"ID3"):  # FLAC may begin with this tag too
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        source.seek(10 + size)
        if source.read(4) == b"fLaC":
            return CONTAINERS["flac"]
    matches = (item for item in CONTAINERS.values() if re.match(item.start, head, re.DOTALL))
    return next(matches, None)

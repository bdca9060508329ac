"""Audio containers: suffixes, media types and first bytes; the only table of them.

Its keys are names of ``detector.audio.container.DEMUXERS``, which the digest of the released models
covers. The page ``docs/reference/audio.md`` needs a row for each of those names.
"""

import io
import re
from typing import IO, Any, Final, NamedTuple

from detector.audio.reading import behind_id3, from_file


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


WITH_TAGS: Final = ("audio/mpeg", "audio/flac")
"""ID3 in front is part of these: what reads them expects it there."""


class _Behind(io.RawIOBase):
    """A file as it is behind the tags in front of it."""

    def __init__(self, source: IO[bytes], start: int) -> None:
        self._source, self._start = source, start
        source.seek(start)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or less where the file ends."""
        content = self._source.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte; the first one is the first behind the tags."""
        place = self._source.seek(offset + self._start if whence == 0 else offset, whence)
        return max(0, place - self._start)


def container_of(source: IO[bytes]) -> Container | None:
    """Return the container of an open file by its bytes, since file names are not trusted."""
    start = behind_id3(from_file(source))
    source.seek(start)
    head = source.read(12)
    matches = (item for item in CONTAINERS.values() if re.match(item.start, head, re.DOTALL))
    return next(matches, CONTAINERS["mp3"] if start else None)


def behind_tags(source: IO[bytes]) -> IO[bytes] | None:
    """Return the file without the ID3 tags in front of a container that has no place for them."""
    start, container = behind_id3(from_file(source)), container_of(source)
    is_foreign = start and container is not None and container.media_type not in WITH_TAGS
    return io.BufferedReader(_Behind(source, start)) if is_foreign else None

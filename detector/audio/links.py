"""Links: recordings that stand in one file, one after the other, and where each begins."""

import heapq
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from detector.audio import mpeg
from detector.audio.reading import Read, behind_id3

SIGNATURE: Final = re.compile(
    rb"(?:RIFF|RF64|BW64)....WAVE|fLaC\x00|OggS\x00\x02|FORM....AIF[FC]|caff\x00\x01"
    rb"|riff\x2e\x91\xcf\x11|\x1a\x45\xdf\xa3|\x00...ftyp"
    rb"|wvpk....[\x02-\x10]\x04.{6}\x00\x00\x00\x00",
    re.DOTALL,
)
LONGEST_SIGNATURE: Final = 20
MATROSKA: Final = b"\x1a\x45\xdf\xa3"
BLOCK: Final = 2**20
RAW: Final = ("flac", "mp3", "aac")
"""Containers that are frames alone: FFmpeg looks for the next frame beyond what is none."""


def first_start(read: Read) -> int:
    """Return where a file begins behind ID3 tags that its demuxer would not pass over."""
    start = behind_id3(read)
    head = read(start, LONGEST_SIGNATURE)
    return start if SIGNATURE.match(head) and not head.startswith(b"fLaC") else 0


def starts(
    read: Read, low: int, end: int, frames_from: int, kinds: Collection[str]
) -> Iterator[int]:
    """Yield where a link may begin from ``low`` to ``end``: at a signature, or at raw frames.

    Raw frames of some kinds are looked for from another byte on.
    """
    margin = max(LONGEST_SIGNATURE, mpeg.RUN_BYTES)
    place = low
    while place < end:
        size = min(BLOCK, end - place)
        block = read(place, size + margin)
        signatures = (match.start() for match in SIGNATURE.finditer(block))
        frames = mpeg.runs(block, max(0, frames_from - place), kinds) if kinds else ()
        for start in heapq.merge(signatures, frames):
            if start >= size:
                break
            yield place + start
        place += BLOCK


@dataclass
class Progress:
    """How far a link was decoded, in bytes of the file.

    Where FFmpeg looks for frames it reports positions that it has only read ahead. Elsewhere there
    are bytes between packets.
    """

    start: int
    name: str
    """Of the container."""
    failed: bool = False
    """The last packet could not be decoded."""
    failed_s: float = 0.0
    """Seconds of the packets that could not be decoded and that others came after."""
    failed_last_s: float = 0.0
    """Of those that come last: where a link is found, they were its."""
    _first: int = 0
    _bytes: int = 0
    _position: int | None = None
    _size: int = 0
    _kind: tuple[int, int] | None = None

    def changes(self, frame: AudioFrame) -> bool:
        """Return whether a frame is not like the one before."""
        before, self._kind = self._kind, (frame.sample_rate, frame.layout.nb_channels)
        return before not in (None, self._kind)

    def take(self, packet: "Packet[AudioStream]") -> None:
        """Note a packet that was decoded."""
        size = packet.size
        if size:
            self._position, self._size = packet.pos, size
            if not self._bytes:
                self._first = self._position or 0
            self._bytes += size
        if self.failed:
            self.failed_s += self.failed_last_s
            self.failed, self.failed_last_s = False, 0.0

    def fail(self, packet: "Packet[AudioStream]") -> None:
        """Note a packet that could not be decoded."""
        self.failed = True
        if packet.duration:
            self.failed_last_s += float(packet.duration * packet.time_base)

    @property
    def low(self) -> int:
        """No later than this begins the last packet that was decoded."""
        counted = self._first + self._bytes - self._size
        place = self._position or counted
        return self.start + max(1, min(counted, place) if self.name in RAW else place)

    @property
    def frames_from(self) -> int:
        """From here on raw frames are another link's: a raw stream's own come before."""
        counted = self._first + self._bytes - self._size
        end = self.start + (self._position or counted) + self._size
        return end if self.name in mpeg.KINDS else self.low

    def end_of(self, packet: "Packet[AudioStream]") -> int:
        """Return where a packet ends."""
        return self.start + (packet.pos or self._first + self._bytes) + packet.size

"""Bytes to samples, once, in constant memory (PyAV, that is FFmpeg's libraries).

Uploads are hostile: only demuxers and decoders on the allow-lists run, in one thread, on one open
file and its default audio stream. A packet that cannot be decoded is counted and skipped.
The parent process limits time and memory.

Several recordings may stand in one file, one after the other: links. FFmpeg reads on over some of
them and stops at others. There the bytes show where the next one begins, and it is opened too.
All are decoded at one rate.
"""

import itertools
import os
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from detector.audio import links, mpeg
from detector.audio.container import RefusedCodec, check_memory, name_of, opened
from detector.audio.joining import Joiner
from detector.audio.lengths import stated_s
from detector.audio.links import Progress
from detector.audio.reading import from_descriptor
from detector.errors import InvalidAudio
from detector.types import FloatArray

MAX_DECODE_ERRORS: Final = 10_000
MAX_PROOF_PACKETS: Final = 1_000
MAX_LINKS: Final = 256
NEAR_END_S: Final = 2.0  # longer than any frame of FLAC
MAX_LOOKS: Final = 20  # for the next link where a packet cannot be decoded


@dataclass
class Decoder:
    """One file being decoded; facts are complete when ``chunks`` is exhausted.

    ``source`` is a path, or the descriptor of a file open for reading, which is left open.
    ``rate_hz`` is the rate of all chunks; by default that of the first frame.
    """

    source: Path | int
    max_duration_s: float
    rate_hz: int | None = None
    container: str = ""
    codec: str = ""
    streams: int = 0
    bit_rate: int | None = None
    _errors: int = 0
    _missed_s: float = 0.0
    _joined: Joiner = field(init=False)

    def __post_init__(self) -> None:
        self._joined = Joiner(self.rate_hz or 0)

    def chunks(self) -> Iterator[FloatArray]:
        """Yield float32 arrays [channels, n] of about 65,536 samples at most, at one rate.

        Raises:
            InvalidAudio: empty_file, unsupported_format, undecodable, no_audio, too_long,
                too_much_memory.
        """
        is_descriptor = isinstance(self.source, int)
        with open(self.source, "rb", buffering=0, closefd=not is_descriptor) as file:
            descriptor = file.fileno()
            size = os.fstat(descriptor).st_size
            if size == 0:
                raise InvalidAudio("empty_file", "the file has no bytes")
            link: int | None = links.first_start(from_descriptor(descriptor))
            for _ in range(MAX_LINKS):
                if link is None:
                    break
                link = yield from self._hear(descriptor, link)
            if link is not None:  # what is left counts as if it were as dense
                self._missed_s += self.duration_s * (size - link) / link
        if self.samples == 0:
            raise InvalidAudio(
                "undecodable", f"{self.codec} in {self.container}: no sample could be decoded"
            )

    @property
    def sample_rate_hz(self) -> int:
        """The rate of all chunks; 0 before the first one."""
        return self._joined.rate_hz

    @property
    def channels(self) -> int:
        """How many the first frame has."""
        return self._joined.channels

    @property
    def samples(self) -> int:
        """Samples of each channel so far."""
        return self._joined.samples

    @property
    def seconds_by_rate(self) -> dict[int, float]:
        """How long was delivered at which rate."""
        return self._joined.seconds_by_rate

    @property
    def decode_errors(self) -> int:
        """Packets and frames that could not be decoded."""
        return self._errors + self._joined.refused

    @property
    def missed_s(self) -> float:
        """Seconds of packets and links that could not be decoded, or that a header promises."""
        return self._missed_s + self._joined.refused_s

    @property
    def heard_share(self) -> float:
        """Decoded duration over the duration that the file delivers."""
        delivered = self.duration_s + self.missed_s
        return self.duration_s / delivered if delivered else 1.0

    @property
    def main_rate_hz(self) -> int:
        """The rate at which most of the recording was delivered."""
        return max(self.seconds_by_rate, key=self.seconds_by_rate.__getitem__, default=0)

    @property
    def duration_s(self) -> float:
        """Decoded duration so far."""
        return self.samples / self.sample_rate_hz if self.sample_rate_hz else 0.0

    def _claims_too_long(self, container: InputContainer, stream: AudioStream) -> bool:
        claims = [(container.duration or 0) / av.time_base]
        if stream.duration and stream.time_base:
            claims.append(float(stream.duration * stream.time_base))
        return max(claims) > self.max_duration_s

    def _proves_too_long(self, container: InputContainer, stream: AudioStream) -> bool:
        """Return whether a packet lies beyond the limit: a header's claim alone proves nothing."""
        if stream.time_base is None:
            return False
        limit = int(self.max_duration_s / stream.time_base)
        try:
            container.seek(limit, stream=stream)
            for number, packet in enumerate(container.demux(stream)):
                if packet.size and packet.pts is not None and packet.pts >= limit:
                    return True
                if number > MAX_PROOF_PACKETS:
                    break
        except (av.error.FFmpegError, ValueError, OverflowError) as error:
            check_memory(error)
        return False

    def _hear(self, descriptor: int, start: int) -> Generator[FloatArray, None, int | None]:
        """Decode one link; return where the next one starts."""
        with opened(descriptor, start) as (container, stream):
            claims = self._claims_too_long(container, stream)
            if not claims:
                return (yield from self._decode(container, stream, descriptor, start))
            if self._proves_too_long(container, stream):
                raise self._too_long()
        # the header is wrong, and the file is read to its middle: open it again
        with opened(descriptor, start) as (container, stream):
            return (yield from self._decode(container, stream, descriptor, start))

    def _decode(
        self, container: InputContainer, stream: AudioStream, descriptor: int, start: int
    ) -> Generator[FloatArray, None, int | None]:
        context = stream.codec_context
        context.thread_type = "NONE"
        channels = context.channels  # PyAV frees a layout of a container's own with every reading
        if channels > 2:
            context.layout = f"{channels}C"
        self.streams = max(self.streams, len(container.streams.audio))
        if not self.container:
            self.container, self.codec = container.format.name, context.name
            self.bit_rate = context.bit_rate or None
        before_s, looks = self._joined.taken_s, 0
        name = name_of(container)
        read = Progress(start, name)
        near_end_s = float((stream.duration or 0) * (stream.time_base or 0)) - NEAR_END_S
        link: int | None = None
        packets = container.demux(stream)
        while link is None:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, ValueError) as error:  # no packet comes after it
                check_memory(error)
                self._errors += 1
                break
            if packet is None:
                break
            is_late = name == "flac" and self._joined.taken_s - before_s >= near_end_s
            if is_late and looks < MAX_LOOKS and links.MATROSKA in bytes(packet):
                looks += 1  # its frames of FLAC would be taken one by one, with gaps
                link = self._next_link(descriptor, read, read.end_of(packet))
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError) as error:
                check_memory(error)
                self._errors += 1
                if self.decode_errors > MAX_DECODE_ERRORS or isinstance(error, av.error.EOFError):
                    break
                if not read.failed and looks < MAX_LOOKS:
                    looks += 1
                    link = self._next_link(descriptor, read, read.end_of(packet))
                read.fail(packet)
                continue
            for frame in frames:
                if not isinstance(frame, AudioFrame):
                    continue
                if self._joined.add(frame):  # it is like the one before
                    if self._joined.is_full:
                        yield from self._within(self._joined.full())
                    continue
                if read.changes(frame) and looks < MAX_LOOKS:
                    looks += 1
                    link = self._next_link(descriptor, read, read.end_of(packet))
                    if link is not None:
                        break
                yield from self._within(self._joined.take(frame))
            read.take(packet)
        yield from self._within(self._joined.rest())
        if link is None:
            link = self._next_link(descriptor, read, None)
        failed_s = read.failed_s if link is not None else read.failed_s + read.failed_last_s
        decoded_s = self._joined.taken_s - before_s
        missed_s = stated_s(container, stream, descriptor, start, decoded_s) - decoded_s
        self._missed_s += max(failed_s, missed_s, 0.0)
        return link

    def _next_link(self, descriptor: int, read: Progress, end: int | None) -> int | None:
        """Return where the next link starts between what was decoded and ``end`` (of the file)."""
        kinds: Collection[str] = mpeg.KINDS
        if end is None:
            end = os.fstat(descriptor).st_size
        else:  # FFmpeg goes on over frames of its kind, and at others' it stumbles
            kinds = [kind for kind in mpeg.KINDS if read.name in mpeg.KINDS and kind != read.name]
        starts = links.starts(from_descriptor(descriptor), read.low, end, read.frames_from, kinds)
        for start in itertools.islice(starts, MAX_LOOKS):
            try:
                with opened(descriptor, start):
                    return start
            except RefusedCodec as error:
                self._missed_s += error.duration_s
            except InvalidAudio as error:
                if error.reason == "too_much_memory":
                    raise
        return None

    def _within(self, chunks: Iterator[FloatArray]) -> Iterator[FloatArray]:
        """Yield chunks as long as they are within the limit of time."""
        for chunk in chunks:
            if self.duration_s > self.max_duration_s:
                raise self._too_long()
            yield chunk

    def _too_long(self) -> InvalidAudio:
        return InvalidAudio("too_long", f"longer than {self.max_duration_s:.0f} s")

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
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from detector.errors import InvalidAudio
from detector.types import FloatArray

DEMUXERS: Final = (
    *("wav", "w64", "mp3", "flac", "ogg", "mov", "aac", "aiff", "matroska", "caf", "wv"),
)
DECODERS: Final = frozenset(
    (
        *("aac", "aac_latm", "ac3", "alac", "eac3", "flac", "gsm_ms", "libopus"),
        *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "vorbis", "wavpack"),
        *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "pcm_alaw", "pcm_mulaw", "pcm_bluray"),
        *(
            f"pcm_{kind}{bits}{end}"
            for kind in "su"
            for bits in (16, 24, 32)
            for end in ("be", "le")
        ),
        *("pcm_s8", "pcm_u8", "pcm_s16le_planar", "pcm_s24le_planar"),
        *("pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_s8_planar", "pcm_lxf"),
    )
)
CHUNK_SAMPLES: Final = 65_536  # a frame is a thousand samples: handling them singly costs more
CHUNK_VALUES: Final = 2**20  # of all channels together: 4 MB, as often as it is copied
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
MAX_CHANNELS: Final = 64
MAX_DECODE_ERRORS: Final = 10_000
MAX_PROOF_PACKETS: Final = 1_000
LOUDEST: Final = 8.0  # floats may exceed full scale, but not without bound
PLANES: Final = 8  # PyAV reads beyond the pointers of so many planes: such frames become packed
MAX_LINKS: Final = 256
MAX_RESAMPLERS: Final = 1_000
MAX_LOOKS: Final = 20  # for the next link where a packet cannot be decoded

# Their headers state how long they are; that of the others is an estimate.
STATES_DURATION: Final = ("wav", "flac", "mov", "aiff", "matroska", "wv")
LINK_START: Final = re.compile(
    rb"(?:RIFF|RF64)....WAVE|fLaC\x00|OggS\x00\x02|FORM....AIF[FC]|caff\x00\x01"
    rb"|riff\x2e\x91\xcf\x11|\x1a\x45\xdf\xa3|\x00...ftyp"
    rb"|wvpk....[\x02-\x10]\x04.{6}\x00\x00\x00\x00",
    re.DOTALL,
)
# Too short to be searched for: only right behind the last packet.
LINK_START_HERE: Final = re.compile(rb"ID3[\x02-\x04]|\xff[\xe0-\xff]")
LONGEST_START: Final = 20
BLOCK: Final = 2**20


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
    sample_rate_hz: int = 0
    channels: int = 0
    streams: int = 0
    bit_rate: int | None = None
    samples: int = 0
    decode_errors: int = 0
    missed_s: float = 0.0
    """Seconds of packets and links that could not be decoded, or that a header promises."""
    seconds_by_rate: dict[int, float] = field(default_factory=dict)
    _fifo: AudioFifo = field(default_factory=AudioFifo)
    _resampler: AudioResampler | None = None
    _resamplers: int = 0
    _shape: tuple[str, str, int] = ("", "", 0)
    _chunk: int = CHUNK_SAMPLES
    _time_base: Fraction = Fraction(1)

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
            link: int | None = _after_tags(descriptor)
            for _ in range(MAX_LINKS):
                if link is None:
                    break
                link = yield from self._hear(descriptor, link)
            if link is not None:  # what is left counts as if it were as dense
                self.missed_s += self.duration_s * (size - link) / link
        if self.samples == 0:
            raise InvalidAudio(
                "undecodable", f"{self.codec} in {self.container}: no sample could be decoded"
            )

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
            _check_memory(error)
        return False

    def _hear(self, descriptor: int, start: int) -> Generator[FloatArray, None, int | None]:
        """Decode one link; return where the next one starts."""
        with _opened(descriptor, start) as (container, stream):
            claims = self._claims_too_long(container, stream)
            if not claims:
                return (yield from self._decode(container, stream, descriptor, start))
            if self._proves_too_long(container, stream):
                raise self._too_long()
        # the header is wrong, and the file is read to its middle: open it again
        with _opened(descriptor, start) as (container, stream):
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
            self.sample_rate_hz, self.channels = context.sample_rate, channels
            self.bit_rate = context.bit_rate or None
        before_s, failed_s, looks = self._decoded_s, 0.0, 0
        read = _Progress(start)
        link: int | None = None
        packets = container.demux(stream)
        while link is None:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, ValueError) as error:  # no packet comes after it
                _check_memory(error)
                self.decode_errors += 1
                break
            if packet is None:
                break
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError) as error:
                _check_memory(error)
                self.decode_errors += 1
                if self.decode_errors > MAX_DECODE_ERRORS or isinstance(error, av.error.EOFError):
                    break
                if not read.failed and looks < MAX_LOOKS:
                    looks += 1
                    link = self._next_link(descriptor, read, read.end_of(packet.pos, packet.size))
                if link is None and packet.duration:
                    failed_s += float(packet.duration * packet.time_base)
                read.failed = True
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame):
                    if read.changes(frame) and looks < MAX_LOOKS:
                        looks += 1
                        link = self._next_link(
                            descriptor, read, read.end_of(packet.pos, packet.size)
                        )
                        if link is not None:
                            break
                    yield from self._take(frame)
            read.take(packet.pos, packet.size)
        yield from self._rest()
        if link is None:
            link = self._next_link(descriptor, read, None)
        stated_s = _stated_duration(container, stream)
        self.missed_s += max(failed_s, stated_s - (self._decoded_s - before_s), 0.0)
        return link

    def _next_link(self, descriptor: int, read: "_Progress", end: int | None) -> int | None:
        """Return where the next link starts between what was decoded and ``end`` (of the file)."""
        if end is None:
            starts = _link_starts(descriptor, read.low, os.fstat(descriptor).st_size)
            if LINK_START_HERE.match(os.pread(descriptor, LONGEST_START, read.high)):
                starts = itertools.chain((read.high,), starts)
        else:
            starts = _link_starts(descriptor, read.low, end)
        for start in itertools.islice(starts, MAX_LOOKS):
            try:
                with _opened(descriptor, start):
                    return start
            except RefusedCodec as error:
                self.missed_s += error.duration_s
            except InvalidAudio as error:
                if error.reason == "too_much_memory":
                    raise
        return None

    @property
    def _decoded_s(self) -> float:
        return sum(self.seconds_by_rate.values())

    def _take(self, frame: AudioFrame) -> Iterator[FloatArray]:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if self.samples == 0 and self._fifo.samples == 0:  # headers lie, the first frame does not
            self.sample_rate_hz = self.rate_hz or rate
            self.channels = channels
            if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
                raise InvalidAudio("unsupported_format", f"{rate} Hz sample rate")
            if not 1 <= channels <= MAX_CHANNELS:
                raise InvalidAudio("unsupported_format", f"{channels} channels")
            self._time_base = Fraction(1, rate)
        shape = (frame.format.name, frame.layout.name, rate)
        if shape != self._shape:  # changed mid-stream: a new FIFO (it does not check channels)
            if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ or channels > MAX_CHANNELS:
                self._miss(frame)
                return
            yield from self._rest()
            self._shape = shape
            self._chunk = min(CHUNK_SAMPLES, CHUNK_VALUES // channels)
            self._time_base = Fraction(1, rate)
            many = channels >= PLANES and frame.format.is_planar
            if many or rate != self.sample_rate_hz:
                self._resamplers += 1
                target = frame.format.packed if many else frame.format
                self._resampler = AudioResampler(target, frame.layout, self.sample_rate_hz)
        frame.pts = None  # the FIFO would insist on contiguous times; damaged files have none
        frame.time_base = self._time_base
        self._write(frame)
        while self._fifo.samples >= self._chunk:
            yield self._read(self._chunk)

    def _write(self, frame: AudioFrame) -> None:
        if self._resampler is None:
            self._fifo.write(frame)
        elif self._resamplers > MAX_RESAMPLERS:
            self._miss(frame)
            return
        else:
            self._write_resampled(frame)
        rate = frame.sample_rate
        self.seconds_by_rate[rate] = self.seconds_by_rate.get(rate, 0.0) + frame.samples / rate

    def _write_resampled(self, frame: AudioFrame | None) -> None:
        assert self._resampler is not None  # noqa: S101 - the callers have looked
        try:
            pieces = self._resampler.resample(frame)
        except (av.error.FFmpegError, ValueError) as error:  # a layout that it does not know
            _check_memory(error)
            if frame is not None:
                self._miss(frame)
            return
        for piece in pieces:
            piece.pts = None
            self._fifo.write(piece)

    def _miss(self, frame: AudioFrame) -> None:
        self.decode_errors += 1
        self.missed_s += frame.samples / max(frame.sample_rate, 1)

    def _rest(self) -> Iterator[FloatArray]:
        if self._resampler is not None:
            self._write_resampled(None)
            self._resampler = None
        if self._fifo.samples:
            yield self._read(self._fifo.samples)
        self._fifo = AudioFifo()
        self._shape = ("", "", 0)

    def _read(self, count: int) -> FloatArray:
        frame = self._fifo.read(count, partial=True)
        assert frame is not None  # noqa: S101 - the FIFO holds at least ``count``
        self.samples += frame.samples
        if self.duration_s > self.max_duration_s:
            raise self._too_long()
        return to_float(frame)

    def _too_long(self) -> InvalidAudio:
        return InvalidAudio("too_long", f"longer than {self.max_duration_s:.0f} s")


class RefusedCodec(InvalidAudio):
    """A container that could be opened, with a codec that is not on the allow-list."""

    def __init__(self, detail: str, duration_s: float) -> None:
        super().__init__("unsupported_format", detail)
        self.duration_s = duration_s


@dataclass
class _Progress:
    """How far a link was decoded, in bytes of the file.

    The parser of FLAC reports positions that it has only read ahead, and other containers have
    bytes between packets: the truth lies between ``low`` and ``high``.
    """

    start: int
    failed: bool = False
    """The last packet could not be decoded."""
    _first: int = 0
    _bytes: int = 0
    _position: int | None = None
    _size: int = 0
    _kind: tuple[int, int] | None = None

    def changes(self, frame: AudioFrame) -> bool:
        """Return whether a frame is not like the one before."""
        before, self._kind = self._kind, (frame.sample_rate, frame.layout.nb_channels)
        return before not in (None, self._kind)

    def take(self, position: int | None, size: int) -> None:
        """Note a packet that was decoded."""
        if size:
            if not self._bytes:
                self._first = position or 0
            self._bytes += size
            self._position, self._size = position, size
        self.failed = False

    @property
    def low(self) -> int:
        """No later than this begins the last packet that was decoded."""
        counted = self._first + self._bytes - self._size
        return self.start + max(1, min(counted, self._position or counted))

    @property
    def high(self) -> int:
        """Where the last packet ends that was decoded, as the container reports it."""
        counted = self._first + self._bytes - self._size
        return self.start + (self._position or counted) + self._size

    def end_of(self, position: int | None, size: int) -> int:
        """Return where a packet ends."""
        return self.start + (position or self._first + self._bytes) + size


def _stated_duration(container: InputContainer, stream: AudioStream) -> float:
    """Return the seconds that the header states; 0 where none does."""
    if container.format.name.split(",")[0] not in STATES_DURATION:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base if len(container.streams) == 1 else 0.0


def _after_tags(descriptor: int) -> int:
    """Return where the file begins behind ID3 tags that its demuxer would not pass over."""
    start = 0
    while (head := os.pread(descriptor, 10, start))[:3] == b"ID3" and len(head) == 10:
        start += 10
        for place, byte in enumerate(head[6:]):
            start += (byte & 0x7F) << 7 * (3 - place)
    head = os.pread(descriptor, LONGEST_START, start)
    return start if LINK_START.match(head) and not head.startswith(b"fLaC") else 0


def _link_starts(descriptor: int, low: int, end: int) -> Iterator[int]:
    """Yield where a link may start from ``low`` to ``end``."""
    place = low
    while place < end:
        block = os.pread(descriptor, min(BLOCK, end - place) + LONGEST_START, place)
        for match in LINK_START.finditer(block):
            if match.start() < min(BLOCK, end - place):
                yield place + match.start()
        place += BLOCK


@contextmanager
def _opened(descriptor: int, start: int) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Open what begins at a byte of a file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    options = {
        "fd": str(descriptor),
        "protocol_whitelist": "fd,subfile" if start else "fd",
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(sorted(DECODERS)),
    }
    name = f"subfile,,start,{start},end,0,,:fd:" if start else "fd:"
    try:
        container = av.open(name, options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        _check_memory(error)
        raise InvalidAudio(
            "unsupported_format", "no demuxer on the allow-list reads this file"
        ) from error
    with container:
        name = container.format.name
        streams = container.streams.audio
        if not streams:
            raise InvalidAudio("no_audio", f"{name} without an audio stream")
        defaults = (one for one in streams if one.disposition & Disposition.default)
        stream = next(defaults, streams[0])
        if stream.codec_context is None:
            raise InvalidAudio("undecodable", f"{name}: no decoder for its audio stream")
        if stream.codec_context.name not in DECODERS:
            raise RefusedCodec(
                f"{name} with {stream.codec_context.name} in it",
                (container.duration or 0) / av.time_base,
            )
        yield container, stream


def _check_memory(error: Exception) -> None:
    """Raise InvalidAudio where FFmpeg had no memory: going on would decode another file."""
    if isinstance(error, MemoryError):
        raise InvalidAudio("too_much_memory", "decoding needs more memory than allowed") from error


def to_float(frame: AudioFrame) -> FloatArray:
    """Return the samples as float32 [channels, n], full scale at 1.0, NaN and infinity as 0."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        return (data.astype(np.float32) - np.float32(128)) / np.float32(128)
    if data.dtype.kind == "i":
        return data.astype(np.float32) / np.float32(2 ** (8 * data.itemsize - 1))
    samples = data.astype(np.float32, copy=False)
    if samples.size == 0 or (samples.min() >= -LOUDEST and samples.max() <= LOUDEST):
        return samples  # the usual case; a NaN is neither
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    clipped: FloatArray = samples.clip(-LOUDEST, LOUDEST)
    return clipped


def to_mono(chunk: FloatArray) -> FloatArray:
    """Return the mean [n] of all channels [channels, n]."""
    mono: FloatArray
    if len(chunk) == 1:
        mono = chunk[0]
    elif len(chunk) == 2:  # the same bits as the mean, in a third of the time
        mono = chunk[0] + chunk[1]
        mono *= np.float32(0.5)
    else:
        mono = chunk.mean(axis=0)
    return mono

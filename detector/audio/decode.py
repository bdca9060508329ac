"""Bytes to samples, once, in constant memory (PyAV, that is FFmpeg's libraries).

Uploads are hostile: only demuxers and decoders on the allow-lists run, in one thread, on one open
file and its first audio stream. A packet that cannot be decoded is counted and skipped.
The parent process limits time and memory.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

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


@dataclass
class Decoder:
    """One file being decoded; facts are complete when ``chunks`` is exhausted.

    ``source`` is a path, or the descriptor of a file open for reading, which is left open.
    """

    source: Path | int
    max_duration_s: float
    container: str = ""
    codec: str = ""
    sample_rate_hz: int = 0
    channels: int = 0
    bit_rate: int | None = None
    samples: int = 0
    decode_errors: int = 0
    _fifo: AudioFifo = field(default_factory=AudioFifo)
    _shape: tuple[str, int] = ("", 0)
    _chunk: int = CHUNK_SAMPLES
    _time_base: Fraction = Fraction(1)

    def chunks(self) -> Iterator[FloatArray]:
        """Yield float32 arrays [channels, n] of up to 65,536 samples at the native rate.

        Raises:
            InvalidAudio: empty_file, unsupported_format, undecodable, no_audio, too_long,
                too_much_memory.
        """
        is_descriptor = isinstance(self.source, int)
        with open(self.source, "rb", buffering=0, closefd=not is_descriptor) as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise InvalidAudio("empty_file", "the file has no bytes")
            with _opened(file.fileno()) as (container, stream):
                claims = self._claims_too_long(container, stream)
                if not claims:
                    yield from self._hear(container, stream)
                elif self._proves_too_long(container, stream):
                    raise self._too_long()
            if claims:  # the header is wrong, and the file is read to its middle: open it again
                with _opened(file.fileno()) as (container, stream):
                    yield from self._hear(container, stream)

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

    def _hear(self, container: InputContainer, stream: AudioStream) -> Iterator[FloatArray]:
        context = stream.codec_context
        context.thread_type = "NONE"
        self.container, self.codec = container.format.name, context.name
        self.sample_rate_hz, self.channels = context.sample_rate, context.channels
        self.bit_rate = context.bit_rate or None
        yield from self._decode(container, stream)
        if self.samples == 0:
            raise InvalidAudio(
                "undecodable", f"{self.codec} in {self.container}: no sample could be decoded"
            )

    def _decode(self, container: InputContainer, stream: AudioStream) -> Iterator[FloatArray]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError) as error:
                _check_memory(error)
                self.decode_errors += 1
                if self.decode_errors > MAX_DECODE_ERRORS or isinstance(error, av.error.EOFError):
                    break
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame):
                    yield from self._take(frame)
        yield from self._rest()

    def _take(self, frame: AudioFrame) -> Iterator[FloatArray]:
        if self.samples == 0 and self._fifo.samples == 0:  # headers lie, the first frame does not
            self.sample_rate_hz = frame.sample_rate
            self.channels = frame.layout.nb_channels
            if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
                raise InvalidAudio("unsupported_format", f"{self.sample_rate_hz} Hz sample rate")
            if not 1 <= self.channels <= MAX_CHANNELS:
                raise InvalidAudio("unsupported_format", f"{self.channels} channels")
            self._time_base = Fraction(1, self.sample_rate_hz)
        shape = (frame.format.name, frame.layout.nb_channels)
        if frame.sample_rate != self.sample_rate_hz or shape[1] > MAX_CHANNELS:
            self.decode_errors += 1  # a foreign piece in the stream: not this recording
            return
        frame.pts = None  # the FIFO would insist on contiguous times; damaged files have none
        frame.time_base = self._time_base
        if shape != self._shape:  # changed mid-stream: a new FIFO (it does not check channels)
            yield from self._rest()
            self._shape = shape
            self._chunk = min(CHUNK_SAMPLES, CHUNK_VALUES // shape[1])
        self._fifo.write(frame)
        while self._fifo.samples >= self._chunk:
            yield self._read(self._chunk)

    def _rest(self) -> Iterator[FloatArray]:
        if self._fifo.samples:
            yield self._read(self._fifo.samples)
        self._fifo = AudioFifo()

    def _read(self, count: int) -> FloatArray:
        frame = self._fifo.read(count, partial=True)
        assert frame is not None  # noqa: S101 - the FIFO holds at least ``count``
        self.samples += frame.samples
        if self.duration_s > self.max_duration_s:
            raise self._too_long()
        return to_float(frame)

    def _too_long(self) -> InvalidAudio:
        return InvalidAudio("too_long", f"longer than {self.max_duration_s:.0f} s")


@contextmanager
def _opened(descriptor: int) -> Iterator[tuple[InputContainer, AudioStream]]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    options = {
        "fd": str(descriptor),
        "protocol_whitelist": "fd",
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(sorted(DECODERS)),
    }
    try:
        container = av.open("fd:", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        _check_memory(error)
        raise InvalidAudio(
            "unsupported_format", "no demuxer on the allow-list reads this file"
        ) from error
    with container:
        name = container.format.name
        if not container.streams.audio:
            raise InvalidAudio("no_audio", f"{name} without an audio stream")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise InvalidAudio("undecodable", f"{name}: no decoder for its audio stream")
        if stream.codec_context.name not in DECODERS:
            raise InvalidAudio(
                "unsupported_format", f"{name} with {stream.codec_context.name} in it"
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

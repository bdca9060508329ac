"""Bytes to samples, once, in constant memory (PyAV, that is FFmpeg's libraries).

Uploads are hostile: only demuxers on the allow-list are ever asked (no playlists, no
concat, no images), no protocol but the local file, one thread, audio streams only. A packet
that cannot be decoded is counted and passed over; a file without any audio is refused.
Time and memory are limited by whoever runs this in a child process.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from detector.errors import InvalidAudio
from detector.types import FloatArray

DEMUXERS = ("wav", "w64", "mp3", "flac", "ogg", "mov", "aac", "aiff", "matroska", "caf", "wv")
CHUNK_SAMPLES = 65_536  # a frame is a thousand samples: handling frames one by one costs more
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
MAX_CHANNELS = 64
MAX_DECODE_ERRORS = 10_000


@dataclass
class Decoder:
    """One file being decoded; facts are complete when ``chunks`` is exhausted."""

    path: Path
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

    def chunks(self) -> Iterator[FloatArray]:
        """Yield float32 arrays [channels, n] of about 65,536 samples at the native rate.

        Raises:
            InvalidAudio: empty_file, unsupported_format, undecodable, no_audio, too_long.
        """
        if self.path.stat().st_size == 0:
            raise InvalidAudio("empty_file", "the file has no bytes")
        try:
            container = av.open(
                str(self.path),
                options={"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"},
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, ValueError, UnicodeError) as error:
            raise InvalidAudio(
                "unsupported_format", "no demuxer on the allow-list reads this file"
            ) from error
        with container:
            if not container.streams.audio:
                raise InvalidAudio("no_audio", f"{container.format.name} without an audio stream")
            stream = container.streams.audio[0]
            self._describe(container.format.name, stream)
            yield from self._decode(container, stream)
        if self.samples == 0:
            raise InvalidAudio(
                "undecodable", f"{self.codec} in {self.container}: no sample could be decoded"
            )

    @property
    def duration_s(self) -> float:
        """Decoded duration so far."""
        return self.samples / self.sample_rate_hz if self.sample_rate_hz else 0.0

    def _describe(self, container: str, stream: AudioStream) -> None:
        context = stream.codec_context
        if context is None:
            raise InvalidAudio("undecodable", f"{container}: no decoder for its audio stream")
        context.thread_type = "NONE"
        self.container, self.codec = container, context.name
        self.sample_rate_hz, self.channels = context.sample_rate, context.channels
        self.bit_rate = context.bit_rate or None

    def _decode(
        self, container: "av.container.InputContainer", stream: AudioStream
    ) -> Iterator[FloatArray]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError) as error:
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
        if frame.sample_rate != self.sample_rate_hz:
            self.decode_errors += 1  # a foreign piece in the stream: not this recording
            return
        frame.pts = None  # the FIFO would insist on contiguous times; damaged files have none
        frame.time_base = Fraction(1, self.sample_rate_hz)
        shape = (frame.format.name, frame.layout.nb_channels)
        if shape != self._shape:  # changed mid-stream: a new FIFO (it does not check channels)
            yield from self._rest()
            self._shape = shape
        self._fifo.write(frame)
        while self._fifo.samples >= CHUNK_SAMPLES:
            yield self._read(CHUNK_SAMPLES)

    def _rest(self) -> Iterator[FloatArray]:
        if self._fifo.samples:
            yield self._read(self._fifo.samples)
        self._fifo = AudioFifo()

    def _read(self, count: int) -> FloatArray:
        frame = self._fifo.read(count, partial=True)
        assert frame is not None  # noqa: S101 - the FIFO holds at least ``count``
        self.samples += frame.samples
        if self.duration_s > self.max_duration_s:
            raise InvalidAudio("too_long", f"longer than {self.max_duration_s:.0f} s")
        return to_float(frame)


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
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return samples.clip(-8.0, 8.0)  # floats may exceed full scale, but not without bound

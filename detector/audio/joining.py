"""Frames of any format, layout and rate to chunks of samples at one rate."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from detector.audio.container import check_memory
from detector.audio.samples import to_float
from detector.errors import InvalidAudio
from detector.types import FloatArray

CHUNK_SAMPLES: Final = 65_536  # a frame is a thousand samples: handling them singly costs more
CHUNK_VALUES: Final = 2**20  # of all channels together: 4 MB, as often as it is copied
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
MAX_CHANNELS: Final = 64
PLANES: Final = 8  # PyAV reads beyond the pointers of so many planes: such frames become packed
MAX_RESAMPLERS: Final = 1_000


@dataclass
class Joiner:
    """Takes frames one after the other; what they have in common are rate and order.

    ``rate_hz`` is the rate of all chunks; 0: that of the first frame.
    """

    rate_hz: int = 0
    channels: int = 0
    """Of the first frame."""
    samples: int = 0
    refused: int = 0
    """Frames that could not be joined."""
    refused_s: float = 0.0
    _samples_by_rate: dict[int, int] = field(default_factory=dict)
    _fifo: AudioFifo = field(default_factory=AudioFifo)
    _resampler: AudioResampler | None = None
    _resamplers: int = 0
    _shape: tuple[str, str, int] = ("", "", 0)
    _added_at_once: tuple[str, str, int] | None = None
    """Shape of the last frame, where the next one like it needs no more than the FIFO."""
    _chunk: int = CHUNK_SAMPLES
    _time_base: Fraction = Fraction(1)

    @property
    def seconds_by_rate(self) -> dict[int, float]:
        """How long was joined at which rate."""
        return {rate: samples / rate for rate, samples in self._samples_by_rate.items()}

    @property
    def taken_s(self) -> float:
        """Seconds of all frames that were joined."""
        return sum(self.seconds_by_rate.values())

    @property
    def is_full(self) -> bool:
        """Whether ``full`` has chunks."""
        return self._fifo.samples >= self._chunk

    def add(self, frame: AudioFrame) -> bool:
        """Take a frame that is like the last one; return whether it is, else ``take`` it.

        A track has seven thousand frames, nearly all of them like the last: no generator and no
        call more than needed is made for them.
        """
        if (frame.format.name, frame.layout.name, frame.sample_rate) != self._added_at_once:
            return False
        frame.pts = None
        frame.time_base = self._time_base
        self._fifo.write(frame)
        self._samples_by_rate[self.rate_hz] += frame.samples
        return True

    def full(self) -> Iterator[FloatArray]:
        """Yield the chunks [channels, n] that are full."""
        while self.is_full:
            yield self._read(self._chunk)

    def take(self, frame: AudioFrame) -> Iterator[FloatArray]:
        """Yield the chunks [channels, n] that are full with this frame.

        Raises:
            InvalidAudio: unsupported_format, where the first frame is no sound.
        """
        self._added_at_once = None
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if self.samples == 0 and self._fifo.samples == 0:  # headers lie, the first frame does not
            self.rate_hz = self.rate_hz or rate
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
            yield from self.rest()
            self._shape = shape
            self._chunk = min(CHUNK_SAMPLES, CHUNK_VALUES // channels)
            self._time_base = Fraction(1, rate)
            many = channels >= PLANES and frame.format.is_planar
            if many or rate != self.rate_hz:
                self._resamplers += 1
                target = frame.format.packed if many else frame.format
                self._resampler = AudioResampler(target, frame.layout, self.rate_hz)
        frame.pts = None  # the FIFO would insist on contiguous times; damaged files have none
        frame.time_base = self._time_base
        self._write(frame)
        if self._resampler is None:
            self._added_at_once = shape
        yield from self.full()

    def rest(self) -> Iterator[FloatArray]:
        """Yield what is left; the next frame begins anew."""
        if self._resampler is not None:
            self._write_resampled(None)
            self._resampler = None
        if self._fifo.samples:
            yield self._read(self._fifo.samples)
        self._fifo = AudioFifo()
        self._shape, self._added_at_once = ("", "", 0), None

    def _write(self, frame: AudioFrame) -> None:
        if self._resampler is None:
            self._fifo.write(frame)
        elif self._resamplers > MAX_RESAMPLERS:
            self._miss(frame)
            return
        else:
            self._write_resampled(frame)
        rate = frame.sample_rate
        self._samples_by_rate[rate] = self._samples_by_rate.get(rate, 0) + frame.samples

    def _write_resampled(self, frame: AudioFrame | None) -> None:
        assert self._resampler is not None  # noqa: S101 - the callers have looked
        try:
            pieces = self._resampler.resample(frame)
        except (av.error.FFmpegError, ValueError) as error:  # a layout that it does not know
            check_memory(error)
            if frame is not None:
                self._miss(frame)
            return
        for piece in pieces:
            piece.pts = None
            self._fifo.write(piece)

    def _miss(self, frame: AudioFrame) -> None:
        self.refused += 1
        self.refused_s += frame.samples / max(frame.sample_rate, 1)

    def _read(self, count: int) -> FloatArray:
        frame = self._fifo.read(count, partial=True)
        assert frame is not None  # noqa: S101 - the FIFO holds at least ``count``
        self.samples += frame.samples
        return to_float(frame)

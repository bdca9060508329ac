"""Real coders in memory: samples through an encoder of FFmpeg and back, by PyAV."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from detector.audio.samples import to_float
from detector.types import FloatArray

_FRAME: Final = 4_608  # samples of one frame handed to an encoder; PyAV cuts it to size


@dataclass(frozen=True)
class Coder:
    """An encoder and how it is set; ``rate_hz`` is its own rate, None: that of the audio."""

    codec: str
    container: str
    bit_rate: int | None = None
    rate_hz: int | None = None
    channels: int | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def missing(self) -> str | None:
        """Why this coder cannot be used here, or None."""
        try:
            av.codec.Codec(self.codec, "w")
        except ValueError:
            return f"this FFmpeg has no encoder {self.codec}"
        return None


def through(audio: FloatArray, rate_hz: int, coder: Coder) -> tuple[FloatArray, int]:
    """Return the audio after encoding and decoding, and its sample rate.

    ``audio`` is float32 [1 or 2, n], full scale at 1. FFmpeg resamples where the coder has a rate
    of its own.
    """
    return _decode(encoded(audio, rate_hz, coder))


def encoded(audio: FloatArray, rate_hz: int, coder: Coder) -> bytes:
    """Return the file that the coder makes of ``audio``; see ``through``."""
    if coder.channels == 1:
        audio = audio.mean(axis=0, keepdims=True)
    elif coder.channels == 2 and len(audio) == 1:
        audio = np.repeat(audio, 2, axis=0)
    layout = "stereo" if len(audio) == 2 else "mono"
    target = BytesIO()
    with av.open(target, "w", format=coder.container) as container:
        stream = container.add_stream(
            coder.codec, rate=coder.rate_hz or rate_hz, options=dict(coder.options)
        )
        assert isinstance(stream, AudioStream)  # noqa: S101 - a codec of audio
        stream.codec_context.layout = layout
        stream.codec_context.thread_count = 1
        if coder.bit_rate is not None:
            stream.codec_context.bit_rate = coder.bit_rate
        for frame in _frames(audio, rate_hz, layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def _frames(audio: FloatArray, rate_hz: int, layout: str) -> Iterator[AudioFrame]:
    for start in range(0, audio.shape[1], _FRAME):
        piece = np.ascontiguousarray(audio[:, start : start + _FRAME], dtype=np.float32)
        frame = AudioFrame.from_ndarray(piece, "fltp", layout)
        frame.sample_rate = rate_hz
        frame.pts = start
        frame.time_base = Fraction(1, rate_hz)
        yield frame


def _decode(data: bytes) -> tuple[FloatArray, int]:
    pieces, rate_hz = [], 0
    with av.open(BytesIO(data), "r") as container:
        container.streams.audio[0].codec_context.thread_type = "NONE"
        for frame in container.decode(audio=0):
            rate_hz = frame.sample_rate
            pieces.append(to_float(frame))
    return np.concatenate(pieces, axis=1), rate_hz

"""Files with several recordings in them: one after the other, or one beside the other."""

import io
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import av
import numpy as np
from av import AudioStream
from av.audio.frame import AudioFrame
from av.stream import Disposition

from detector.types import FloatArray

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "5.1", 8: "7.1"}
EXPERIMENTAL = {"strict": "experimental"}  # FFmpeg calls its own Vorbis encoder so


def tones(seconds: float, rate_hz: int, channels: int) -> FloatArray:
    """Return one tone a channel."""
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    return np.stack(
        [0.3 * np.sin(2 * np.pi * (440 + 110 * channel) * time) for channel in range(channels)]
    ).astype(np.float32)


def encoded(
    tracks: Sequence[FloatArray],
    codec: str,
    container: str,
    rate_hz: int,
    default: int = 0,
    options: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return a file with the tracks [channels, n] as streams; one of them is the default.

    ``options`` are those of FFmpeg's muxer.
    """
    if "movflags" in options:  # it opens the file once more to move the index: it needs a name
        with tempfile.NamedTemporaryFile() as named:
            _write_all(named.name, tracks, codec, container, rate_hz, default, options)
            return named.read()
    out = io.BytesIO()
    _write_all(out, tracks, codec, container, rate_hz, default, options)
    return out.getvalue()


def _write_all(
    out: str | io.BytesIO,
    tracks: Sequence[FloatArray],
    codec: str,
    container: str,
    rate_hz: int,
    default: int,
    options: Mapping[str, str],
) -> None:
    with av.open(out, "w", format=container, options=dict(options)) as file:
        streams = []
        for samples in tracks:
            layout = LAYOUTS[len(samples)]
            stream = file.add_stream(codec, rate=rate_hz, layout=layout, options=EXPERIMENTAL)
            assert isinstance(stream, AudioStream)
            streams.append(stream)
        for index, stream in enumerate(streams):
            stream.disposition = Disposition.default if index == default else Disposition(0)
        for stream, samples in zip(streams, tracks, strict=True):
            _write(file, stream, samples)


def _write(file: av.container.OutputContainer, stream: AudioStream, samples: FloatArray) -> None:
    layout, rate_hz = LAYOUTS[len(samples)], stream.codec_context.sample_rate
    sample_format = stream.codec_context.format
    resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate_hz)
    packed = np.ascontiguousarray(samples.T.reshape(1, -1))  # PyAV takes no eight planes
    frame = AudioFrame.from_ndarray(packed, "flt", layout)
    frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
    fifo = av.AudioFifo()
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        fifo.write(part)
    for piece in fifo.read_many(stream.codec_context.frame_size or 4_096, partial=True):
        file.mux(stream.encode(piece))
    file.mux(stream.encode(None))

"""Opening what begins at a byte of a file, with demuxers and decoders on the allow-lists only.

Uploads are hostile: no other file is reached, and each decoder more is code that reads their bytes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from detector.errors import InvalidAudio

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


class RefusedCodec(InvalidAudio):
    """A container that could be opened, with a codec that is not on the allow-list."""

    def __init__(self, detail: str, duration_s: float) -> None:
        super().__init__("unsupported_format", detail)
        self.duration_s = duration_s


@contextmanager
def opened(descriptor: int, start: int) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Open what begins at a byte of a file; yield it with the stream that is decoded.

    Raises:
        InvalidAudio: unsupported_format, no_audio, undecodable, too_much_memory.
    """
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
        check_memory(error)
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


def check_memory(error: Exception) -> None:
    """Raise InvalidAudio where FFmpeg had no memory: going on would decode another file."""
    if isinstance(error, MemoryError):
        raise InvalidAudio("too_much_memory", "decoding needs more memory than allowed") from error


def name_of(container: InputContainer) -> str:
    """Return the container's name, as ``DEMUXERS`` has it."""
    return container.format.name.split(",")[0]

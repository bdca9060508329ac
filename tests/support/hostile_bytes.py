"""Bytes for hostile files: small true recordings, and containers put together by hand."""

import io
import math
import struct
from fractions import Fraction
from functools import lru_cache
from typing import Final

import av
import numpy as np
from av import AudioStream, VideoStream
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

RATE_HZ: Final = 22_050
FORMATS: Final = (  # container, encoder, rate
    ("wav", "pcm_s16le", RATE_HZ),
    ("wav", "pcm_s24le", RATE_HZ),
    ("wav", "pcm_f32le", RATE_HZ),
    ("aiff", "pcm_s16be", RATE_HZ),
    ("caf", "pcm_s16be", RATE_HZ),
    ("w64", "pcm_s16le", RATE_HZ),
    ("flac", "flac", RATE_HZ),
    ("mp3", "libmp3lame", RATE_HZ),
    ("mp4", "aac", RATE_HZ),
    ("mp4", "alac", RATE_HZ),
    ("adts", "aac", RATE_HZ),
    ("ogg", "libopus", 48_000),
    ("ogg", "flac", RATE_HZ),
    ("matroska", "libopus", 48_000),
    ("wv", "wavpack", RATE_HZ),
)
SUFFIXES: Final = {"mp4": "m4a", "adts": "aac", "matroska": "mka"}


@lru_cache(maxsize=64)
def recording(which: int, seconds: float = 3.0) -> tuple[str, bytes]:
    """Return (suffix, bytes) of a true recording in one of the formats."""
    name, codec, rate = FORMATS[which % len(FORMATS)]
    return SUFFIXES.get(name, name), encoded(name, codec, rate, seconds, seed=which)


def encoded(
    container: str, codec: str, rate: int, seconds: float, *, seed: int = 0, video: str = ""
) -> bytes:
    """Encode noise and a tone; with ``video`` also a second of pictures."""
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.05, len(time))
    samples = (0.3 * np.sin(2 * np.pi * 440 * time) + noise).astype(np.float32)[None]
    buffer = io.BytesIO()
    options = {"fflags": "+bitexact"}  # no random ids, no times
    with av.open(buffer, "w", format=container, options=options) as out:
        pictures = out.add_stream(video, rate=10) if video else None
        sound = out.add_stream(codec, rate=rate, layout="mono") if codec else None
        if isinstance(pictures, VideoStream):
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
            for number in range(10):
                picture = np.full((48, 64, 3), number, np.uint8)
                out.mux(pictures.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(pictures.encode(None))
        if isinstance(sound, AudioStream):
            kind = sound.codec_context.format
            resampler = av.AudioResampler(format=kind, layout="mono", rate=rate)
            frame = AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            fifo = av.AudioFifo()
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                fifo.write(part)
            for piece in fifo.read_many(sound.codec_context.frame_size or 4_096, partial=True):
                out.mux(sound.encode(piece))
            out.mux(sound.encode(None))
    return buffer.getvalue()


def wav(
    rate: int = RATE_HZ,
    channels: int = 1,
    bits: int = 16,
    *,
    data: bytes = b"",
    claimed: int | None = None,
    kind: int = 1,
    before: bytes = b"",
) -> bytes:
    """Return a WAV file with any header."""
    block = channels * bits // 8
    head = struct.pack(
        "<HHIIHH", kind, channels & 0xFFFF, rate, rate * block & 2**32 - 1, block & 0xFFFF, bits
    )
    size = len(data) if claimed is None else claimed
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + before
    body += b"data" + struct.pack("<I", size & 2**32 - 1) + data
    return b"RIFF" + struct.pack("<I", len(body) & 2**32 - 1) + body


def id3(size: int, frames: bytes = b"") -> bytes:
    """Return the start of an ID3v2 tag of ``size`` bytes, up to where ``frames`` end."""
    return b"ID3\x04\x00\x00" + syncsafe(size) + frames


def syncsafe(number: int) -> bytes:
    """Return a number as ID3 writes it."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def png(width: int, height: int) -> bytes:
    """Return a picture that claims to be large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", b"x\x9c") + b"\x00" * 99


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + b"\x00" * 4


def box(name: bytes, body: bytes, claimed: int | None = None) -> bytes:
    """Return an MP4 box."""
    size = len(body) + 8 if claimed is None else claimed
    return struct.pack(">I", size & 2**32 - 1) + name + body


def flac_block(kind: int, body: bytes, *, last: bool = False, claimed: int | None = None) -> bytes:
    """Return a FLAC metadata block."""
    size = len(body) if claimed is None else claimed
    return bytes([kind | 0x80 * last]) + size.to_bytes(3, "big") + body


def stream_info(samples: int, rate: int = 44_100, channels: int = 2, block: int = 65_535) -> bytes:
    """Return FLAC's first block; ``samples`` 0 is "not known"."""
    packed = rate << 44 | channels - 1 << 41 | 15 << 36 | samples
    return struct.pack(">HH6x", block, block) + packed.to_bytes(8, "big") + bytes(16)


@lru_cache(maxsize=8)
def silent_flac(hours: float, claimed: int | None = None, padded: int = 2**20) -> bytes:
    """Return hours of silence in a few hundred kB: each frame is two constants."""
    block, rate = 65_535, 44_100
    frames = math.ceil(hours * 3_600 * rate / block)
    length = frames * block if claimed is None else claimed
    out = [b"fLaC", flac_block(0, stream_info(length, rate))]
    body = [_silent_frame(number, block) for number in range(frames)]
    rest = padded - sum(map(len, body)) - 50
    out.append(flac_block(1, bytes(max(0, rest)), last=True))
    return b"".join(out + body)


def _silent_frame(number: int, block: int) -> bytes:
    # block size from 16 bits, 44.1 kHz, two channels, 16 bits
    head = b"\xff\xf8\x79\x18" + _utf8(number) + struct.pack(">H", block - 1)
    head += bytes([_crc(head, 0x07, 8)])
    frame = head + bytes(2 * 3)  # two subframes: constant, 0
    return frame + struct.pack(">H", _crc(frame, 0x8005, 16))


def _utf8(number: int) -> bytes:
    return chr(number).encode() if number < 0xD800 else number.to_bytes(3, "big")


@lru_cache(maxsize=2)
def _table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> bits - 1 & 1 else 0)
        table.append(value & (1 << bits) - 1)
    return table


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    table, value, mask = _table(polynomial, bits), 0, (1 << bits) - 1
    for byte in data:
        value = (value << 8 ^ table[value >> bits - 8 ^ byte]) & mask
    return value

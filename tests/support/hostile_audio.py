"""Kinds of hostile files that look like audio; each function makes one of them."""

import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support import hostile_bytes as made

HUGE: Final = 200 * 2**20


@dataclass
class Maker:
    """The source of chance and the folder of one file."""

    folder: Path
    number: int
    chance: random.Random

    def write(
        self, data: bytes | bytearray, suffix: str, *, size: int = 0, end: bytes = b""
    ) -> Path:
        """Write ``data``; up to ``size`` a hole follows, then ``end``."""
        path = self.folder / f"{self.number:04}.{suffix}"
        with path.open("wb") as file:
            file.write(data)
            if size > len(data):
                file.seek(size)
                file.write(end)
                file.truncate(size + len(end))
        return path

    def recording(self) -> tuple[str, bytearray]:
        """Return a true recording in any format."""
        suffix, data = made.recording(self.chance.randrange(len(made.FORMATS)))
        return suffix, bytearray(data)


def truncated(make: Maker) -> Path:
    suffix, data = make.recording()
    cut = make.chance.choice((make.chance.randrange(200), make.chance.randrange(len(data))))
    return make.write(data[:cut], suffix)


def bits_flipped(make: Maker) -> Path:
    suffix, data = make.recording()
    within = make.chance.choice((64, 1_024, len(data)))
    for _ in range(make.chance.choice((1, 10, 100, 2_000))):
        data[make.chance.randrange(min(within, len(data)))] ^= 1 << make.chance.randrange(8)
    return make.write(data, suffix)


def spliced(make: Maker) -> Path:
    suffix, data = make.recording()
    _, other = make.recording()
    for _ in range(make.chance.randrange(1, 6)):
        at, length = make.chance.randrange(len(data)), make.chance.randrange(1, 20_000)
        piece = make.chance.choice((make.chance.randbytes(length), other[:length], b""))
        data[at : at + make.chance.choice((0, length))] = piece
    return make.write(data, suffix)


def lying_wav(make: Maker) -> Path:
    lies: dict[str, tuple[int, ...]] = {
        "rate": (0, 1, 4_000, 192_000, 384_000, 768_000, 2**31, 2**32 - 1),
        "channels": (0, 2, 7, 64, 65, 255, 65_535),
        "bits": (0, 1, 7, 8, 24, 32, 64, 65_528),
        "kind": (0, 2, 3, 6, 7, 0x11, 0x50, 0x55, 0xFFFE, 0xFFFF),
        "claimed": (0, 1, 2**31 - 1, 2**32 - 1),
    }
    fields: dict[str, Any] = {
        name: make.chance.choice(lies[name]) for name in make.chance.choices(list(lies), k=2)
    }
    data = make.chance.randbytes(make.chance.choice((10, 50_000, 200_000)))
    return make.write(made.wav(data=data, **fields), "wav")


def lying_flac(make: Maker) -> Path:
    choose = make.chance.choice
    _, data = made.recording(6)
    info = made.stream_info(
        samples=choose((0, 1, 2**36 - 1, 10 * 3_600 * 44_100)),
        rate=choose((1, 22_050, 768_000, 2**20 - 1)),
        channels=choose((1, 2, 8)),
        block=choose((0, 16, 4_608, 65_535)),
    )
    return make.write(data[:8] + info[: 34 - 16] + data[26:], "flac")


def lying_mp4(make: Maker) -> Path:
    _, data = made.recording(8)
    patched = bytearray(data)
    boxes = (b"stsz", b"stts", b"stsc", b"stco", b"mdhd", b"mvhd", b"stsd", b"esds", b"mdat")
    for name in make.chance.sample(boxes, 2):
        at = data.find(name)
        if at >= 4:
            offset = at + make.chance.choice((-4, 4, 8, 12, 16, 20))
            patched[offset : offset + 4] = make.chance.choice(
                (b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), make.chance.randbytes(4))
            )
    return make.write(patched, "m4a")


def ten_hours(make: Maker) -> Path:
    claimed = make.chance.choice((None, None, None, 0, 44_100))
    return make.write(made.silent_flac(10, claimed), "flac")


def long_claims(make: Maker) -> Path:
    claimed = make.chance.choice((10 * 3_600 * 44_100, 2**36 - 1))
    return make.write(made.silent_flac(0.01, claimed, padded=0), "flac")


def long_wav(make: Maker) -> Path:
    size = make.chance.choice((30, 100)) * 2**20  # 2 and 7 hours
    return make.write(made.wav(rate=4_000, bits=8, claimed=size), "wav", size=size)


def many_channels(make: Maker) -> Path:
    channels = make.chance.choice((3, 8, 63, 64, 65, 1_000))
    data = make.chance.randbytes(channels * 2 * 8_000)
    rate = make.chance.choice((8_000, 44_100, 384_000))
    return make.write(made.wav(rate=rate, channels=channels, data=data), "wav")


def many_hertz(make: Maker) -> Path:
    rate = make.chance.choice((1, 3_999, 352_800, 384_000, 384_001, 768_000))
    return make.write(made.wav(rate=rate, data=make.chance.randbytes(2**21)), "wav")


def no_samples(make: Maker) -> Path:
    suffix, data = make.chance.choice(
        (
            ("wav", made.wav()),
            ("flac", b"fLaC" + made.flac_block(0, made.stream_info(0), last=True)),
            ("mp3", made.id3(100, bytes(100))),
            ("m4a", made.recording(8)[1].split(b"mdat")[0] + b"mdat"),
            ("ogg", made.recording(11)[1][:200]),
            ("mp3", b""),
        )
    )
    return make.write(data, suffix)


def huge_tag(make: Maker) -> Path:
    _, audio = made.recording(7)
    match make.chance.randrange(4):
        case 0:  # one cover picture
            head = b"APIC" + made.syncsafe(HUGE - 10) + bytes(2) + b"\x00image/png\x00\x03\x00"
            return make.write(made.id3(HUGE, head), "mp3", size=HUGE + 10, end=audio)
        case 1:  # one text, claimed
            head = b"TXXX" + made.syncsafe(HUGE) + bytes(2) + b"\x03"
            return make.write(made.id3(HUGE, head) + audio, "mp3")
        case 2:
            before = b"LIST" + struct.pack("<I", HUGE) + b"INFO"
            return make.write(made.wav(before=before), "wav", size=HUGE)
        case _:
            data = made.box(b"free", b"", HUGE)
            return make.write(data, "m4a", size=HUGE, end=made.recording(8)[1])


def many_tags(make: Maker) -> Path:
    if make.chance.random() < 0.5:
        frame = b"TXXX" + made.syncsafe(20) + bytes(2) + b"\x03" + b"a\x00" + bytes(17)
        data = made.id3(30 * 60_000, frame * 60_000) + made.recording(7)[1]
        return make.write(data, "mp3")
    comments = struct.pack("<II", 0, 2**31 - 1) + struct.pack("<I", 2**32 - 1)
    _, flac = made.recording(6)
    return make.write(flac[:42] + made.flac_block(4, comments) * 1_000 + flac[42:], "flac")


def cover(make: Maker) -> Path:
    picture = make.chance.choice((made.png(60_000, 60_000), b"\xff\xd8\xff\xe0" + bytes(5_000)))
    if make.chance.random() < 0.5:
        body = b"\x00image/png\x00\x03\x00" + picture
        frame = b"APIC" + made.syncsafe(len(body)) + bytes(2) + body
        return make.write(made.id3(len(frame), frame) + made.recording(7)[1], "mp3")
    head = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", 0)
    head += struct.pack(">IIIII", 60_000, 60_000, 32, 0, len(picture)) + picture
    _, flac = made.recording(6)
    return make.write(flac[:42] + made.flac_block(6, head) + flac[42:], "flac")


def video(make: Maker) -> Path:
    container, codec, sound = make.chance.choice(
        (
            ("mp4", "mpeg4", "aac"),
            ("mp4", "libx264", ""),
            ("matroska", "libx264", "libopus"),
            ("webm", "libvpx", ""),
            ("avi", "mpeg4", "libmp3lame"),
            ("mpegts", "libx264", "aac"),
        )
    )
    rate = 48_000 if sound == "libopus" else 44_100
    return make.write(made.encoded(container, sound, rate, 2.0, video=codec), container)


def nested(make: Maker) -> Path:
    depth = make.chance.choice((100, 10_000))
    match make.chance.randrange(4):
        case 0:
            boxes = b"".join(made.box(b"moov", b"", 8 * (depth - n)) for n in range(depth))
            return make.write(made.box(b"ftyp", b"M4A \x00\x00\x00\x00") + boxes, "m4a")
        case 1:
            return make.write(
                b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\xff\xff\xff\x7fadtl" * depth, "wav"
            )
        case 2:
            head = b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01"
            return make.write(head + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 * depth, "mka")
        case _:
            return make.write(made.id3(0) * depth + made.recording(7)[1], "mp3")


def noise(make: Maker) -> Path:
    magic = (
        b"",
        b"RIFF____WAVEfmt ",
        b"fLaC",
        b"OggS\x00\x02",
        b"\xff\xfb\x90\x00",
        b"caff\x00\x01",
    )
    data = make.chance.choice(magic) + make.chance.randbytes(make.chance.randrange(1, 100_000))
    return make.write(data, "bin")


def one_byte_for_ever(make: Maker) -> Path:
    byte = make.chance.choice((b"\x00", b"\xff", b"OggS", b"\xff\xfb\x90\x00"))
    return make.write(byte * make.chance.choice((1, 1_000, 300_000)), "mp3")

"""Kinds of hostile uploads that are no audio, or are audio under a hostile name."""

import gzip
import io
import os
import socket
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from tests.support import hostile_bytes as made
from tests.support.hostile_audio import Maker


def archive(make: Maker) -> Path:
    suffix, data = make.recording()
    buffer = io.BytesIO()
    match make.chance.choice(("zip", "gz", "tar")):
        case "zip":
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
                out.writestr(zipfile.ZipInfo(f"../../a.{suffix}"), bytes(data))
                bomb = zipfile.ZipInfo("bomb")  # of 1980: the same at any time
                out.writestr(bomb, bytes(10 * 2**20), zipfile.ZIP_DEFLATED)
        case "gz":
            buffer.write(gzip.compress(bytes(data), mtime=0))
        case _:
            with tarfile.open(fileobj=buffer, mode="w") as tar:
                tar.addfile(tarfile.TarInfo("/etc/passwd"), io.BytesIO())
    return make.write(buffer.getvalue(), make.chance.choice(("zip", "mp3")))


TEXTS: Final = (
    b"All work and no play makes Jack a dull boy.\n" * 50,
    b"<!doctype html><script src=http://127.0.0.1:9/></script>",
    b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    b"1\n00:00:00,000 --> 00:10:00,000\nsubtitle\n",
    b"[Script Info]\n[Events]\nDialogue: 0,0:00:00.00,9:00:00.00\n",
    b"\x7fELF\x02\x01\x01" + bytes(500),
    b"%PDF-1.7\n1 0 obj\n",
    b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n",
    b"GIF89a\xff\xff\xff\xff\x00\x00\x00",
    b"BM" + bytes(60),
    made.png(65_535, 65_535),
)
PLAYLISTS: Final = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n%s\n#EXT-X-ENDLIST\n",
    b"#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=%s\n#EXTINF:9,\n%s\n",
    b"ffconcat version 1.0\nfile %s\nfile %s\n",
    b"[playlist]\nFile1=%s\nNumberOfEntries=1\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na=control:%s\n",
    b"<MPD><Period><AdaptationSet><Representation><BaseURL>%s</BaseURL>",
    b'<asx version="3.0"><entry><ref href="%s"/></entry></asx>',
    b'FILE "%s" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
)
TARGETS: Final = (
    b"/etc/passwd",
    b"file:///etc/passwd",
    b"http://127.0.0.1:9/a",
    b"fd:0",
    b"pipe:0",
)


def text(make: Maker) -> Path:
    return make.write(make.chance.choice(TEXTS), make.chance.choice(("txt", "mp3", "wav")))


def playlist(make: Maker) -> Path:
    template, target = make.chance.choice(PLAYLISTS), make.chance.choice(TARGETS)
    return make.write(template.replace(b"%s", target), make.chance.choice(("m3u8", "mp3", "flac")))


def reference_movie(make: Maker) -> Path:
    """An MP4 whose samples lie in another file."""
    target = make.chance.choice(TARGETS)
    inside, name = made.box(b"url ", b"\x00\x00\x00\x01"), b"\x00" * 4 + target + b"\x00"
    data = bytearray(made.recording(8)[1])
    outside = made.box(make.chance.choice((b"url ", b"alis")), name)
    at = data.find(inside)
    data[at : at + len(inside)] = outside
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.find(parent) - 4
        (size,) = struct.unpack_from(">I", data, at)
        struct.pack_into(">I", data, at, size + len(outside) - len(inside))
    return make.write(data, "mov")


NAMES: Final = (
    *(b"new\nline.wav", b"\xff\xfe not UTF-8 \x80.wav", b"-rf --help.wav", b"'; rm -rf $HOME;.wav"),
    *(b"%00%2e%2e%2f.wav", b"a?b#c&d=e.wav", "\u202egnp.wav".encode(), b"\x01\x1b[2J\x7f.wav"),
    *(b"concat:a|b.wav", b"http:..127.0.0.1.wav", b"x" * 200 + b".wav", b" .wav", b"\\..\\a.wav"),
)


def strange_name(make: Maker) -> Path:
    name = b"%04d " % make.number + make.chance.choice(NAMES)
    path = make.folder / os.fsdecode(name)
    path.write_bytes(made.recording(make.chance.randrange(len(made.FORMATS)))[1])
    return path


def special(make: Maker) -> Path:
    path = make.folder / f"{make.number:04} special.wav"
    match make.chance.randrange(8):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            with socket.socket(socket.AF_UNIX) as unix, tempfile.TemporaryDirectory() as short:
                unix.bind(f"{short}/s")  # the path of a socket must be short
                Path(short, "s").rename(path) if _same_device(short, path) else path.mkdir()
        case 3:
            path.symlink_to(path)
        case 4:
            path.symlink_to(make.folder / "nothing")
        case 5:
            path.symlink_to("/dev/zero")
        case 6:
            path.symlink_to("../" * 20 + "etc/passwd")
        case _:
            path.symlink_to("/proc/self/environ")
    return path


def _same_device(path: str, other: Path) -> bool:
    return Path(path).stat().st_dev == other.parent.stat().st_dev


URIS: Final = (
    *("file:///etc/passwd", "file:///dev/zero", "file:///proc/self/mem", "file:///", "file://"),
    *("file://evil.example/a.wav", "file:///a%00b.wav", "file:relative.wav", "FILE:///etc/passwd"),
    *(
        "http://127.0.0.1:9/a.wav",
        "http://169.254.169.254/latest/",
        "http://[::1]:22/",
        "http://0/",
    ),
    *("http://2130706433/", "gopher://127.0.0.1:6379/_", "concat:/etc/passwd", "data:audio/wav,a"),
    *("s3://bucket/key", "ftp://127.0.0.1/a", "smb://127.0.0.1/a", "\n", "file:///" + "a" * 5_000),
)


def strange_uri(make: Maker) -> str:
    if make.chance.random() < 0.3:
        return make.folder.as_uri() + "/.." * 20 + "/etc/passwd"
    return make.chance.choice(URIS)

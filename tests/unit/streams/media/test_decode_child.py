"""The decode process: every container is decoded in confinement, and it ends with its worker."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.types import DecodedTrack
from streams.media.audio_formats import CONTAINERS
from streams.media.decode_child import decode
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
from tests.support.decoding import hear
from tests.support.signing import wav
from tests.unit.detector.audio.test_decode import encode, tones


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is a matter of Linux")
def test_a_child_does_not_outlive_a_worker_that_is_killed(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.orphan"], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    child = int(worker.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    worker.kill()
    worker.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


CODECS = {
    "wav": (*("pcm_s16le", "pcm_s24le", "pcm_f32le", "adpcm_ms", "adpcm_ima_wav"), "pcm_mulaw"),
    "w64": ("pcm_s16le",),
    "mp3": ("libmp3lame", "mp2"),
    "flac": ("flac",),
    "ogg": ("vorbis", "libopus", "flac"),
    "mov": ("aac", "alac", "ac3"),
    "aac": ("aac",),
    "aiff": ("pcm_s16be",),
    "matroska": ("libopus", "eac3"),
    "caf": ("pcm_s16be",),
    "wv": ("wavpack",),
}


@pytest.fixture(scope="module")
def confined() -> Iterator[DecodePool]:
    with DecodePool(Settings(decode_workers=1, decode_timeout_s=60)) as pool:
        asyncio.run(pool.warm())
        yield pool


@pytest.mark.parametrize(
    ("container", "codec"), [(name, codec) for name in CONTAINERS for codec in CODECS[name]]
)
def test_every_container_is_decoded_by_a_confined_child(
    confined: DecodePool, container: str, codec: str, tmp_path: Path
) -> None:
    suffix = {"mp2": ".mp2", "eac3": ".mka"}.get(codec, CONTAINERS[container].suffixes[0])
    path = tmp_path / f"a{suffix}"
    encode(path, tones(4, 48_000), codec, 48_000)
    decoded = hear(confined, path)
    assert isinstance(decoded, DecodedTrack), decoded
    assert container in decoded.audio.container.split(",")
    assert decoded.audio.decode_errors == 0


@pytest.mark.parametrize("tag", [b"", b"ID3\x04\x00\x00\x00\x00\x01\x01" + bytes(129)])
def test_what_a_wav_was_cut_by_is_not_heard(tag: bytes, tmp_path: Path) -> None:
    content = wav(12.0)
    (tmp_path / "cut.wav").write_bytes(tag + content[: len(content) // 2])
    with (tmp_path / "cut.wav").open("rb") as file:
        facts = decode(file.fileno(), 60.0).audio
    assert facts.duration_s == pytest.approx(6.0, abs=0.01)
    assert facts.heard_share == pytest.approx(0.5, abs=0.01)

"""Decoding in child processes: what goes wrong there costs one upload."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from detector.errors import Fatal, InvalidAudio
from detector.types import DecodedTrack
from streams.media import decode_child, decode_pool, sandbox
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
from tests.support.audio import write_wav
from tests.support.decoding import processes

T = TypeVar("T")

TIMEOUT_S = 40.0
CPU_S = 1.0
MEMORY_MB = 256


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def abort() -> None:
    os.abort()


def leave() -> None:
    os._exit(3)


def hang() -> None:
    while True:
        signal.pause()


def spin() -> None:
    while True:
        pass


def fill_memory_at_once() -> None:
    np.ones(2**40)


def fill_memory_by_and_by() -> None:
    held = []
    while True:
        held.append(b"x" * 2**20)


def a_bug() -> None:
    raise ZeroDivisionError("a bug")


def killed_from_outside() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def use_up_descriptors() -> None:
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)


def fatal() -> None:
    raise Fatal("no library")


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (
        *(crash, abort, leave, hang, spin, fill_memory_at_once, fill_memory_by_and_by),
        *(a_bug, killed_from_outside, use_up_descriptors, fatal),
    )
}


def hear_or_fail(descriptor: int, max_duration_s: float) -> DecodedTrack:
    """Stands in for a decoder with holes: a file may name the fault that it causes."""
    decoded = os.pread(descriptor, 100, 0).decode(errors="replace")
    if decoded in FAULTS:
        FAULTS[decoded]()
    decoded_track = decode_child.decode(descriptor, max_duration_s)
    return replace(decoded_track, provenance=f"torch: {'torch' in sys.modules}".encode())


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "noise.wav"
    write_wav(path, np.random.default_rng(1).normal(0, 0.1, (2, 44_100 * 8)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    settings = Settings(
        decode_workers=1,
        decode_timeout_s=TIMEOUT_S,
        decode_cpu_s=CPU_S,
        decode_max_memory_mb=MEMORY_MB,
    )
    with DecodePool(settings, hear_or_fail) as item:
        asyncio.run(item.warm())
        yield item


def hear(pool: DecodePool, path: Path) -> DecodedTrack:
    return asyncio.run(_within(pool.decode(path)))


async def _within(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, 60)


def test_hears_and_refuses(pool: DecodePool, noise: Path, tmp_path: Path) -> None:
    decoded_track = hear(pool, noise)
    assert decoded_track.audio.duration_s == 8.0
    assert decoded_track.fingerprint is not None
    (child,) = processes(pool)
    text = tmp_path / "notes.wav"
    text.write_text("not audio")
    with pytest.raises(InvalidAudio) as caught:
        hear(pool, text)
    assert caught.value.reason == "unsupported_format"
    assert processes(pool) == [child], "a refusal is no reason to replace the child"


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        (crash, "decoder_crashed", "SIGSEGV"),
        (abort, "decoder_crashed", "SIGABRT"),
        (leave, "decoder_crashed", "exit code 3"),
        (spin, "decode_timeout", "over 1 s of processor"),
        (fill_memory_at_once, "too_much_memory", "memory"),
        (fill_memory_by_and_by, "too_much_memory", "memory"),
        (a_bug, "decoder_crashed", "ZeroDivisionError: a bug"),
        (killed_from_outside, "decoder_crashed", "SIGKILL"),
    ],
)
def test_a_fault_costs_one_upload(
    pool: DecodePool,
    noise: Path,
    tmp_path: Path,
    fault: Callable[[], None],
    reason: str,
    detail: str,
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text(fault.__name__)
    before = processes(pool)
    with pytest.raises(InvalidAudio) as caught:
        hear(pool, bad)
    assert caught.value.reason == reason
    assert detail in caught.value.detail
    assert hear(pool, noise).audio.duration_s == 8.0, "the next upload is heard"
    assert processes(pool) != before, "by another child"


def test_a_hang_ends_at_the_deadline(noise: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("hang")
    with DecodePool(Settings(decode_workers=1, decode_timeout_s=4), hear_or_fail) as pool:
        hear(pool, noise)
        began = time.monotonic()
        with pytest.raises(InvalidAudio, match=r"decode_timeout: .* longer than 4 s"):
            hear(pool, bad)
        assert time.monotonic() - began < 10
        assert hear(pool, noise).audio.duration_s == 8.0


def test_disorder_that_one_file_leaves_does_not_cost_the_next(
    pool: DecodePool, noise: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("use_up_descriptors")
    with pytest.raises(InvalidAudio):
        hear(pool, bad)
    assert hear(pool, noise).audio.duration_s == 8.0


def test_no_child_can_stop_the_worker(pool: DecodePool, noise: Path, tmp_path: Path) -> None:
    """What is our own fault shows when a child starts, before it gets any file."""
    bad = tmp_path / "bad.wav"
    bad.write_text("fatal")
    with pytest.raises(InvalidAudio, match="decoder_crashed: Fatal: no library"):
        hear(pool, bad)
    assert hear(pool, noise)


def test_processor_time_is_counted_for_each_file(pool: DecodePool, noise: Path) -> None:
    began = time.monotonic()
    files = 0
    while time.monotonic() < began + 3 * CPU_S:
        hear(pool, noise)
        files += 1
    assert files > 3


def test_a_child_hears_without_torch(pool: DecodePool, noise: Path) -> None:
    assert hear(pool, noise).provenance == b"torch: False"


def test_a_child_hears_with_one_thread(pool: DecodePool, noise: Path) -> None:
    hear(pool, noise)
    (child,) = processes(pool)
    assert len(list(Path(f"/proc/{child}/task").iterdir())) == 1, "a second one waits busily"


def test_nobody_waits_so_nobody_works(pool: DecodePool, noise: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("hang")

    async def leave_early() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.decode(bad), 0.5)
        began = time.monotonic()
        await pool.decode(noise)
        assert time.monotonic() - began < TIMEOUT_S / 2

    asyncio.run(_within(leave_early()))


def test_a_child_is_replaced_after_many_files(
    pool: DecodePool, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_pool, "MAX_FILES", 3)
    seen = set()
    for _ in range(8):
        assert hear(pool, noise).audio.duration_s == 8.0
        seen.update(processes(pool))
    assert 3 <= len(seen) <= 5


def test_children_end_with_the_pool(noise: Path) -> None:
    with DecodePool(Settings(decode_workers=2), hear_or_fail) as pool:
        asyncio.run(pool.warm())
        children = processes(pool)
        assert len(children) == 2
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_pool_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "serve", _no_start)
    with (
        DecodePool(Settings(decode_workers=1), hear_or_fail) as pool,
        pytest.raises(Fatal, match="does not start: exit code 7"),
    ):
        asyncio.run(pool.warm())


def _no_start(*_: object) -> None:
    os._exit(7)


def test_a_required_layer_that_does_not_hold_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image requires all of them; elsewhere the child decodes with those that hold."""
    required = Settings(decode_workers=1, sandbox="required")
    if not sandbox.missing(sandbox_here()):
        with DecodePool(required) as pool:
            assert sandbox.missing(asyncio.run(pool.warm())) == []
    monkeypatch.setattr(sandbox, "missing", lambda held: ["files"])
    with DecodePool(required) as pool, pytest.raises(Fatal, match=r"required, .* layers: files"):
        asyncio.run(pool.warm())
    with DecodePool(Settings(decode_workers=1)) as pool:
        asyncio.run(pool.warm())


def sandbox_here() -> sandbox.Protections:
    done = subprocess.run(
        [sys.executable, "-m", "streams.media.sandbox"], capture_output=True, check=True
    )
    held: sandbox.Protections = json.loads(done.stdout)
    return held

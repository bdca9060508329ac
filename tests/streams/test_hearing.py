"""Decoding in child processes: what goes wrong there costs one upload."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from detector.errors import InvalidAudio
from detector.types import Heard
from streams import hearing
from streams.hearing import HearingPool
from streams.settings import Settings
from tests.audio import write_wav

T = TypeVar("T")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "noise.wav"
    write_wav(path, np.random.default_rng(1).normal(0, 0.1, (2, 44_100 * 8)).astype(np.float32))
    return path


@pytest.fixture
def pool() -> Iterator[HearingPool]:
    with HearingPool(Settings(decode_workers=1, decode_timeout_s=30)) as one:
        yield one


def hear(pool: HearingPool, path: Path) -> Heard:
    return asyncio.run(_within(pool.hear(path)))


async def _within(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, 60)


def test_hears_and_refuses(pool: HearingPool, noise: Path, tmp_path: Path) -> None:
    heard = hear(pool, noise)
    assert heard.audio.duration_s == 8.0
    assert heard.fingerprint is not None
    text = tmp_path / "notes.wav"
    text.write_text("not audio")
    with pytest.raises(InvalidAudio) as caught:
        hear(pool, text)
    assert caught.value.reason == "unsupported_format"


def _crash(path: Path, seconds: float) -> Heard:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("unreachable")


def _hang(path: Path, seconds: float) -> Heard:
    signal.pause()
    raise AssertionError("unreachable")


def _fill_memory(path: Path, seconds: float) -> Heard:
    np.ones(2**40)
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(_crash, "decoder_crashed"), (_hang, "decode_timeout"), (_fill_memory, "decoder_crashed")],
)
def test_a_fault_costs_one_upload(
    fault: Callable[[Path, float], Heard],
    reason: str,
    noise: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with HearingPool(Settings(decode_workers=1, decode_timeout_s=10)) as pool:
        hear(pool, noise)  # the child is there and warm
        with monkeypatch.context() as patch:
            patch.setattr(hearing, "_listen", fault)
            patch.setattr(pool, "_timeout_s", 2.0)
            with pytest.raises(InvalidAudio) as caught:
                hear(pool, noise)
        assert caught.value.reason == reason
        assert hear(pool, noise).audio.duration_s == 8.0, "the next upload is heard"

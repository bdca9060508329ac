"""Decoding in child processes: a crash, a hang or a bomb costs one upload, no worker.

Each child has a limit of memory and dies with its parent; a decode that takes too long is
killed and its child replaced (pebble does both). Children start from a fork server that
has torch loaded already, so a replacement takes milliseconds and shares its memory.
"""

import asyncio
import contextlib
import ctypes
import multiprocessing
import resource
import signal
import sys
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from detector.errors import InvalidAudio
from detector.types import Heard
from streams.settings import Settings

PR_SET_PDEATHSIG = 1


class HearingPool:
    """Hears files in parallel; use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["detector.listen"])
        self._workers = settings.decode_workers
        self._timeout_s = settings.decode_timeout_s
        self._max_duration_s = settings.decode_max_duration_s
        self._pool = ProcessPool(
            max_workers=settings.decode_workers,
            context=context,
            initializer=_become_child,
            initargs=[settings.decode_max_memory_mb],
        )

    def __enter__(self) -> "HearingPool":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble left this one out
        self._pool.join(timeout=5)

    async def warm(self) -> None:
        """Start the children now, so that the first upload need not wait for them."""
        jobs = [self._pool.schedule(_nothing) for _ in range(self._workers)]
        await asyncio.gather(*map(asyncio.wrap_future, jobs))

    async def hear(self, path: Path) -> Heard:
        """Hear one file.

        Raises:
            InvalidAudio: also for a decode that crashed or took too long.
        """
        job = self._pool.schedule(
            _listen, args=[path, self._max_duration_s], timeout=self._timeout_s
        )
        try:
            heard: Heard = await asyncio.wrap_future(job)
        except TimeoutError as error:
            raise InvalidAudio(
                "decode_timeout", f"decoding took longer than {self._timeout_s:g} s"
            ) from error
        except (ProcessExpired, MemoryError) as error:
            raise InvalidAudio(
                "decoder_crashed", f"the decode process died: {type(error).__name__}"
            ) from error
        return heard


def _become_child(max_memory_mb: int) -> None:
    """Set a child up: limits, one thread, no signals of the terminal."""
    import torch

    torch.set_num_threads(1)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole terminal; the parent decides
    limit = max_memory_mb * 2**20
    with contextlib.suppress(ValueError, OSError):  # a lower hard limit stands already
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _nothing() -> None:
    """Do nothing, in a child."""


def _listen(path: Path, max_duration_s: float) -> Heard:
    from detector.listen import listen  # torch is loaded here, not in the worker

    return listen(path, max_duration_s=max_duration_s)

"""Decoding in child processes: a crash, a hang or a bomb costs one upload, no worker.

Each child is confined (``streams.media.sandbox``) and is handed one open file at a time; this
side keeps the clock (``decode_worker``). A child that takes too long is killed, one that died
or has grown is replaced, all from a fork server that has torch loaded already, so that a
replacement takes a fraction of a second and shares its memory.
"""

import asyncio
import os
import stat
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from detector.errors import InvalidAudio
from detector.types import Heard
from streams.media.decode_child import Hear, hear
from streams.media.decode_worker import Ear, Job
from streams.media.sandbox import Protections
from streams.runtime.settings import Settings

WATCH_S: Final = 0.1


class HearingPool:
    """Hears files in parallel; use as a context manager."""

    def __init__(self, settings: Settings, hear_file: Hear = hear) -> None:
        """Prepare; ``hear_file`` is what the children do (tests put faults there)."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._ears = [Ear(settings, hear_file, self._jobs) for _ in range(settings.decode_workers)]
        self._closed = threading.Event()

    def __enter__(self) -> "HearingPool":
        for ear in self._ears:
            ear.start()
        threading.Thread(target=self._watch, name="hearing-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for ear in self._ears:
            ear.close()
            self._jobs.put(None)
        for ear in self._ears:
            ear.join(timeout=5)

    async def warm(self) -> Protections:
        """Wait for the children, so that the first upload need not; return what confines them.

        Raises:
            Fatal: they do not start.
        """
        started = [asyncio.wrap_future(ear.started) for ear in self._ears]
        return (await asyncio.gather(*started))[0]

    def processes(self) -> list[int]:
        """Return the ids of the children."""
        return [ear.pid for ear in self._ears if ear.pid]

    async def hear(self, path: Path) -> Heard:
        """Hear one file.

        Raises:
            InvalidAudio: also for a decode that crashed or took too long or too much.
        """
        job = Job(_open(path))
        self._jobs.put(job)
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.abandoned = True

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_S):
            for ear in self._ears:
                ear.watch()


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidAudio("not_a_file", error.strerror or "cannot be opened") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidAudio("not_a_file", "a folder or a special file")
    return descriptor

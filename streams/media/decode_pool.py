"""Decoding in child processes: a crash, a hang or a bomb costs one upload, no worker.

Each child is confined (``streams.media.sandbox``) and receives one open file at a time. The parent
(``decode_worker``) enforces the deadline and replaces children that died or grew. They come from
a fork server that has torch loaded, so a replacement takes a fraction of a second.
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
from streams.media.decode_child import DecodeFile, decode
from streams.media.decode_worker import DecodeWorker, Job
from streams.media.sandbox import Protections
from streams.runtime.settings import Settings

WATCH_S: Final = 0.1


class DecodePool:
    """Decodes files in parallel; use as a context manager."""

    def __init__(self, settings: Settings, decode_file: DecodeFile = decode) -> None:
        """Prepare; ``decode_file`` runs in the children (tests inject faults there)."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._workers = [
            DecodeWorker(settings, decode_file, self._jobs) for _ in range(settings.decode_workers)
        ]
        self._closed = threading.Event()

    def __enter__(self) -> "DecodePool":
        for worker in self._workers:
            worker.start()
        threading.Thread(target=self._watch, name="decode-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for worker in self._workers:
            worker.close()
            self._jobs.put(None)
        for worker in self._workers:
            worker.join(timeout=5)

    async def warm(self) -> Protections:
        """Wait until the children are ready; return their protections.

        Raises:
            Fatal: they do not start.
        """
        started = [asyncio.wrap_future(worker.started) for worker in self._workers]
        return (await asyncio.gather(*started))[0]

    def processes(self) -> list[int]:
        """Return the ids of the children."""
        return [worker.pid for worker in self._workers if worker.pid]

    async def decode(self, path: Path) -> Heard:
        """Decode one file.

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
            for worker in self._workers:
                worker.watch()


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidAudio("not_a_file", error.strerror or "cannot be opened") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidAudio("not_a_file", "a folder or a special file")
    return descriptor

"""A folder for fetched files that exists as long as its process.

An ordinary end removes it. A killed process leaves its folder behind, with the uploads in it. Each
process holds a lock on a file in its folder, which the system drops with the process. The next
process that starts on this machine removes the folders without a lock.
"""

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

PREFIX: Final = "earmark-spool-"
LOCK: Final = "held"
YOUNG_S: Final = 60.0  # a folder may be between its making and its lock


@contextmanager
def spool() -> Iterator[Path]:
    """Remove the folders of killed processes, and yield a new one."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder


def sweep() -> None:
    """Remove the spool folders on this machine that no process holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # held, another user's, or already removed
            if time.time() - folder.stat().st_mtime < YOUNG_S:
                continue
            with (folder / LOCK).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            log.info("spool_swept", folder=str(folder))

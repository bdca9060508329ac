"""Audio that is kept in the artefact store under its SHA-256.

Every upload by HTTP is kept. With ``EARMARK_KEEP_AUDIO`` each upload that can be decoded is kept.

    <root>/uploads/<ab>/<sha256>          the file as it came
    <root>/uploads/.arriving/<random>     one that is still arriving; removed when it breaks off

Only a whole file gets its name, in one step, so no reader meets half a file. The next start
removes old files that a killed process left behind.
"""

import hashlib
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self
from uuid import uuid4

from detector.errors import BadInput
from streams.media.artefacts import ArtefactStore, store_errors
from streams.runtime.settings import Settings

ARRIVING: Final = ".arriving"
STALE_S: Final = 3_600.0


@dataclass(frozen=True)
class KeptFile:
    """A file that has arrived: its hash, its size, and where the pipeline finds it."""

    sha256: str
    size: int
    uri: str


@dataclass(frozen=True)
class KeptUploads:
    """The store's folder of uploads; methods block, so call them from a thread.

    Each method raises ``Transient`` where the store fails.
    """

    filesystem: Any
    root: str
    spool: Path
    max_bytes: int

    @classmethod
    def open(cls, settings: Settings) -> "KeptUploads":
        """Open the folder beside the artefacts; arriving files lie on the local disk."""
        store = ArtefactStore.open(settings.store)
        root, local = f"{store.root}/uploads", "file" in store.filesystem.protocol
        name = hashlib.sha256(settings.store.encode()).hexdigest()[:12]
        spool = Path(root) / ARRIVING if local else Path(f"/var/tmp/earmark-{name}")  # noqa: S108 - made 0700, names random
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(store.filesystem, root, spool, settings.fetch_max_bytes)

    def clean(self) -> None:
        """Remove the files of killed processes."""
        for path in self.spool.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()

    def path(self, sha256: str) -> str:
        """Return where a file of this content lies."""
        return f"{self.root}/{sha256[:2]}/{sha256}"

    def uri(self, sha256: str) -> str:
        """Return where the pipeline finds a file of this content."""
        return str(self.filesystem.unstrip_protocol(self.path(sha256)))

    def keep_copy(self, file: Path, sha256: str) -> bool:
        """Keep a copy of a local file; return False where the same content lay there before."""
        with store_errors():
            if self.has(sha256):
                return False
            beside = self.spool / uuid4().hex
            try:
                shutil.copyfile(file, beside)
                return self._keep(beside, sha256)
            finally:
                beside.unlink(missing_ok=True)

    def reading(self, sha256: str) -> IO[bytes] | None:
        """Open the file of this content for reading, None where it is not kept."""
        with store_errors(), suppress(FileNotFoundError):
            if self.has(sha256):
                opened: IO[bytes] = self.filesystem.open(self.path(sha256), "rb")
                return opened
        return None

    def has(self, sha256: str) -> bool:
        """Return whether a file of this content is kept."""
        with store_errors():
            return bool(self.filesystem.exists(self.path(sha256)))

    def forget(self, sha256: str) -> None:
        """Remove a file that no row names, unless it is gone already."""
        with store_errors(), suppress(FileNotFoundError):
            self.filesystem.rm_file(self.path(sha256))

    def _keep(self, arrived: Path, sha256: str) -> bool:
        path = self.path(sha256)
        with store_errors():
            new = not self.filesystem.exists(path)
            if "file" in self.filesystem.protocol:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                arrived.replace(path)
            elif new:
                self.filesystem.put_file(str(arrived), path)
        return new


class Arriving:
    """A file that is arriving, in a ``with``: ``write``, then ``keep`` it. Else nothing remains."""

    def __init__(self, kept: KeptUploads) -> None:
        self._kept = kept
        self._path = kept.spool / uuid4().hex
        self._file = self._path.open("xb")
        self._digest = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            BadInput: these are too many.
        """
        self._size += len(data)
        if self._size > self._kept.max_bytes:
            raise BadInput("too_large", f"a file has at most {self._kept.max_bytes} bytes")
        self._digest.update(data)
        self._file.write(data)

    def whole(self) -> KeptFile:
        """Return the facts of the file, which has arrived whole and has no name yet.

        Raises:
            BadInput: it is empty.
        """
        if self._size == 0:
            raise BadInput("empty_file", "the file has no bytes")
        sha256 = self._digest.hexdigest()
        return KeptFile(sha256, self._size, self._kept.uri(sha256))

    def reading(self) -> IO[bytes]:
        """Open what has arrived for reading; the caller closes it."""
        self._file.flush()
        return self._path.open("rb")

    def keep(self) -> bool:
        """Give the file its name; return False where the same content lay there before."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._kept._keep(self._path, self._digest.hexdigest())

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

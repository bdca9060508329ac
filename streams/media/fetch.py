"""Bring an upload's bytes to a local file: limits first, hash as they arrive.

Only the schemes that the operator allows are fetched. After links are resolved, local files must
lie under one of the configured roots. They must be regular: a FIFO would block, a device would
never end. http and https never lead to an internal address (``streams.media.fetch_http``). Other
schemes go through fsspec.

Fetched files lie in a spool: a folder that exists as long as its process. An ordinary end removes
it. A killed process leaves its folder behind, with the uploads in it. Each process holds a lock on
a file in its folder, which the system drops with the process. The next process that starts on
this machine removes the folders without a lock.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

import fsspec
import structlog

from detector.errors import BadInput, Fatal, OwnSideAway, SenderAway, Transient
from streams.media.fetch_http import Http
from streams.runtime.settings import Settings

log = structlog.get_logger()

BLOCK: Final = 2**20
HTTP: Final = frozenset({"http", "https"})
PREFIX: Final = "earmark-spool-"
LOCK_FILE: Final = "held"
YOUNG_S: Final = 60.0  # a younger folder may not be locked yet


class RefusedUri(BadInput):
    """The URI or what lies there is refused.

    Reasons: ``refused_scheme``, ``refused_path``, ``missing_file``, ``not_a_file``,
    ``unreadable_file``, ``too_large``, ``hash_mismatch``.
    """


@dataclass(frozen=True)
class Fetched:
    """A local copy of an upload."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Fetcher:
    """Fetches under the operator's limits; safe to use from several threads."""

    schemes: frozenset[str]
    roots: tuple[Path, ...]
    max_bytes: int
    timeout_s: float
    http: Http
    own_prefix: str = ""
    """Start of the URIs of audio that Earmark keeps (``streams.media.kept_audio``)."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "Fetcher":
        """Build from settings.

        Raises:
            Fatal: a scheme is allowed whose fsspec package is not installed.
        """
        schemes = settings.schemes
        for scheme in schemes - {"file", *HTTP}:
            try:
                fsspec.get_filesystem_class(scheme)
            except (ImportError, ValueError) as error:
                raise Fatal(f"EARMARK_URI_SCHEMES allows {scheme}, but: {error}") from error
        roots = tuple(Path(root).resolve() for root in settings.file_roots.split(":") if root)
        store, path = fsspec.core.url_to_fs(settings.store)
        own = f"{store.unstrip_protocol(path).rstrip('/')}/uploads/"
        if "file" in store.protocol:
            roots += (Path(f"{path}/uploads").resolve(),)
        http = Http(settings.fetch_timeout_s)
        return cls(schemes, roots, settings.fetch_max_bytes, settings.fetch_timeout_s, http, own)

    def fetch(self, uri: str, expected_sha256: str | None, spool: Path) -> Fetched:
        """Copy what lies at ``uri`` into ``spool``; the caller owns and removes the file.

        Raises:
            RefusedUri: with its reason.
            SenderAway: the store did not answer in time or failed.
            OwnSideAway: our own store did not, or the spool has no room.
        """
        deadline = time.monotonic() + self.timeout_s
        digest = hashlib.sha256()
        size = 0
        descriptor, name = tempfile.mkstemp(dir=spool)
        target = Path(name)
        try:
            with (
                self._store_errors(uri),
                os.fdopen(descriptor, "wb", buffering=0) as copy,
                self._open(uri) as source,
            ):
                self._check_size(getattr(source, "size", None) or 0)
                while block := source.read(BLOCK):
                    size += len(block)
                    if size > self.max_bytes:
                        raise RefusedUri("too_large", f"more than {self.max_bytes} bytes")
                    if time.monotonic() > deadline:
                        late = f"fetch took longer than {self.timeout_s:g} s"
                        raise SenderAway(late, "too_slow")
                    digest.update(block)
                    _write(copy, block)
            if expected_sha256 not in (None, digest.hexdigest()):
                raise RefusedUri(
                    "hash_mismatch",
                    f"announced {expected_sha256}, the bytes hash to {digest.hexdigest()}",
                )
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return Fetched(target, digest.hexdigest())

    def _scheme(self, uri: str) -> str:
        """Return the scheme of a URI that may be fetched; what came by HTTP always may."""
        try:
            scheme = urlsplit(uri).scheme
        except ValueError as error:
            raise RefusedUri("refused_scheme", f"the URI cannot be parsed: {error}") from error
        if scheme not in self.schemes and not self._is_own(uri):
            raise RefusedUri("refused_scheme", f"scheme {scheme or '(none)'!r} is not allowed")
        return scheme

    def sender(self, uri: str) -> str:
        """Return the host or bucket that a URI names; empty where the place is ours, or refused."""
        try:
            parts = urlsplit(uri)
        except ValueError:
            return ""
        ours = parts.scheme == "file" or self._is_own(uri)
        return "" if ours else parts.hostname or parts.scheme

    def _is_own(self, uri: str) -> bool:
        return bool(self.own_prefix) and uri.startswith(self.own_prefix) and ".." not in uri

    def open_seekable(self, uri: str) -> IO[bytes]:
        """Open what lies at ``uri`` so that parts of it can be read; the caller closes it.

        Raises:
            RefusedUri: with its reason; http and https are always refused.
            OwnSideAway: the store failed.
        """
        if self._scheme(uri) in HTTP:
            raise RefusedUri("refused_scheme", "web servers are read once: upload the file again")
        with self._store_errors(uri):
            opened: IO[bytes] = self._open(uri)
        return opened

    def _open(self, uri: str) -> Any:
        scheme = self._scheme(uri)
        if scheme == "file":
            return self._open_local(uri)
        if scheme in HTTP:
            return self.http.open(uri)
        if "::" in uri:  # fsspec would open one store inside another
            raise RefusedUri("refused_path", "the URI names more than one store")
        # The host of a URI is an option of its store; fsspec keeps each such store for ever.
        options = fsspec.get_filesystem_class(scheme)._get_kwargs_from_urls(uri)
        return fsspec.open(uri, "rb", skip_instance_cache=bool(options)).open()

    @contextmanager
    def _store_errors(self, uri: str) -> Iterator[None]:
        """Turn the errors of a store into ours; a store that is ours is not the sender's."""
        try:
            yield
        except FileNotFoundError as error:
            raise RefusedUri("missing_file", f"nothing at {uri}") from error
        except (BadInput, Transient):
            raise
        except Exception as error:
            failure = f"{urlsplit(uri).scheme} store: {error!r}"
            if self._is_own(uri):
                raise OwnSideAway(failure) from error
            raise SenderAway(failure, "store_failed") from error

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise RefusedUri("too_large", f"{size} bytes exceed {self.max_bytes}")

    def _open_local(self, uri: str) -> IO[bytes]:
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost"):
            raise RefusedUri("refused_path", f"file URI with a host: {parts.netloc!r}")
        raw = unquote_to_bytes(uri.removeprefix("file://").removeprefix(parts.netloc))
        if not raw.startswith(b"/") or b"\0" in raw:
            raise RefusedUri("refused_path", "file URIs must hold an absolute path")
        try:
            path = Path(os.fsdecode(raw)).resolve(strict=True)
        except FileNotFoundError as error:
            raise RefusedUri("missing_file", f"nothing at {uri}") from error
        except (OSError, RuntimeError) as error:  # loops of links, names too long
            raise RefusedUri("refused_path", f"path cannot be resolved: {error}") from error
        if not any(path.is_relative_to(root) for root in self.roots):
            raise RefusedUri("refused_path", "outside of EARMARK_FILE_ROOTS")
        try:
            # non-blocking: opening a FIFO must not wait for a writer
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise RefusedUri("unreadable_file", error.strerror or "cannot be opened") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RefusedUri("not_a_file", "a folder or a special file")
            self._check_size(status.st_size)
        except BaseException:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")


def _write(copy: IO[bytes], block: bytes) -> None:
    try:
        while block:
            block = block[copy.write(block) :]
    except OSError as error:  # a full disk is ours, whatever it is that does not fit
        raise OwnSideAway(f"spool: {error}") from error


@contextmanager
def spool() -> Iterator[Path]:
    """Remove the folders of killed processes, and yield a new one."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        with (folder / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder


def sweep() -> None:
    """Remove the spool folders on this machine that no process holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # held, another user's, or already removed
            if time.time() - folder.stat().st_mtime < YOUNG_S:
                continue
            with (folder / LOCK_FILE).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            log.info("spool_swept", folder=str(folder))

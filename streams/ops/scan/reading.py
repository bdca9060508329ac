"""Reading the files of a scan: decoded in confined processes, analysed as ``earmark analyze`` does.

A few files are under way at a time. One thread compares each recording with those before it and
stores what was read, so no pair of duplicates is missed. What a kill interrupts is read again.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import structlog
from pydantic import ValidationError

from detector.assessment.analyze import analysed
from detector.assessment.model import Model
from detector.errors import BadInput, Fatal, Transient
from detector.matching.landmarks import LANDMARKS_VERSION, NotLandmarks
from detector.types import DecodedTrack
from streams.known.banks import Banks
from streams.known.index import IndexUnusable, Item, Query, Refused, open_index
from streams.known.recognition import matches_of
from streams.known.sql import SqlIndex
from streams.media.artefacts import Acoustics
from streams.media.decode_pool import DecodePool
from streams.media.fetch import Fetcher, RefusedUri, spool
from streams.media.file_tags import FileFacts, TaggedDecoder
from streams.media.provenance import ProvenanceDecoder
from streams.ops.scan.records import Listing, Reading
from streams.runtime.settings import Settings
from streams.store.scan_state import ListedFile, Pair, ScanState

log = structlog.get_logger()

BANK: Final = "scan"
VERSION: Final = 1  # of what is read of a file: another one has all files read again
PREVENTED: Final = "unreachable"


@dataclass(frozen=True)
class _Content:
    """A file's bytes, read: what is stored of them, and what recognises the recording."""

    sha256: str
    reading: Reading
    acoustics: Acoustics | None


class Reader:
    """Reads files with one model; use as a context manager."""

    def __init__(self, settings: Settings, model: Model, state: ScanState, folder: Path) -> None:
        """Prepare; ``folder`` is that of the state, with the index of this scan."""
        self._settings, self._model, self._state, self._folder = settings, model, state, folder
        self._decoder = TaggedDecoder(ProvenanceDecoder.from_settings(settings))
        self._fetcher = Fetcher.from_settings(settings)
        self._opened = ExitStack()

    @property
    def basis(self) -> str:
        """Names what answers rest on: what was read under another one is read again."""
        rates, trust = self._settings.rates, self._decoder.decoder.trust
        parts = (VERSION, LANDMARKS_VERSION, self._model.digest, *rates, trust)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def __enter__(self) -> "Reader":
        enter, workers = self._opened.enter_context, self._settings.decode_workers
        with self._opened:
            self._pool = enter(DecodePool(self._settings, self._decoder))
            self._spool = enter(spool())
            self._threads = enter(ThreadPoolExecutor(2 * workers))  # wait for disks, score
            self._one = enter(ThreadPoolExecutor(1))  # compares and stores, file by file
            self._index = enter(_own_index(self._folder / "index"))
            known = self._settings.index
            self._known = None if known is None else Banks(enter(open_index(known)))
            self._opened = self._opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    async def read_all(self, done: Callable[[Reading], None]) -> None:
        """Read all files of this run that have to be read; ``done`` is called after each.

        Raises:
            Fatal: the decode processes do not start.
            LedgerAway: the state cannot be written.
        """
        await self._pool.warm()
        files = self._state.unread(self.basis)
        under_way: set[asyncio.Task[Reading]] = set()
        try:
            for file in files:
                under_way.add(asyncio.create_task(self._read(file)))
                if len(under_way) >= 2 * self._settings.decode_workers:
                    under_way = await _some(under_way, done)
            while under_way:
                under_way = await _some(under_way, done)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _read(self, file: ListedFile) -> Reading:
        listing = Listing.model_validate_json(file.listed)
        keep = partial(self._keep, file)

        async def store(*read: Any) -> Reading:
            return await asyncio.get_running_loop().run_in_executor(self._one, keep, *read)

        try:
            content = await self._content(listing)
        except BadInput as error:
            reading = Reading(status="unreadable", reason=error.reason, detail=error.detail)
            return await store(reading, True)
        except Transient as error:  # read again by the next run
            reading = Reading(status="unreadable", reason=PREVENTED, detail=str(error))
            return await store(reading, False)
        except Fatal:
            raise
        except Exception as error:  # noqa: BLE001 - one file's fault, which stops no other
            log.error("scan_failed", file=listing.path, error=repr(error))
            reading = Reading(status="unreadable", reason="failed", detail=repr(error)[:500])
            return await store(reading, False)
        return await store(content.reading, True, content)

    async def _content(self, listing: Listing) -> _Content:
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self._threads)
        path, sha256, fetched = await in_thread(self._local, listing)
        try:
            stored = await in_thread(self._state.reading_of, sha256, self.basis)
            if stored is not None:  # the same bytes under another name
                return _Content(sha256, Reading.model_validate_json(stored), None)
            decoded = await self._pool.decode(path)
        finally:
            if fetched:
                path.unlink(missing_ok=True)
        reading = await in_thread(self._reading, listing, sha256, decoded)
        return _Content(sha256, reading, Acoustics(decoded.pcm_sha256, decoded.landmarks))

    def _local(self, listing: Listing) -> tuple[Path, str, bool]:
        """Return where the bytes are, their SHA-256, and whether they are a copy."""
        if not listing.local:
            copy = self._fetcher.fetch(listing.uri, listing.expected_sha256, self._spool)
            return copy.path, copy.sha256, True
        path = Path(os.fsdecode(unquote_to_bytes(listing.uri.removeprefix("file://"))))
        try:
            size = path.stat().st_size
            if size > self._settings.fetch_max_bytes:
                most = self._settings.fetch_max_bytes
                raise RefusedUri("too_large", f"{size} bytes exceed {most}")
            with path.open("rb") as file:
                return path, hashlib.file_digest(file, "sha256").hexdigest(), False
        except FileNotFoundError as error:
            raise RefusedUri("missing_file", "it is gone since it was listed") from error
        except OSError as error:
            raise RefusedUri("unreadable_file", error.strerror or "cannot be read") from error

    def _reading(self, listing: Listing, sha256: str, decoded: DecodedTrack) -> Reading:
        answer = analysed(listing.path, decoded, self._model, self._settings.rates)
        facts = _facts(decoded.provenance)
        acoustics = Acoustics(decoded.pcm_sha256, decoded.landmarks)
        known = self._known
        matches = known and matches_of(
            listing.track_id or "", sha256, acoustics, datetime.now(UTC), known
        )
        names = ("outcome", "reason", "p_value", "probability", "extent", "generator", "audio")
        fields: dict[str, Any] = {name: answer[name] for name in names}
        return Reading(
            status="read",
            content_sha256=sha256,
            sentences=tuple(one["sentence"] for one in answer["evidence"]),
            provenance=facts.provenance,
            tags=facts.tags,
            matches=matches or (),
            **fields,
        )

    def _keep(
        self, file: ListedFile, reading: Reading, final: bool, content: _Content | None = None
    ) -> Reading:
        """Compare with the recordings before it, then store; in one thread, file by file."""
        pairs: list[Pair] = []
        if content is not None and content.acoustics is not None:
            pairs = list(_compared(self._index, content.sha256, content.acoustics))
        self._state.keep(
            file,
            self.basis,
            reading.to_bytes().decode(),
            content_sha256=content.sha256 if content else None,
            final=final,
            pairs=pairs,
        )
        return reading


async def _some(
    under_way: set[asyncio.Task[Reading]], done: Callable[[Reading], None]
) -> set[asyncio.Task[Reading]]:
    """Wait for at least one file; return those that are still under way."""
    ended, rest = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        done(task.result())
    return rest


def _compared(index: SqlIndex, sha256: str, acoustics: Acoustics) -> Iterator[Pair]:
    """Yield the recordings of this scan that match, and add this one; sides are not compared."""
    try:
        query = Query.of(sha256, acoustics.pcm_sha256, acoustics.landmarks)
    except NotLandmarks:
        return
    for match in index.search(query):
        if match.item.item_id != sha256:
            first, second = sorted((sha256, match.item.item_id))
            overlap_s = match.alignment.overlap_s if match.alignment else match.item.duration_s
            yield Pair(first, second, match.match_class.value, round(overlap_s, 1))
    with suppress(Refused):  # too indistinct to be compared: silence, a tone, a jingle
        known = {"pcm_sha256": acoustics.pcm_sha256}
        index.add([Item.of(BANK, sha256, sha256, acoustics.landmarks, **known)])


def _own_index(folder: Path) -> SqlIndex:
    try:
        return open_index(folder.absolute().as_uri())
    except IndexUnusable as error:
        raise Fatal(f"{error}; remove {folder.parent} to read everything again") from error


def _facts(stated: bytes) -> FileFacts:
    """Read what a decode process wrote; it is not trusted."""
    try:
        return FileFacts.model_validate_json(stated)
    except ValidationError:
        return FileFacts()

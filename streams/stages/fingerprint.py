"""tracks.uploaded -> tracks.fingerprinted: fetch, hear once, keep the observation.

After this no later stage needs the audio. Content that was heard before is not decoded
again: its facts, observation and landmarks are taken from the store. What the upload is known
as (``streams.known.recognition``) is looked up each time: the banks may know more by now.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
from pydantic import ValidationError

from detector.errors import Fatal, Transient
from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import Provenance, TrackFingerprinted, UploadReceived
from streams.known.banks import Banks
from streams.known.index import open_index
from streams.known.recognition import Recogniser
from streams.media.artefacts import Acoustics, ArtefactStore, ContentFacts
from streams.media.decode_pool import DecodePool
from streams.media.fetch import Fetched, Fetcher
from streams.media.kept_audio import KeptUploads
from streams.media.provenance import ProvenanceDecoder
from streams.media.spool import spool
from streams.runtime import metrics, tracing
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings

log = structlog.get_logger()

NAME = processes.FINGERPRINT.name
CONDITION = "decode_processes_run"

Known = tuple[ContentFacts, Acoustics, Provenance | None]  # of a content


@dataclass(frozen=True)
class Fingerprinting:
    """The work on one upload, with the resources that it takes."""

    fetcher: Fetcher
    store: ArtefactStore
    pool: DecodePool
    recogniser: Recogniser
    threads: ThreadPoolExecutor
    spool: Path
    trust: str
    slots: asyncio.Semaphore
    """Bounds the spool: a few more files than decoders, whatever is in flight."""
    kept: KeptUploads | None = None
    """Where the audio of every upload is kept, if it is to be."""
    hearing: dict[str, asyncio.Lock] = field(default_factory=dict)
    """By content: of two uploads of one file at once, the second waits and hears nothing."""

    async def handle(self, event: UploadReceived) -> Sequence[Output]:
        """Return the fingerprinted event."""
        async with self.slots:
            with tracing.stage(NAME, "fetch"):
                fetched = await self._fetch(event)
            try:
                facts, acoustics, provenance = await self._hear_once(fetched)
                if self.kept is not None:  # also what was heard before: it may have been forgotten
                    run = asyncio.get_running_loop().run_in_executor
                    await run(self.threads, self.kept.keep_copy, fetched.path, fetched.sha256)
            finally:
                fetched.path.unlink(missing_ok=True)
        with tracing.stage(NAME, "recognise"):
            matches = await asyncio.get_running_loop().run_in_executor(
                self.threads,
                self.recogniser.matches,
                event.track_id,
                fetched.sha256,
                acoustics,
                event.uploaded_at,
            )
        said = TrackFingerprinted(
            upload_id=event.upload_id,
            upload=event.upload,
            uploaded_at=event.uploaded_at,
            content_sha256=fetched.sha256,
            audio=facts.audio,
            fingerprint=facts.fingerprint,
            observation=facts.observation,
            matches=matches,
            provenance=provenance,
        )
        return [Output(topics.FINGERPRINTED, said)]

    async def _fetch(self, event: UploadReceived) -> Fetched:
        job = asyncio.get_running_loop().run_in_executor(
            self.threads, self.fetcher.fetch, event.upload.uri, event.upload.sha256, self.spool
        )
        try:
            # the fetcher looks at the clock between blocks; a read that hangs does not
            return await asyncio.wait_for(job, self.fetcher.timeout_s + 5)
        except TimeoutError as error:
            raise Transient(f"fetch hangs for {self.fetcher.timeout_s:g} s") from error

    async def _hear_once(self, fetched: Fetched) -> Known:
        lock = self.hearing.setdefault(fetched.sha256, asyncio.Lock())
        try:
            async with lock:
                return await self._hear(fetched)
        finally:
            if not lock.locked():  # nobody waits for it: whoever comes finds it in the store
                self.hearing.pop(fetched.sha256, None)

    async def _hear(self, fetched: Fetched) -> Known:
        run, sha256 = asyncio.get_running_loop().run_in_executor, fetched.sha256
        known = await run(self.threads, self.store.find, sha256)
        acoustics = await run(self.threads, self.store.acoustics, sha256) if known else None
        said = await run(self.threads, self.store.find_file, self._place(sha256)) if known else None
        if known is not None and acoustics is not None and said is not None:
            metrics.DECODES.labels("reused").inc()
            return known, acoustics, _provenance(said)
        with tracing.stage(NAME, "hear"):
            heard = await self.pool.decode(fetched.path)
        with tracing.stage(NAME, "store"):
            await run(self.threads, self.store.keep_file, self._place(sha256), heard.provenance)
            if known is not None:  # an earlier release heard it: what it said stays said
                acoustics = await run(self.threads, self.store.keep_acoustics, sha256, heard)
                metrics.DECODES.labels("decoded_again").inc()
                return known, acoustics, _provenance(heard.provenance)
            facts = await run(self.threads, self.store.keep, sha256, heard)
        metrics.DECODES.labels("decoded").inc()
        return facts, Acoustics(heard.pcm_sha256, heard.landmarks), _provenance(heard.provenance)

    def _place(self, content_sha256: str) -> str:
        """Where it lies what a file said of itself, as read under the present trust anchors."""
        return f"provenance/{self.trust}/{content_sha256[:2]}/{content_sha256}.json"


def _provenance(said: bytes) -> Provenance | None:
    """Read what a child said; its word is not trusted."""
    if not said:
        return None
    try:
        return Provenance.model_validate_json(said)
    except ValidationError:
        return Provenance(state="invalid", codes=("unreadable",))


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    fetcher = Fetcher.from_settings(settings)
    store = ArtefactStore.open(settings.store)
    listening = ProvenanceDecoder(_anchors(settings))
    with (
        spool() as folder,
        ThreadPoolExecutor(settings.decode_workers + 4, thread_name_prefix="fetch") as threads,
        DecodePool(settings, listening) as pool,
        open_index(settings.index_url) as index,
    ):
        # beside the joining of the group; an upload that comes first waits for it, or fails with it
        health.set(CONDITION, False)
        warming = asyncio.create_task(_warm(pool, health), name="warming")
        slots = asyncio.Semaphore(settings.decode_workers + 2)
        recogniser = Recogniser(Banks(index))
        trust = listening.trust
        kept = KeptUploads.open(settings) if settings.keep_audio else None
        try:
            stage = Fingerprinting(
                fetcher, store, pool, recogniser, threads, folder, trust, slots, kept
            )
            yield each(NAME, UploadReceived, stage.handle)
        finally:
            warming.cancel()


async def _warm(pool: DecodePool, health: Health) -> None:
    """Say what confines the decode processes once they run; until then this one is not ready.

    Where they do not start, this process ends, so that whoever watches it starts it anew.
    """
    try:
        held = await pool.warm()
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing can be heard
        log.error("decode_not_started", error=str(error))
        health.give_up(error)
    else:
        health.set(CONDITION, True)
        log.info("decode_sandboxed", **held)


def _anchors(settings: Settings) -> str:
    if settings.trust_anchors is None:
        return ""
    try:
        return settings.trust_anchors.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Fatal(f"EARMARK_TRUST_ANCHORS: {settings.trust_anchors}: {error}") from error


FINGERPRINT = Processor(NAME, processes.FINGERPRINT.reads[0], _open)
run_fingerprint = partial(run, FINGERPRINT)

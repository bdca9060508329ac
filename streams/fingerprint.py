"""tracks.uploaded -> tracks.fingerprinted: fetch, hear once, keep the observation.

After this no later stage needs the audio. Content that was heard before is not decoded
again: its facts, observation and landmarks are taken from the store. What the upload is known
as (``streams.recognise``) is looked up each time: the banks may know more by now.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from detector.errors import Transient
from streams import metrics, topics
from streams.artefacts import Acoustics, ArtefactStore, HeardFacts
from streams.banks import Banks
from streams.fetch import Fetched, Fetcher
from streams.health import Health
from streams.hearing import HearingPool
from streams.index import open_index
from streams.processor import Handler, Output, Processor
from streams.recognise import Recogniser
from streams.records import TrackFingerprinted, UploadReceived
from streams.settings import Settings
from streams.spool import spool

log = structlog.get_logger()

NAME = "fingerprint"


@dataclass(frozen=True)
class Fingerprinting:
    """The work on one upload, with the resources that it takes."""

    fetcher: Fetcher
    store: ArtefactStore
    pool: HearingPool
    recogniser: Recogniser
    threads: ThreadPoolExecutor
    spool: Path
    slots: asyncio.Semaphore
    """Bounds the spool: a few more files than decoders, whatever is in flight."""
    hearing: dict[str, asyncio.Lock] = field(default_factory=dict)
    """By content: of two uploads of one file at once, the second waits and hears nothing."""

    async def handle(self, event: UploadReceived) -> Sequence[Output]:
        """Return the fingerprinted event."""
        async with self.slots:
            with metrics.STAGE_SECONDS.labels(NAME, "fetch").time():
                fetched = await self._fetch(event)
            try:
                facts, acoustics = await self._hear_once(fetched)
            finally:
                fetched.path.unlink(missing_ok=True)
        with metrics.STAGE_SECONDS.labels(NAME, "recognise").time():
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

    async def _hear_once(self, fetched: Fetched) -> tuple[HeardFacts, Acoustics]:
        lock = self.hearing.setdefault(fetched.sha256, asyncio.Lock())
        try:
            async with lock:
                return await self._hear(fetched)
        finally:
            if not lock.locked():  # nobody waits for it: whoever comes finds it in the store
                self.hearing.pop(fetched.sha256, None)

    async def _hear(self, fetched: Fetched) -> tuple[HeardFacts, Acoustics]:
        run, sha256 = asyncio.get_running_loop().run_in_executor, fetched.sha256
        known = await run(self.threads, self.store.find, sha256)
        acoustics = await run(self.threads, self.store.acoustics, sha256) if known else None
        if known is not None and acoustics is not None:
            metrics.HEARD.labels("reused").inc()
            return known, acoustics
        with metrics.STAGE_SECONDS.labels(NAME, "hear").time():
            heard = await self.pool.hear(fetched.path)
        with metrics.STAGE_SECONDS.labels(NAME, "store").time():
            if known is not None:  # an earlier release heard it: what it said stays said
                acoustics = await run(self.threads, self.store.keep_acoustics, sha256, heard)
                metrics.HEARD.labels("decoded_again").inc()
                return known, acoustics
            facts = await run(self.threads, self.store.keep, sha256, heard)
        metrics.HEARD.labels("decoded").inc()
        return facts, Acoustics(heard.pcm_sha256, heard.landmarks)


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler[UploadReceived]]:
    fetcher = Fetcher.from_settings(settings)
    store = ArtefactStore.open(settings.store)
    with (
        spool() as folder,
        ThreadPoolExecutor(settings.decode_workers + 4, thread_name_prefix="fetch") as threads,
        HearingPool(settings) as pool,
        open_index(settings.index_url) as index,
    ):
        log.info("decode_sandboxed", **await pool.warm())
        slots = asyncio.Semaphore(settings.decode_workers + 2)
        recogniser = Recogniser(Banks(index))
        yield Fingerprinting(fetcher, store, pool, recogniser, threads, folder, slots).handle


FINGERPRINT = Processor(name=NAME, source=topics.UPLOADED, record_type=UploadReceived, open=_open)

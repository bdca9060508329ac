"""tracks.uploaded -> tracks.fingerprinted: fetch, hear once, keep the observation.

After this no later stage needs the audio. Content that was heard before is not decoded
again: its facts and observation are taken from the store.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from detector.errors import Transient
from streams import metrics, topics
from streams.artefacts import ArtefactStore, HeardFacts
from streams.fetch import Fetched, Fetcher
from streams.health import Health
from streams.hearing import HearingPool
from streams.processor import Handler, Output, Processor
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
    threads: ThreadPoolExecutor
    spool: Path
    slots: asyncio.Semaphore
    """Bounds the spool: a few more files than decoders, whatever is in flight."""

    async def handle(self, event: UploadReceived) -> Sequence[Output]:
        """Return the fingerprinted event."""
        async with self.slots:
            with metrics.STAGE_SECONDS.labels(NAME, "fetch").time():
                fetched = await self._fetch(event)
            try:
                facts = await self._hear(fetched)
            finally:
                fetched.path.unlink(missing_ok=True)
        said = TrackFingerprinted(
            upload_id=event.upload_id,
            upload=event.upload,
            uploaded_at=event.uploaded_at,
            content_sha256=fetched.sha256,
            audio=facts.audio,
            fingerprint=facts.fingerprint,
            observation=facts.observation,
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

    async def _hear(self, fetched: Fetched) -> HeardFacts:
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(self.threads, self.store.find, fetched.sha256)
        if known is not None:
            metrics.HEARD.labels("reused").inc()
            return known
        with metrics.STAGE_SECONDS.labels(NAME, "hear").time():
            heard = await self.pool.hear(fetched.path)
        with metrics.STAGE_SECONDS.labels(NAME, "store").time():
            facts = await loop.run_in_executor(self.threads, self.store.keep, fetched.sha256, heard)
        metrics.HEARD.labels("decoded").inc()
        return facts


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler[UploadReceived]]:
    fetcher = Fetcher.from_settings(settings)
    store = ArtefactStore.open(settings.store)
    with (
        spool() as folder,
        ThreadPoolExecutor(settings.decode_workers + 4, thread_name_prefix="fetch") as threads,
        HearingPool(settings) as pool,
    ):
        log.info("decode_sandboxed", **await pool.warm())
        slots = asyncio.Semaphore(settings.decode_workers + 2)
        yield Fingerprinting(fetcher, store, pool, threads, folder, slots).handle


FINGERPRINT = Processor(name=NAME, source=topics.UPLOADED, record_type=UploadReceived, open=_open)

"""tracks.uploaded -> tracks.fingerprinted: fetch, decode once, look up known tracks.

No later stage needs the audio. Known tracks are looked up for each upload, since banks grow.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from detector.errors import OwnSideAway, SenderAway
from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import TrackFingerprinted, UploadReceived
from streams.known.banks import Banks
from streams.known.index import open_index
from streams.known.recognition import matches_of
from streams.media.anchors import Anchor
from streams.media.artefacts import ArtefactStore
from streams.media.decode_pool import DecodePool
from streams.media.fetch import Fetched, Fetcher, spool
from streams.media.kept_audio import KeptUploads
from streams.media.provenance import ProvenanceDecoder
from streams.media.senders import FairSlots, Senders
from streams.runtime import tracing
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings
from streams.services.content_decoding import ContentDecoder, warm

log = structlog.get_logger()

NAME = processes.FINGERPRINT.name
WAITING: Final = 4  # events that wait for a sender, for each that may be worked on


@dataclass(frozen=True)
class Fingerprinting:
    """The stage, with the resources that it takes."""

    fetcher: Fetcher
    decoder: ContentDecoder
    banks: Banks
    threads: ThreadPoolExecutor
    spool: Path
    slots: FairSlots
    """Bounds the spool: a few more files than decoders, whatever is in flight."""
    senders: Senders
    kept: KeptUploads | None = None
    """Where the audio of every upload is kept, if it is to be."""

    async def handle(self, event: UploadReceived) -> Sequence[Output]:
        """Return the fingerprinted event."""
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        sender = self.fetcher.sender(event.upload.uri)
        whose = event.upload.sender
        async with self.senders.turn(sender, whose) as answered, self.slots.turn(whose):
            with tracing.stage(NAME, "fetch"):
                fetched = await self._fetch(event)
            try:
                await answered()
                content = await self.decoder.decode_and_store(fetched.path, fetched.sha256, whose)
                if self.kept is not None:  # decoded content too: its audio may have been erased
                    await in_thread(self.kept.keep_copy, fetched.path, fetched.sha256)
            finally:
                fetched.path.unlink(missing_ok=True)
        if content.provenance is not None and content.provenance.anchor is not None:
            anchor = content.provenance.anchor
            which = {"track_id": event.track_id, "upload_id": event.upload_id}
            log.info("provenance_confirmed", anchor=anchor.name, sha256=anchor.sha256, **which)
        with tracing.stage(NAME, "recognise"):
            query = (event.track_id, fetched.sha256, content.acoustics, event.uploaded_at)
            matches = await in_thread(matches_of, *query, self.banks)
        # What both records have travels on.
        content_facts = {"content_sha256": fetched.sha256, "matches": matches}
        decoded = dict(content.facts) | {"provenance": content.provenance}
        fingerprinted = TrackFingerprinted.model_validate(dict(event) | content_facts | decoded)
        return [Output(topics.FINGERPRINTED, fingerprinted)]

    async def _fetch(self, event: UploadReceived) -> Fetched:
        source = (event.upload.uri, event.upload.sha256)
        job = asyncio.get_running_loop().run_in_executor(
            self.threads, self.fetcher.fetch, *source, self.spool
        )
        try:
            # the fetcher looks at the clock between blocks; a read that hangs does not
            return await asyncio.wait_for(job, self.fetcher.timeout_s + 5)
        except TimeoutError as error:
            late = f"fetch hangs for {self.fetcher.timeout_s:g} s"
            if not self.fetcher.sender(event.upload.uri):
                raise OwnSideAway(late) from error
            raise SenderAway(late, "too_slow") from error


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    fetcher = Fetcher.from_settings(settings)
    store = ArtefactStore.open(settings.store)
    provenance = ProvenanceDecoder.from_settings(settings)
    _log_anchors(provenance.anchors)
    kept = KeptUploads.open(settings) if settings.keep_audio else None
    slots = settings.decode_workers + 3
    with (
        spool() as folder,
        ThreadPoolExecutor(slots + 2, thread_name_prefix="fetch") as threads,
        DecodePool(settings, provenance) as pool,
        open_index(settings.index_url) as index,
    ):
        # While the group is joined. An upload that comes first waits for it, or fails with it.
        warming = asyncio.create_task(warm(pool, health), name="warming")
        turns = FairSlots(settings.decode_workers)
        decoder = ContentDecoder(store, pool, turns, threads, provenance.trust)
        try:
            stage = Fingerprinting(
                *(fetcher, decoder, Banks(index), threads, folder),
                *(FairSlots(slots, spare=1), Senders(slots, settings.fetch_timeout_s), kept),
            )
            yield each(NAME, UploadReceived, stage.handle)
        finally:
            warming.cancel()


def _log_anchors(known: Sequence[Anchor]) -> None:
    """Log how many trust anchors there are, and which of them confirm nothing today."""
    for anchor in known:
        state = anchor.state(datetime.now(UTC))
        if state != "valid":
            named = {"name": anchor.name, "sha256": anchor.certificate.sha256}
            log.warning("trust_anchor_not_valid", state=state, **named)
    log.info("trust_anchors_read", count=len(known))


run_fingerprint = partial(run, Processor(NAME, processes.FINGERPRINT.reads[0], _open, WAITING))

"""Decoding each content once: what is stored of it is not decoded again."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from detector.types import DecodedTrack
from streams.contract.processes import FINGERPRINT
from streams.contract.records import Provenance
from streams.media import sandbox
from streams.media.artefacts import Acoustics, ArtefactStore, ContentFacts
from streams.media.decode_pool import DecodePool
from streams.media.provenance import WATERMARK_FAILED
from streams.media.senders import FairSlots
from streams.runtime import metrics, tracing
from streams.runtime.health import Health

log = structlog.get_logger()

CONDITION = "decode_processes_run"
DETECTORS: Final = metrics.Names()  # a decode process in foreign hands may name any


@dataclass(frozen=True)
class Content:
    """Decoded facts of one file's content."""

    facts: ContentFacts
    acoustics: Acoustics
    provenance: Provenance | None


@dataclass(frozen=True)
class ContentDecoder:
    """Decodes, or reads from the store.

    Of two uploads of one file at once, the second waits for the first and decodes nothing.
    """

    store: ArtefactStore
    pool: DecodePool
    turns: FairSlots
    """Of the pool's processes, by sender: a file may take minutes."""
    threads: ThreadPoolExecutor
    trust: str
    """Names the trust anchors: provenance is kept for each, since its validity depends on them."""
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def decode_and_store(self, path: Path, sha256: str, sender: str) -> Content:
        """Decode a file and store what is known of its content; read it where it is stored.

        Raises:
            InvalidAudio: it cannot be decoded.
            Transient: the store does not answer.
        """
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        lock = self._locks.setdefault(sha256, asyncio.Lock())
        try:
            async with lock:
                facts = await in_thread(self.store.find, sha256)
                known = None if facts is None else await in_thread(self._find, sha256, facts)
                if known is not None:
                    metrics.DECODES.labels("reused").inc()
                    return known
                async with self.turns.turn(sender):
                    with tracing.stage(FINGERPRINT.name, "decode"):
                        decoded = await self.pool.decode(path)
                with tracing.stage(FINGERPRINT.name, "store"):
                    content = await in_thread(self._store, sha256, facts, decoded)
                metrics.DECODES.labels("decoded_again" if facts else "decoded").inc()
                return content
        finally:
            if not lock.locked():  # no other upload waits; the next one finds it in the store
                self._locks.pop(sha256, None)

    def _find(self, sha256: str, facts: ContentFacts) -> Content | None:
        acoustics = self.store.acoustics(sha256)
        provenance = self.store.find_file(self._place(sha256))
        if acoustics is None or provenance is None:
            return None
        return Content(facts, acoustics, read_provenance(provenance))

    def _store(self, sha256: str, facts: ContentFacts | None, decoded: DecodedTrack) -> Content:
        self.store.keep_file(self._place(sha256), decoded.provenance)
        if facts is None:
            facts = self.store.keep(sha256, decoded)
        else:  # decoded by an earlier release: its facts stay
            self.store.keep_acoustics(sha256, decoded)
        acoustics = Acoustics(decoded.pcm_sha256, decoded.landmarks)
        provenance = read_provenance(decoded.provenance)
        for code in () if provenance is None else provenance.codes:
            if code.startswith(WATERMARK_FAILED):
                detector, _, error = code.removeprefix(WATERMARK_FAILED).strip().partition(": ")
                metrics.WATERMARK_FAULTS.labels(DETECTORS(detector)).inc()
                log.error("watermark_failed", detector=detector, error=error, sha256=sha256)
        return Content(facts, acoustics, provenance)

    def _place(self, sha256: str) -> str:
        return f"provenance/{self.trust}/{sha256[:2]}/{sha256}.json"


async def warm(pool: DecodePool, health: Health) -> None:
    """Start the decode processes and log what confines them; the process is not ready before.

    Where they do not start, this process ends, so that its supervisor starts it again.
    """
    health.set(CONDITION, False)
    try:
        confinement = await pool.warm()
    except Exception as error:  # noqa: BLE001 - whatever the reason, nothing can be decoded
        log.error("decode_not_started", error=str(error))
        health.failure = error
    else:
        health.set(CONDITION, True)
        log.info("decode_sandboxed", **confinement)
        missing = sandbox.missing(confinement)
        for layer in confinement:
            metrics.SANDBOX_LAYER.labels(layer).set(layer not in missing)


def read_provenance(provenance: bytes) -> Provenance | None:
    """Read what a decode process wrote; it is not trusted."""
    if not provenance:
        return None
    try:
        return Provenance.model_validate_json(provenance)
    except ValidationError:
        return Provenance(state="invalid", codes=("unreadable",))

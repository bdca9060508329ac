"""tracks.fingerprinted -> tracks.classified: score observations in batches on the device.

Scoring runs in one thread, off the event loop: whatever has arrived when the device is free
goes together, up to the batch size, waiting a few milliseconds for company at most. Where a batch
fails, its observations are scored one by one, and only the offender's event fails. A shadow
model, where one is set, answers after the released one (``streams.stages.shadow``).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from detector.assessment.model import Model, abstain
from detector.errors import Fatal, ModelError
from detector.observation.observation import VERSION, Observation
from detector.types import Assessment
from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import (
    Analysis,
    InvalidRecord,
    ModelRef,
    ObservationRef,
    Outcome,
    Record,
    ShadowAnalysis,
    TrackClassified,
    TrackFingerprinted,
    parse,
    stable_id,
)
from streams.media.artefacts import ArtefactStore, LostArtefact
from streams.runtime import metrics, tracing
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings
from streams.stages.shadow import Shadow

NAME = processes.CLASSIFY.name
SAYS_NOTHING = frozenset({Outcome.UNCERTAIN, Outcome.NOT_ASSESSABLE})


class StoredAnswer(Record):
    """What the store keeps of an analysis."""

    analysis: Analysis
    shadow: ShadowAnalysis | None = None


def _stored(data: bytes | None) -> StoredAnswer | None:
    try:
        return None if data is None else parse(StoredAnswer, data)
    except InvalidRecord:
        return None


Answers = tuple[Assessment, ShadowAnalysis | None]
# The device's fault, not an observation's: no dead letter, the worker stops.
DEVICE_FAULTS = (torch.AcceleratorError, torch.OutOfMemoryError)


@dataclass(frozen=True)
class Waiting:
    """An observation that waits for its answer; ``span``: where, if that is traced."""

    observation: Observation
    answer: "asyncio.Future[Answers]"
    span: Any = None


class Batcher:
    """Collects observations into batches for one scoring thread."""

    def __init__(
        self, model: Model, alpha: float, size: int, wait_s: float, shadow: Shadow | None = None
    ) -> None:
        self._model, self._alpha, self._size, self._wait_s = model, alpha, size, wait_s
        self._shadow = shadow
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()

    @property
    def shadow_digest(self) -> str:
        """The shadow model's digest; empty without one."""
        return self._shadow.digest if self._shadow is not None else ""

    async def assess(self, observation: Observation) -> Answers:
        """Return the answers for one observation, scored with whatever else is waiting.

        Raises:
            Fatal: the device failed.
            Exception: what this observation, scored alone, makes the model raise.
        """
        answer: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        with tracing.span(f"{NAME} score"):
            await self._waiting.put(Waiting(observation, answer, tracing.here()))
            return await answer

    async def run(self) -> None:
        """Score until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="score") as scoring:
            while True:
                batch = await self._collect()
                observations = [one.observation for one in batch]
                metrics.BATCH_SIZE.observe(len(batch))
                # Of no event's trace: it names those that it scores, and theirs say how long
                # they waited for it.
                spans = tracing.span(
                    f"{NAME} batch",
                    links=[one.span for one in batch],
                    attributes={"earmark.batch": len(batch)},
                )
                try:
                    with metrics.STAGE_SECONDS.labels(NAME, "score").time(), spans:
                        answers = await loop.run_in_executor(scoring, self._score, observations)
                except Exception as error:  # noqa: BLE001 - each waiting event must hear of it
                    for one in batch:
                        if not one.answer.done():
                            one.answer.set_exception(Fatal(f"scoring failed: {error!r}"))
                    continue
                for one, answer in zip(batch, answers, strict=True):
                    if one.answer.done():  # cancelled by a rebalance
                        continue
                    if isinstance(answer, Exception):
                        one.answer.set_exception(answer)
                    else:
                        one.answer.set_result(answer)

    def _score(self, observations: list[Observation]) -> list[Answers | Exception]:
        """Return the answers to each observation, or what it alone makes the model raise."""
        try:
            decided = self._model.assess(observations, self._alpha)
        except Exception as error:
            if len(observations) > 1:
                return [self._score([one])[0] for one in observations]
            if isinstance(error, DEVICE_FAULTS):
                raise
            if isinstance(error, StopIteration):  # a Future refuses it
                return [RuntimeError(repr(error))]
            return [error]
        if self._shadow is None:
            return [(one, None) for one in decided]
        beside = self._shadow.assess(observations, decided, self._alpha)
        return list(zip(decided, beside, strict=True))

    async def _collect(self) -> list[Waiting]:
        batch = [await self._waiting.get()]
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait_s
        while len(batch) < self._size and (left := until - loop.time()) > 0:
            try:
                batch.append(await asyncio.wait_for(self._waiting.get(), left))
            except TimeoutError:
                break
        return batch


@dataclass(frozen=True)
class Classifying:
    """The work on one fingerprinted track."""

    model: ModelRef
    alpha: float
    store: ArtefactStore
    batcher: Batcher
    threads: ThreadPoolExecutor

    async def handle(self, event: TrackFingerprinted) -> Sequence[Output]:
        """Return the classified event; content that was analysed before is not scored again."""
        said_before = await self._said(event)
        analysis, shadow = said_before.analysis, said_before.shadow
        metrics.OUTCOMES.labels(analysis.outcome.value, self.model.name).inc()
        if analysis.outcome in SAYS_NOTHING:
            why = analysis.reason or analysis.outcome.value
            metrics.ABSTAINED.labels(why, self.model.name).inc()
        if analysis.score is not None:
            metrics.SCORES.labels(self.model.name).observe(analysis.score)
        said = TrackClassified(
            upload_id=event.upload_id,
            upload=event.upload,
            uploaded_at=event.uploaded_at,
            content_sha256=event.content_sha256,
            audio=event.audio,
            analysis=analysis,
            shadow=shadow,
            matches=event.matches,
            provenance=event.provenance,
        )
        return [Output(topics.CLASSIFIED, said)]

    async def _said(self, event: TrackFingerprinted) -> StoredAnswer:
        """Return the answer that stands for this content, model, shadow and alpha.

        Of two uploads of one file at once the first answer stands for both, whatever the
        devices that they were scored on: they are decided alike.
        """
        analysis_id = stable_id(
            "ana",
            event.content_sha256,
            event.observation.sha256,
            self.model.digest,
            repr(self.alpha),
        )
        name = stable_id("ans", analysis_id, self.batcher.shadow_digest)
        run = asyncio.get_running_loop().run_in_executor
        known = _stored(await run(self.threads, self.store.answer, name))
        if known is not None:
            metrics.CLASSIFIED.labels("reused").inc()
            return known
        answer, shadow = await self._answer(event.observation)
        metrics.CLASSIFIED.labels("scored").inc()
        analysis = Analysis(
            analysis_id=analysis_id, alpha=self.alpha, model=self.model, **asdict(answer)
        )
        mine = StoredAnswer(analysis=analysis, shadow=shadow)
        if event.observation.version != VERSION or (self.batcher.shadow_digest and not shadow):
            return mine  # another build, or a shadow that mends itself, may say more
        data = mine.to_bytes()
        stands = _stored(await run(self.threads, self.store.keep_answer, name, data))
        if stands is None:  # what lay there is damaged
            await run(self.threads, partial(self.store.keep_answer, name, data, replace=True))
            return mine
        return stands

    async def _answer(self, reference: ObservationRef) -> Answers:
        if reference.version != VERSION:  # another build listened: no answer beats a wrong one
            return abstain("observation_version"), None
        loop = asyncio.get_running_loop()
        observation = await loop.run_in_executor(self.threads, self._read, reference)
        return await self.batcher.assess(observation)

    def _read(self, reference: ObservationRef) -> Observation:
        try:
            return Observation.from_bytes(self.store.read(reference))
        except ModelError as error:
            raise LostArtefact("observation_unreadable", str(error)) from error


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))  # once per process
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model.load(settings.model, device)
    model.check_alpha(settings.alpha)
    shadow = (
        Shadow.load(settings.shadow_model, device, model, settings.alpha)
        if settings.shadow_model is not None
        else None
    )
    batcher = Batcher(
        model, settings.alpha, settings.batch_size, settings.batch_wait_ms / 1_000, shadow
    )
    scoring = asyncio.create_task(batcher.run(), name="batcher")
    reference = ModelRef(name=model.name, version=model.version, digest=model.digest)
    store = ArtefactStore.open(settings.store)
    metrics.MODEL_INFO.labels(model.name, model.digest).set(1)
    try:
        with ThreadPoolExecutor(4, thread_name_prefix="read") as threads:
            stage = Classifying(reference, settings.alpha, store, batcher, threads)
            yield each(NAME, TrackFingerprinted, stage.handle)
    finally:
        scoring.cancel()


CLASSIFY = Processor(NAME, processes.CLASSIFY.reads[0], _open)
run_classify = partial(run, CLASSIFY)

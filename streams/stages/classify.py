"""tracks.fingerprinted -> tracks.classified: score observations in batches on the device.

The first analysis of a content stands for all of its uploads, whatever the devices.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import structlog

from detector.assessment.model import Model, abstain, population
from detector.calibration.strata import evenness
from detector.errors import BadInput, ModelError
from detector.evidence.arrays import chosen, described
from detector.explain.compared import compared_with
from detector.observation.observation import VERSION, Observation
from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import (
    Analysis,
    ModelRef,
    ObservationRef,
    Outcome,
    Provenance,
    TrackClassified,
    TrackFingerprinted,
    stable_id,
)
from streams.media import marks
from streams.media.artefacts import ArtefactStore
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings
from streams.services import stored_analyses
from streams.services.scoring import Batcher, Scores, ShadowModel
from streams.services.stored_analyses import StoredAnalysis

log = structlog.get_logger()

NAME = processes.CLASSIFY.name
ABSTENTIONS = frozenset({Outcome.UNCERTAIN, Outcome.NOT_ASSESSABLE})
GENERATORS: Final = metrics.Names(row.generator for row in marks.TABLE)


@dataclass(frozen=True)
class Classifying:
    """The stage, with the resources that it takes."""

    model: ModelRef
    store: ArtefactStore
    batcher: Batcher
    threads: ThreadPoolExecutor

    async def handle(self, event: TrackFingerprinted) -> Sequence[Output]:
        """Return the classified event."""
        stored = await self._analysed(event)
        self._count(stored.analysis, event.provenance or Provenance())
        # What both records have travels on.
        answered = {"analysis": stored.analysis, "shadow": stored.shadow}
        classified = TrackClassified.model_validate(dict(event) | answered)
        return [Output(topics.CLASSIFIED, classified)]

    async def _analysed(self, event: TrackFingerprinted) -> StoredAnalysis:
        """Return the analysis that all uploads of this content share, by model and rates."""
        observation, rates, candidate = event.observation, self.batcher.rates, self.batcher.shadow
        digests = (event.content_sha256, observation.sha256, self.model.digest)
        analysis_id = stable_id("ana", *digests, *map(repr, rates))
        name = stable_id("ans", analysis_id, candidate.model.digest if candidate else "")
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        known = await in_thread(stored_analyses.find, self.store, name)
        if known is not None:
            metrics.CLASSIFIED.labels("reused").inc()
            return known
        # For an observation of another build, no answer is better than a wrong one.
        scores: Scores = abstain("observation_version"), None
        compared = None
        if observation.version == VERSION:
            observed = await in_thread(self._read, observation)
            scores = await self.batcher.assess(observed)
            compared = _compared_with(self.batcher.model, observed, scores)
        assessment, shadow = scores
        metrics.CLASSIFIED.labels("scored").inc()
        analysis = Analysis(
            analysis_id=analysis_id,
            alpha=rates.suspected,
            identified_alpha=rates.identified,
            model=self.model,
            compared_with=compared,
            **asdict(assessment),
        )
        made = StoredAnalysis(analysis=analysis, shadow=shadow)
        if observation.version != VERSION or (candidate and shadow is None):
            return made  # another build, or a repaired candidate, may answer otherwise
        return await in_thread(stored_analyses.keep, self.store, name, made)

    def _read(self, reference: ObservationRef) -> Observation:
        try:
            return Observation.from_bytes(self.store.read(reference))
        except ModelError as error:
            raise BadInput("observation_unreadable", str(error)) from error

    def _count(self, analysis: Analysis, provenance: Provenance) -> None:
        metrics.OUTCOMES.labels(analysis.outcome.value, self.model.name).inc()
        named = {(one.generator, one.kind == "watermark") for one in provenance.marks}
        for generator, watermark in named:
            counter = metrics.WATERMARKS if watermark else metrics.MARKED
            counter.labels(GENERATORS(generator), analysis.outcome.value, self.model.name).inc()
        if analysis.outcome in ABSTENTIONS:
            why = analysis.reason or analysis.outcome.value
            metrics.ABSTAINED.labels(why, self.model.name).inc()
        if analysis.score is not None:
            metrics.SCORES.labels(self.model.name).observe(analysis.score)


def _compared_with(model: Model, observed: Observation, scores: Scores) -> str | None:
    if scores[0].p_value is None:
        return None
    name = population(observed.sample_rate_hz)
    return compared_with(name, model.calibrations[name].humans, evenness(observed))


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    device, rates = chosen(settings.device), settings.rates
    log.info("scores_on", device=described(device))
    model = Model.load(settings.model, device)
    model.check_rates(rates)
    shadow = None
    if settings.shadow_model is not None:
        shadow = ShadowModel.load(settings.shadow_model, device, model, rates)
    batcher = Batcher(model, rates, settings.batch_size, settings.batch_wait_ms / 1_000, shadow)
    scoring = asyncio.create_task(batcher.run(), name="batcher")
    reference = ModelRef.model_validate(model, from_attributes=True)
    store = ArtefactStore.open(settings.store)
    metrics.MODEL_INFO.labels(model.name, model.digest).set(1)
    try:
        with ThreadPoolExecutor(4, thread_name_prefix="read") as threads:
            stage = Classifying(reference, store, batcher, threads)
            yield each(NAME, TrackFingerprinted, stage.handle)
    finally:
        scoring.cancel()


run_classify = partial(run, Processor(NAME, processes.CLASSIFY.reads[0], _open))

"""Analyses of contents by one model: a stored one, else observations scored in batches and stored.

The first analysis of a content by a model stands for all of its uploads, whatever the devices.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import structlog

from detector.assessment.model import Model, abstain, population
from detector.calibration.strata import evenness
from detector.errors import BadInput, ModelError
from detector.evidence.arrays import chosen, described
from detector.explain.compared import compared_with
from detector.observation.observation import VERSION, Observation
from streams.contract.records import Analysis, ModelRef, ObservationRef, stable_id
from streams.media.artefacts import ArtefactStore
from streams.runtime.settings import Settings
from streams.services import stored_analyses
from streams.services.scoring import Batcher, Scores, ShadowModel
from streams.services.stored_analyses import StoredAnalysis

log = structlog.get_logger()

How = Literal["scored", "reused"]


@dataclass(frozen=True)
class Analyses:
    """The analyses of one model, with the resources that they take."""

    model: ModelRef
    store: ArtefactStore
    batcher: Batcher
    threads: ThreadPoolExecutor

    async def of(
        self, content_sha256: str, observation: ObservationRef
    ) -> tuple[StoredAnalysis, How]:
        """Return the analysis that all uploads of a content share, and how it came.

        Raises:
            BadInput: the observation is missing, altered or unreadable.
            Fatal: the device failed.
        """
        rates, candidate = self.batcher.rates, self.batcher.shadow
        digests = (content_sha256, observation.sha256, self.model.digest)
        analysis_id = stable_id("ana", *digests, *map(repr, rates))
        name = stable_id("ans", analysis_id, candidate.model.digest if candidate else "")
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self.threads)
        known = await in_thread(stored_analyses.find, self.store, name)
        if known is not None:
            return known, "reused"
        # For an observation of another build, no answer is better than a wrong one.
        scores: Scores = abstain("observation_version"), None
        compared = None
        if observation.version == VERSION:
            observed = await in_thread(self._read, observation)
            scores = await self.batcher.assess(observed)
            compared = _compared_with(self.batcher.model, observed, scores)
        assessment, shadow = scores
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
            return made, "scored"  # another build, or a repaired candidate, may answer otherwise
        return await in_thread(stored_analyses.keep, self.store, name, made), "scored"

    def _read(self, reference: ObservationRef) -> Observation:
        try:
            return Observation.from_bytes(self.store.read(reference))
        except ModelError as error:
            raise BadInput("observation_unreadable", str(error)) from error


def _compared_with(model: Model, observed: Observation, scores: Scores) -> str | None:
    if scores[0].p_value is None:
        return None
    name = population(observed.sample_rate_hz)
    return compared_with(name, model.calibrations[name].humans, evenness(observed))


def seconds_each(
    settings: Settings, folder: Path, references: Sequence[ObservationRef]
) -> float | None:
    """Return the processor time of reading and scoring one of these observations on a CPU.

    Nothing is stored. None where none of them can be read.

    Raises:
        ModelError: the folder is no model, or does not support the rates of the settings.
    """
    model, store = Model.load(folder), ArtefactStore.open(settings.store)
    model.check_rates(settings.rates)
    begun = time.process_time()
    observations = []
    for reference in references:
        with suppress(BadInput, ModelError):
            observations.append(Observation.from_bytes(store.read(reference)))
    model.assess(observations, settings.rates)
    return (time.process_time() - begun) / len(observations) if observations else None


@asynccontextmanager
async def open_analyses(
    settings: Settings, processor: str, folder: Path, shadow_folder: Path | None = None
) -> AsyncIterator[Analyses]:
    """Load a model, and the candidate that answers beside it; yield its analyses.

    Raises:
        ModelError: a folder is no model, or does not support the rates of the settings.
    """
    device, rates = chosen(settings.device), settings.rates
    log.info("scores_on", device=described(device), model=str(folder))
    model = await asyncio.to_thread(Model.load, folder, device)
    model.check_rates(rates)
    shadow = None
    if shadow_folder is not None:
        candidate = (shadow_folder, device, model, rates)
        shadow = await asyncio.to_thread(ShadowModel.load, *candidate)
    wait_s = settings.batch_wait_ms / 1_000
    batcher = Batcher(model, rates, settings.batch_size, wait_s, shadow, processor)
    scoring = asyncio.create_task(batcher.run(), name=f"batcher {model.name}")
    reference = ModelRef.model_validate(model, from_attributes=True)
    try:
        with ThreadPoolExecutor(4, thread_name_prefix="read") as threads:
            yield Analyses(reference, ArtefactStore.open(settings.store), batcher, threads)
    finally:
        scoring.cancel()

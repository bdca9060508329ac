"""tracks.fingerprinted -> tracks.classified: score observations in batches on the device.

The first analysis of a content stands for all of its uploads, whatever the devices.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import (
    Analysis,
    Outcome,
    Provenance,
    TrackClassified,
    TrackFingerprinted,
)
from streams.media import marks
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings
from streams.services.analyses import Analyses, open_analyses

NAME = processes.CLASSIFY.name
ABSTENTIONS = frozenset({Outcome.UNCERTAIN, Outcome.NOT_ASSESSABLE})
GENERATORS: Final = metrics.Names(row.generator for row in marks.TABLE)


@dataclass(frozen=True)
class Classifying:
    """The stage, with the analyses of its model."""

    analyses: Analyses

    async def handle(self, event: TrackFingerprinted) -> Sequence[Output]:
        """Return the classified event."""
        stored, how = await self.analyses.of(event.content_sha256, event.observation)
        metrics.CLASSIFIED.labels(how).inc()
        self._count(stored.analysis, event.provenance or Provenance())
        # What both records have travels on.
        answered = {"analysis": stored.analysis, "shadow": stored.shadow}
        classified = TrackClassified.model_validate(dict(event) | answered)
        return [Output(topics.CLASSIFIED, classified)]

    def _count(self, analysis: Analysis, provenance: Provenance) -> None:
        model = self.analyses.model.name
        metrics.OUTCOMES.labels(analysis.outcome.value, model).inc()
        named = {(one.generator, one.kind == "watermark") for one in provenance.marks}
        for generator, watermark in named:
            counter = metrics.WATERMARKS if watermark else metrics.MARKED
            counter.labels(GENERATORS(generator), analysis.outcome.value, model).inc()
        if analysis.outcome in ABSTENTIONS:
            why = analysis.reason or analysis.outcome.value
            metrics.ABSTAINED.labels(why, model).inc()
        if analysis.score is not None:
            metrics.SCORES.labels(model).observe(analysis.score)


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    async with open_analyses(settings, NAME, settings.model, settings.shadow_model) as analyses:
        # Of what labels uploads alone: a rescoring by a candidate is no second model at work.
        metrics.MODEL_INFO.labels(analyses.model.name, analyses.model.digest).set(1)
        yield each(NAME, TrackFingerprinted, Classifying(analyses).handle)


run_classify = partial(run, Processor(NAME, processes.CLASSIFY.reads[0], _open))

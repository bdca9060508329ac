"""Scoring observations in batches, in one thread off the event loop.

Observations that wait while the device works are scored together, up to the batch size. A shadow
model answers after the released one and decides nothing: its answers move metrics and travel on
``tracks.classified``.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from detector.assessment.model import Model
from detector.assessment.sides import assess
from detector.errors import Fatal
from detector.evidence.arrays import is_device_fault
from detector.observation.observation import Observation
from detector.types import Assessment, Rates
from streams.contract.processes import CLASSIFY
from streams.contract.records import ModelRef, ShadowAnalysis
from streams.runtime import metrics, tracing

log = structlog.get_logger()

Answer = Assessment | Exception
"""What a model makes of an observation, or what the observation, alone, makes it raise."""
Scores = tuple[Assessment, ShadowAnalysis | None]


def _assessed(model: Model, observations: Sequence[Observation], rates: Rates) -> list[Answer]:
    """Assess a batch; where it fails, each observation alone, so that only the offender fails."""
    try:
        return list(assess(model, observations, rates))
    except Exception as error:  # noqa: BLE001 - what an observation makes the model raise
        if len(observations) == 1:  # a Future refuses StopIteration
            return [RuntimeError(repr(error)) if isinstance(error, StopIteration) else error]
        return [_assessed(model, [observation], rates)[0] for observation in observations]


@dataclass(frozen=True)
class ShadowModel:
    """The candidate, bound to the released model's name for its metrics."""

    model: Model
    released: str

    @classmethod
    def load(cls, folder: Path, device: str, released: Model, rates: Rates) -> "ShadowModel":
        """Load a candidate; raise ModelError for a bad folder or unsupported ``rates``."""
        candidate = Model.load(folder, device)
        candidate.check_rates(rates)
        return cls(candidate, released.name)

    def assess(
        self, observations: Sequence[Observation], decided: Sequence[Answer], rates: Rates
    ) -> list[ShadowAnalysis | None]:
        """Return an answer beside each decided one; None where either model fails."""
        answers = _assessed(self.model, observations, rates)
        return list(map(self._beside, decided, answers))

    def _beside(self, decided: Answer, answer: Answer) -> ShadowAnalysis | None:
        if isinstance(decided, Exception):
            return None
        names = (self.released, self.model.name)
        if isinstance(answer, Exception):
            log.error("shadow_failed", shadow=self.model.name, exc_info=answer)
            metrics.SHADOW.labels(*names, "failed").inc()
            return None
        metrics.SHADOW.labels(*names, compare(decided, answer)).inc()
        if decided.probability is not None and answer.probability is not None:
            distance = abs(decided.probability - answer.probability)
            metrics.SHADOW_DISTANCE.labels(*names).observe(distance)
        model = ModelRef.model_validate(self.model, from_attributes=True)
        return ShadowAnalysis.model_validate(vars(answer) | {"model": model})


def compare(decided: Assessment, beside: Assessment) -> str:
    """Return agrees | flips_to_ai | flips_from_ai | differs."""
    if decided.outcome == beside.outcome:
        return "agrees"
    if decided.finds_ai == beside.finds_ai:
        return "differs"
    return "flips_to_ai" if beside.finds_ai else "flips_from_ai"


@dataclass(frozen=True)
class Waiting:
    """An observation that waits for its scores; ``span``: where, if that is traced."""

    observation: Observation
    scores: "asyncio.Future[Scores]"
    span: Any = None


@dataclass(frozen=True)
class Batcher:
    """Collects observations into batches for one scoring thread."""

    model: Model
    rates: Rates
    size: int
    wait_s: float
    shadow: ShadowModel | None = None
    processor: str = CLASSIFY.name
    _waiting: asyncio.Queue[Waiting] = field(default_factory=asyncio.Queue)

    async def assess(self, observation: Observation) -> Scores:
        """Return the scores of one observation, scored with whatever else is waiting.

        Raises:
            Fatal: the device failed.
            Exception: what this observation, scored alone, makes the model raise.
        """
        scores: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()
        with tracing.span(f"{self.processor} score"):
            await self._waiting.put(Waiting(observation, scores, tracing.here()))
            return await scores

    async def run(self) -> None:
        """Score until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="score") as thread:
            while True:
                await self._score_batch(await self._collect(), thread)

    async def _score_batch(self, batch: list[Waiting], thread: ThreadPoolExecutor) -> None:
        metrics.BATCH_SIZE.observe(len(batch))
        # A span of its own, linked to the spans of the events in the batch.
        span = tracing.span(
            f"{self.processor} batch",
            links=[waiting.span for waiting in batch],
            attributes={"earmark.batch": len(batch)},
        )
        observations = [waiting.observation for waiting in batch]
        results: list[Scores | Exception]
        try:
            with metrics.STAGE_SECONDS.labels(self.processor, "score").time(), span:
                loop = asyncio.get_running_loop()
                results = await loop.run_in_executor(thread, self._score, observations)
        except Exception as error:  # noqa: BLE001 - each waiting event fails with it
            results = [Fatal(f"scoring failed: {error!r}") for _ in batch]
        for waiting, result in zip(batch, results, strict=True):
            if waiting.scores.done():  # cancelled by a rebalance
                continue
            if isinstance(result, Exception):
                waiting.scores.set_exception(result)
            else:
                waiting.scores.set_result(result)

    def _score(self, observations: list[Observation]) -> list[Scores | Exception]:
        results = _assessed(self.model, observations, self.rates)
        for each in results:  # the device's fault is no observation's: the worker stops
            if isinstance(each, Exception) and is_device_fault(each):
                raise each
        shadows: Sequence[ShadowAnalysis | None] = [None] * len(results)
        if self.shadow is not None:
            shadows = self.shadow.assess(observations, results, self.rates)
        return [
            each if isinstance(each, Exception) else (each, shadow)
            for each, shadow in zip(results, shadows, strict=True)
        ]

    async def _collect(self) -> list[Waiting]:
        batch = [await self._waiting.get()]
        loop = asyncio.get_running_loop()
        until = loop.time() + self.wait_s
        while len(batch) < self.size and (left := until - loop.time()) > 0:
            try:
                batch.append(await asyncio.wait_for(self._waiting.get(), left))
            except TimeoutError:
                break
        return batch

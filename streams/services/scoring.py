"""Scoring observations in batches, in one thread off the event loop.

What has arrived when the device is free is scored together, up to the batch size, after a wait of a
few milliseconds at most. Where a batch fails, its observations are scored one by one, and only the
event of the offender fails. A shadow model answers after the released one.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from detector.assessment.model import Model
from detector.errors import Fatal
from detector.observation.observation import Observation
from detector.types import Assessment
from streams.contract.processes import CLASSIFY
from streams.contract.records import ShadowAnalysis
from streams.runtime import metrics, tracing
from streams.services.shadow_model import ShadowModel

Scores = tuple[Assessment, ShadowAnalysis | None]
# The device's fault, not an observation's: no dead letter, the worker stops.
DEVICE_FAULTS = (torch.AcceleratorError, torch.OutOfMemoryError)


@dataclass(frozen=True)
class Waiting:
    """An observation that waits for its scores; ``span``: where, if that is traced."""

    observation: Observation
    scores: "asyncio.Future[Scores]"
    span: Any = None


class Batcher:
    """Collects observations into batches for one scoring thread."""

    def __init__(
        self,
        model: Model,
        alpha: float,
        size: int,
        wait_s: float,
        shadow: ShadowModel | None = None,
    ) -> None:
        self._model, self._alpha, self._size, self._wait_s = model, alpha, size, wait_s
        self._shadow = shadow
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()

    @property
    def shadow_digest(self) -> str:
        """The shadow model's digest; empty without one."""
        return self._shadow.digest if self._shadow is not None else ""

    async def assess(self, observation: Observation) -> Scores:
        """Return the scores of one observation, scored with whatever else is waiting.

        Raises:
            Fatal: the device failed.
            Exception: what this observation, scored alone, makes the model raise.
        """
        scores: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()
        with tracing.span(f"{CLASSIFY.name} score"):
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
            f"{CLASSIFY.name} batch",
            links=[waiting.span for waiting in batch],
            attributes={"earmark.batch": len(batch)},
        )
        observations = [waiting.observation for waiting in batch]
        results: list[Scores | Exception]
        try:
            with metrics.STAGE_SECONDS.labels(CLASSIFY.name, "score").time(), span:
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
        """Return the scores of each observation, or what it alone makes the model raise."""
        try:
            released = self._model.assess(observations, self._alpha)
        except Exception as error:
            if len(observations) > 1:
                return [self._score([observation])[0] for observation in observations]
            if isinstance(error, DEVICE_FAULTS):
                raise
            if isinstance(error, StopIteration):  # a Future refuses it
                return [RuntimeError(repr(error))]
            return [error]
        if self._shadow is None:
            return [(assessment, None) for assessment in released]
        beside = self._shadow.assess(observations, released, self._alpha)
        return list(zip(released, beside, strict=True))

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

"""tracks.rescoring -> tracks.classified, tracks.rescored: stored observations, another model.

No audio is fetched. The lane is behind all uploads: its process has the lowest priority of the
system, and takes nothing while uploads wait for ``classify`` or decisions for ``redecide``. The
ledger reopens a track once it has the new analysis, and ``redecide`` decides it again. An answer
that replaces no analysis is a candidate's: it is stored for comparison, and decides nothing.

A request outlives the erasure of its track on the topic. The ledger then has no decoded event of
that upload, and nothing follows from the request: no answer, no dead letter, no file.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from kafka.errors import KafkaError

from detector.errors import BadInput, EarmarkError, NotYet
from detector.types import OBSERVATION_VERSION
from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import ModelRef, TrackClassified, stable_id
from streams.contract.records.rescoring import TrackRescored, TrackRescoring
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.offsets import behind
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.services.analyses import Analyses, open_analyses
from streams.services.released_models import reference_of
from streams.store import rescores
from streams.store.database import Ledger

log = structlog.get_logger()

NAME: Final = processes.RESCORE.name
BROKER: Final = "broker"
LOOK_S: Final = 2.0  # between two looks at who waits
REDECIDE_BACKLOG: Final = 2_000  # decisions and requests; more gain nothing, and verdicts wait
NICENESS: Final = 19
WAITING: Final = 4  # events in flight for each that others have: most wait for their turn


class ModelAway(NotYet):
    """This worker has not the model that a track is to be scored by."""


@dataclass(frozen=True)
class Rescoring:
    """The stage; ``turn`` waits until nothing else does, ``analyses_by`` opens a model.

    ``is_held`` returns whether the ledger has the decoded event of an upload and content.
    """

    turn: Callable[[], Awaitable[None]]
    analyses_by: Callable[[ModelRef], Awaitable[Analyses]]
    is_held: Callable[[rescores.Content], Awaitable[bool]]

    async def handle(self, event: TrackRescoring) -> Sequence[Output]:
        """Return the classified event, or a candidate's answer alone; nothing, once it is erased.

        The id of an analysis depends on the replaced one, so that those of model A, then of B,
        then of A again are three.

        Raises:
            ModelAway: neither model of the settings is the requested one.
        """
        if event.observation.version != OBSERVATION_VERSION:  # what it has is the better answer
            version = event.observation.version
            raise BadInput("observation_version", f"{version}: submit the track again")
        await self.turn()
        content = event.upload_id, event.content_sha256
        if not await self.is_held(content):
            return _erased(event)
        analyses = await self.analyses_by(event.model)
        try:
            stored, how = await analyses.of(event.content_sha256, event.observation)
        except BadInput:
            if await self.is_held(content):
                raise
            return _erased(event)  # since then: files are deleted before rows
        metrics.RESCORED.labels(analyses.model.name, how).inc()
        if event.replaces is None:
            about = {"track_id": event.track_id, "analysis": stored.analysis}
            return [Output(topics.RESCORED, TrackRescored.model_validate(dict(event) | about))]
        analysis_id = stable_id("ana", stored.analysis.analysis_id, event.replaces)
        analysis = stored.analysis.model_copy(update={"analysis_id": analysis_id})
        answered = {"analysis": analysis, "shadow": None}
        return [Output(topics.CLASSIFIED, TrackClassified.model_validate(dict(event) | answered))]


def _erased(event: TrackRescoring) -> Sequence[Output]:
    metrics.RESCORED.labels(event.model.name, "erased").inc()
    return ()


class Turns:
    """Whose turn it is: rescoring's only while the other processes are not behind.

    ``room`` is how many events each of them may have before rescoring waits.
    """

    def __init__(self, settings: Settings, room: Mapping[str, int]) -> None:
        self._settings, self._room = settings, room
        self._lock = asyncio.Lock()
        self._free_until = float("-inf")

    async def turn(self) -> None:
        """Wait until it is rescoring's turn."""
        async with self._lock:
            while time.monotonic() > self._free_until:
                if busy := await asyncio.to_thread(self._look):
                    metrics.RESCORE_YIELDS.labels(busy).inc()
                    await asyncio.sleep(LOOK_S)
                else:
                    self._free_until = time.monotonic() + LOOK_S

    def _look(self) -> str:
        """Return the process that is behind; empty: none is."""
        try:
            with open_admin(self._settings) as admin:
                for name, room in self._room.items():
                    if behind(admin, self._settings, name) > room:
                        return name
        except (KafkaError, EarmarkError) as error:  # a broker without answers has enough to do
            log.warning("turn_unknown", error=repr(error))
            return BROKER
        return ""


class OpenModels:
    """The models that tracks are scored by: those of the settings, each loaded once needed."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings, self._stack = settings, stack
        self._lock = asyncio.Lock()
        self._open: dict[str, Analyses] = {}

    async def analyses_by(self, model: ModelRef) -> Analyses:
        """Return the analyses of a model.

        Raises:
            ModelAway: the settings name no such model.
            ModelError: its folder is damaged.
        """
        async with self._lock:
            if model.digest not in self._open:
                opening = open_analyses(self._settings, NAME, self._folder_of(model))
                self._open[model.digest] = await self._stack.enter_async_context(opening)
            return self._open[model.digest]

    def _folder_of(self, model: ModelRef) -> Path:
        for folder in filter(None, (self._settings.model, self._settings.shadow_model)):
            if reference_of(folder).digest == model.digest:
                return folder
        name = f"{model.name} {model.version} ({model.digest[:12]})"
        raise ModelAway(f"neither EARMARK_MODEL nor EARMARK_SHADOW_MODEL is {name}")


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    os.nice(NICENESS)
    room = {
        processes.CLASSIFY.name: settings.in_flight,  # no more than it works on
        processes.REDECIDE.name: REDECIDE_BACKLOG,
    }
    for name in (*room, BROKER):
        metrics.RESCORE_YIELDS.labels(name)
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(closing(await asyncio.to_thread(Ledger.open, settings.ledger)))
        models = OpenModels(settings, stack)

        async def is_held(content: rescores.Content) -> bool:
            return await asyncio.to_thread(rescores.is_decoded, ledger, content)

        stage = Rescoring(Turns(settings, room).turn, models.analyses_by, is_held)
        yield each(NAME, TrackRescoring, stage.handle)


run_rescore = partial(run, Processor(NAME, processes.RESCORE.reads[0], _open, WAITING))

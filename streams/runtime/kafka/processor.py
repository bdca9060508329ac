"""The frame of the event adapter: one topic in, a handler, its outputs out.

A processor is a ``Processor`` value; ``run`` is its whole process:

    open resources -> wait for the broker -> consume -> (signal or failure) -> drain -> close

Its handler (contract: ``handler``) gets single events, up to ``EARMARK_IN_FLIGHT`` at once, and
must not block the event loop.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from detector.errors import Fatal
from streams.contract import topics
from streams.runtime import logs, metrics, tracing
from streams.runtime.health import Health, serve
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.faust_worker import Worker
from streams.runtime.kafka.handler import Handler
from streams.runtime.kafka.handling import EventHandling
from streams.runtime.kafka.publisher import KafkaPublisher
from streams.runtime.processes import end_within
from streams.runtime.retry import RetryPolicy
from streams.runtime.settings import Settings

log = structlog.get_logger()

CONDITIONS = ("resources_open", "broker_reachable", "topics_exist", "partitions_assigned")
BEAT_S = 1.0
PROBE_INTERVAL_S = 5.0
# While events are in flight, a send that fails ends the worker after request_timeout_s.
# An idle worker sends nothing: this many of those without an answer to a probe end it.
UNREACHABLE_TIMEOUTS = 2.0
FAILURE_DRAIN_S = 3.0  # after a failure: other events may still end well
GRACE_S = 20.0  # beyond the drain; then the process ends at once


@dataclass(frozen=True)
class Processor:
    """What makes one processor different from another.

    ``open`` yields the handler. It is entered in the event loop before anything is consumed and
    left after the last event has ended; long work belongs in a thread. Where what it still loads
    after that fails, ``health.failure`` ends the process. ``waiting`` times as many events as
    ``EARMARK_IN_FLIGHT`` are in flight, where most of them only wait for others' servers.
    """

    name: str
    source: str
    open: Callable[[Settings, Health], AbstractAsyncContextManager[Handler]]
    waiting: int = 1


def run(processor: Processor, settings: Settings) -> int:
    """Run the processor until SIGTERM, SIGINT or a failure; return the exit code.

    0 after a signal; 1 after a failure, and the supervisor is expected to start it again.
    The process ends at most ``GRACE_S`` after the drain, even if threads of a library hang.
    """
    logs.configure(settings.log_level, processor=processor.name, pid=str(os.getpid()))
    tracing.configure(settings, processor.name)
    health = Health(*CONDITIONS)
    metrics.begin(processor.name)
    port = serve(health, settings.metrics_host, settings.metrics_port)
    log.info("processor_started", source=processor.source, brokers=settings.brokers, port=port)
    code = asyncio.run(_run(processor, settings, health))
    log.info("processor_stopped", code=code)
    return code


async def _run(processor: Processor, settings: Settings, health: Health) -> int:
    current = _Run(processor, settings, health)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, current.stop.set)
    beat = asyncio.create_task(current.beat())
    try:
        async with AsyncExitStack() as stack:
            await current.run(stack)
            return 0
    except Exception:
        log.exception("processor_failed")
        end_within(GRACE_S)
        return 1
    finally:
        beat.cancel()


class _Run:
    """One run of a processor's process."""

    def __init__(self, processor: Processor, settings: Settings, health: Health) -> None:
        self._processor, self._settings, self._health = processor, settings, health
        self._publisher = KafkaPublisher(settings, f"{settings.group_prefix}.{processor.name}")
        self._worker: Worker | None = None
        self.stop = asyncio.Event()

    async def run(self, stack: AsyncExitStack) -> None:
        """Open, consume, drain; what is on ``stack`` is closed after that.

        Raises:
            Exception: whatever must end the process as a failure.
        """
        processor, settings, health = self._processor, self._settings, self._health
        handler = await stack.enter_async_context(processor.open(settings, health))
        health.set("resources_open", True)
        stack.push_async_callback(self._publisher.stop)
        retry = RetryPolicy(processor.name, settings)  # as long as it takes: /ready shows for what
        if not await self._unless_stopped(retry.call_async(self._connect, forever=True)):
            end_within(GRACE_S)
            return
        datadir = stack.enter_context(tempfile.TemporaryDirectory(prefix="earmark-"))
        worker = Worker(
            *(processor.name, processor.source, settings, health, Path(datadir)),
            limit=settings.in_flight * processor.waiting,
        )
        worker.start(
            EventHandling(processor.name, handler, self._publisher, settings, worker.pause)
        )
        self._worker = worker
        probe = asyncio.create_task(self._probe(worker))
        await self._unless_stopped(worker.failed.wait())
        probe.cancel()
        health.set("partitions_assigned", False)
        failure = worker.failure  # what fails from here on only makes its events come again
        drain_s = settings.drain_s if failure is None else min(settings.drain_s, FAILURE_DRAIN_S)
        end_within(drain_s + GRACE_S)
        log.info("processor_stopping", drain_s=drain_s, failure=failure and repr(failure))
        await worker.stop(drain_s)
        if failure is not None:
            raise failure

    async def beat(self) -> None:
        """Show once a second that the event loop is not blocked; end what has been given up."""
        while True:
            self._health.beat()
            if self._worker is not None:
                if self._health.failure is not None:
                    await self._worker.fail(self._health.failure)
                await self._worker.observe()
            await asyncio.sleep(BEAT_S)

    async def _connect(self) -> None:
        if self._health.failure is not None:
            raise Fatal(str(self._health.failure)) from self._health.failure
        needed = {self._processor.source, topics.dead(self._processor.source)}
        try:
            await self._publisher.start()
            missing = sorted(needed - await self._publisher.topics())
        except Fatal:  # refused: no waiting changes a password
            raise
        except Exception as error:
            self._health.set("broker_reachable", False)
            raise BrokerAway(f"no answer from {self._settings.brokers}: {error!r}") from error
        self._health.set("broker_reachable", True)
        self._health.set("topics_exist", not missing)
        if missing:
            raise BrokerAway(f"these topics do not exist yet: {', '.join(missing)}")

    async def _probe(self, worker: Worker) -> None:
        """Ask now and then whether the broker is there; give up on a long outage."""
        longest_s = UNREACHABLE_TIMEOUTS * self._settings.request_timeout_s
        answered = time.monotonic()
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            try:
                await asyncio.wait_for(self._publisher.topics(), PROBE_INTERVAL_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer
                self._health.set("broker_reachable", False)
                silent_s = time.monotonic() - answered
                log.warning("broker_unreachable", silent_s=round(silent_s), error=repr(error))
                if silent_s > longest_s:
                    await worker.fail(BrokerAway(f"no answer for {silent_s:.0f} s"))
            else:
                answered = time.monotonic()
                self._health.set("broker_reachable", True)

    async def _unless_stopped(self, awaitable: Awaitable[object]) -> bool:
        """Wait for ``awaitable``, or for a signal; return whether it ended first."""
        work = asyncio.ensure_future(awaitable)
        stopped = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            return work.done()
        finally:
            for task in (work, stopped):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

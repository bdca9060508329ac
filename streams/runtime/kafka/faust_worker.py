"""The Faust side of a processor: one topic, raw bytes, events given to ``acks``.

Faust provides the consumer thread, the group and the rebalances, and nothing else. It has no
tables, no web server, creates no topics and serialises nothing. At a rebalance it does not wait for
events: the acker drains, with a limit. Its producer is unused: ``publisher`` sends.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import faust
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from detector.errors import Fatal
from streams.runtime.health import Health
from streams.runtime.kafka import rebalance_gate
from streams.runtime.kafka.acks import OrderedAcker, Partition, Work
from streams.runtime.kafka.fetch_wait import FetchWait
from streams.runtime.kafka.handling import paused
from streams.runtime.kafka.security import client_security, faust_credentials
from streams.runtime.patches import faust_consumer, record_batches, restarted_logs
from streams.runtime.settings import Settings

log = structlog.get_logger()

STOP_TIMEOUT_S = 10.0
COMMIT_INTERVAL_S = 0.5  # a killed worker repeats at most this, and what was in flight
QUEUE = (
    64  # events waiting between the consumer and the acker: small: a rebalance fetches them again
)
JOIN_TIMEOUT_FACTOR = 2.5  # of a rebalance; after that it is stuck


class WorkerCrashed(Fatal):
    """Faust's consumer, or what carries it, has failed or is stuck."""


class FaustAssignment:
    """The acker's view of Faust's consumer."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def generation(self) -> int:
        """See ``acks.Assignment``."""
        return int(self._app.consumer_generation_id)

    def committed(self, partition: Partition) -> int | None:
        """Return what Faust read at its last seek."""
        committed: int | None = self._app.consumer._committed_offset.get(partition)
        return committed

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit past Faust's own book-keeping, which a revocation empties first."""
        await self._app.consumer._commit_offsets(dict(offsets))

    async def offsets_from(self, partition: Partition, start: int) -> tuple[int, int]:
        """Read the log with a consumer of its own, outside the group."""
        at = TopicPartition(*partition)  # type: ignore[misc] # Faust's TP is such a tuple
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.brokers.split(","),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=self._settings.fetch_max_wait_ms,
            **client_security(self._settings),
        )
        await consumer.start()
        try:
            consumer.assign([at])
            begin = (await consumer.beginning_offsets([at]))[at]
            consumer.seek(at, start)
            record = await asyncio.wait_for(consumer.getone(), self._settings.request_timeout_s)
            return int(begin), int(record.offset)
        finally:
            await consumer.stop()


class Worker:
    """Consumes one topic in one consumer group and gives each event to ``work``.

    At most ``limit`` events are in flight. ``failed`` is set when the worker must end; ``failure``
    is the reason.
    """

    def __init__(
        self,
        processor: str,
        source: str,
        settings: Settings,
        health: Health,
        datadir: Path,
        *,
        limit: int,
    ) -> None:
        faust_consumer.install(settings.fetch_max_wait_ms, leave_groups=settings.leave_groups)
        record_batches.install_aiokafka()
        rebalance_gate.install(processor)
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self._processor = processor
        self._health = health
        self._source = source
        self._settings = settings
        self._app = _app(f"{settings.group_prefix}.{processor}", settings, datadir)
        self._acker = OrderedAcker(
            processor,
            FaustAssignment(self._app, settings),
            self.fail,
            limit=limit,
            drain_s=settings.drain_s,
        )
        restarted_logs.install(processor, self._acker.restarted)
        self._wait = FetchWait(settings.fetch_max_wait_ms, self._set_wait)
        self._starting: asyncio.Task[None] | None = None
        self._pausing: asyncio.Task[None] | None = None
        self._joining_since: float | None = time.monotonic()

    def start(self, work: Work) -> None:
        """Join the group and begin to work, in the background."""
        app = self._app
        raw = {"key_serializer": "raw", "value_serializer": "raw"}
        topic = app.topic(self._source, key_type=bytes, value_type=bytes, **raw)

        async def agent(stream: Any) -> None:
            await self._acker.run(self._marking_busy(stream.noack().events()), work)

        # One agent: the acker runs events side by side.
        app.agent(topic, name=f"{app.conf.id}.agent", concurrency=1)(agent)
        app.on_partitions_assigned.connect(self._on_assigned, weak=False)
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)
        self._starting = asyncio.create_task(self._run())

    async def fail(self, error: BaseException) -> None:
        """Note what must end the worker; the first reason counts."""
        if self.failure is None:
            self.failure = error
            self.failed.set()

    def pause(self, reason: str) -> None:
        """Begin no event for ``dead_letter_pause_s``; Faust fetches none once its queue is full."""
        if self._pausing is None or self._pausing.done():
            self._pausing = asyncio.create_task(self._pause(reason))

    async def _pause(self, reason: str) -> None:
        with paused(self._processor, self._health, reason):
            self._acker.pause(True)
            await asyncio.sleep(self._settings.dead_letter_pause_s)
        self._acker.pause(False)

    async def observe(self) -> None:
        """Set the gauges and check that the consumer works; call every second."""
        self._acker.observe()
        self._wait.update()
        since = self._joining_since
        limit_s = JOIN_TIMEOUT_FACTOR * self._app.conf.broker_rebalance_timeout
        if since is not None and time.monotonic() - since > limit_s:
            await self.fail(WorkerCrashed(f"no assignment from the group for {limit_s:.0f} s"))
        # An error of the group (a refused join, say) is kept for the next poll, and Faust
        # does not poll without partitions: it would wait for ever.
        error = getattr(getattr(self._consumer, "_coordinator", None), "_pending_exception", None)
        if error is not None:
            await self.fail(WorkerCrashed(f"the group failed: {error!r}"))

    @property
    def _consumer(self) -> Any:
        """aiokafka's consumer under Faust's; None before there is one."""
        return getattr(getattr(self._app._consumer, "_thread", None), "_consumer", None)

    async def _marking_busy(self, events: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for event in events:
            self._wait.busy()
            yield event

    def _set_wait(self, wait_ms: int) -> None:
        fetcher = getattr(self._consumer, "_fetcher", None)
        if fetcher is not None:
            fetcher._fetch_max_wait_ms = wait_ms  # read for each fetch

    async def stop(self, drain_s: float) -> None:
        """Drain for at most ``drain_s``, commit what is done, leave the group."""
        await self._acker.close(drain_s)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._app.stop()
        except Exception as error:  # noqa: BLE001 - everything that matters is committed
            log.warning("consumer_stop_failed", error=repr(error))
        if self._starting is not None:
            self._starting.cancel()

    async def _run(self) -> None:
        try:
            await self._app.start()
            await self._app.wait_until_stopped()
        except Exception as error:  # noqa: BLE001 - the processor ends with it
            await self.fail(error)
        await self.fail(self._app.crash_reason or WorkerCrashed("Faust stopped by itself"))

    async def _on_assigned(self, sender: Any, assigned: set[Any], **_: Any) -> None:
        self._acker.opened()
        self._joining_since = None
        self._health.set("partitions_assigned", True)
        log.info("partitions_assigned", partitions=sorted(tp.partition for tp in assigned))

    async def _on_revoked(self, sender: Any, revoked: set[Any], **_: Any) -> None:
        self._joining_since = time.monotonic()
        self._health.set("partitions_assigned", False)
        await self._acker.revoked()
        if revoked:
            log.info("partitions_revoked", partitions=sorted(tp.partition for tp in revoked))


def _app(group: str, settings: Settings, datadir: Path) -> Any:
    session = settings.session_timeout_s
    return faust.App(
        group,
        broker=[f"kafka://{server}" for server in settings.brokers.split(",")],
        broker_client_id=group,
        broker_credentials=faust_credentials(settings),
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        # A drain must end before the group stops waiting for this member.
        broker_rebalance_timeout=max(60.0, settings.drain_s + 30),
        broker_request_timeout=max(settings.request_timeout_s, session + 5),
        broker_commit_interval=COMMIT_INTERVAL_S,
        broker_max_poll_records=QUEUE,
        consumer_auto_offset_reset="earliest",
        producer_request_timeout=settings.request_timeout_s,
        processing_guarantee="at_least_once",
        stream_wait_empty=False,
        stream_buffer_maxsize=QUEUE,
        topic_disable_leader=True,
        table_standby_replicas=0,  # without tables and standbys Faust assigns round robin
        topic_allow_declare=False,
        store="memory://",
        datadir=datadir,
        web_enabled=False,
    )

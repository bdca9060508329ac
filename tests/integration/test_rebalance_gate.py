"""Provokes the rebalance race (see ``rebalance_gate``) on the embedded broker.

The seeks of one worker are stretched, and it has a backlog. Another member of its group
joins or leaves each time the worker has just received partitions. Three variants run side
by side. Without any protection events are lost for good. With the acker's guard alone the
worker stops in time. With the gate it goes on and nothing is lost.

A race is a matter of moments, and a busy machine can miss them: a variant that was not
provoked is tried again.
"""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.admin import KafkaAdminClient

from streams.ops.embedded_broker import EmbeddedBroker
from streams.ops.forking import Running
from streams.runtime.settings import Settings
from tests.support.forks import forks

pytestmark = pytest.mark.pipeline

EVENTS = 600
PARTITIONS = 2  # the worker must keep one of them when the other member comes
BOUNCES = 2
TRIES = 4
ASSIGNED_PATIENCE_S = 30
QUIET_S = 90  # no output for so long: nothing more comes
SHORT_QUIET_S = 5  # the same where that is what we expect


class NotProvoked(AssertionError):
    """The race did not happen, so nothing was shown."""


class Race:
    """One try of one variant: its worker, its topics, what came out."""

    def __init__(self, variant: str, number: int, bootstrap: str, folder: Path) -> None:
        self.variant = variant
        self.source = f"race.{variant}.{number}"
        self.target = f"{self.source}.out"
        self.log = folder / f"{variant}.{number}.log"
        self.settings = Settings(
            brokers=bootstrap, session_timeout_s=4, fetch_max_wait_ms=50, in_flight=4, drain_s=2
        )
        self.numbers: set[int] = set()

    @property
    def lost(self) -> set[int]:
        return set(range(EVENTS)) - self.numbers

    def lines(self, event: str) -> list[dict[str, Any]]:
        entries = (json.loads(line) for line in self.log.read_text().splitlines())
        return [line for line in entries if line.get("event") == event]

    @contextmanager
    def worker(self) -> Iterator[Running]:
        arguments = [self.variant, self.source, self.target]
        with self.log.open("wb") as log:
            environment = os.environ | self.settings.environment()
            process = forks().start("tests.support.race_worker", arguments, environment, log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def feed(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.brokers)
        await producer.start()
        for number in range(EVENTS):
            ping = {"track_id": "t", "number": number, "mode": "crawl"}
            value, partition = json.dumps(ping).encode(), number % PARTITIONS
            await producer.send(self.source, value, key=b"t", partition=partition)
        await producer.stop()

    async def bounce(self, worker: Running) -> None:
        await self._assigned(worker, 0)
        for _ in range(BOUNCES):
            other = AIOKafkaConsumer(
                self.source,
                group_id=f"{self.settings.group_prefix}.echo-{self.source}",
                bootstrap_servers=self.settings.brokers,
                partition_assignment_strategy=[RoundRobinPartitionAssignor],
                session_timeout_ms=4_000,
                heartbeat_interval_ms=500,
                enable_auto_commit=False,
            )
            for step in (other.start, other.stop):
                before = len(self.lines("partitions_assigned"))
                await step()
                await self._assigned(worker, before)

    async def _assigned(self, worker: Running, before: int) -> None:
        deadline = time.monotonic() + ASSIGNED_PATIENCE_S
        while len(self.lines("partitions_assigned")) == before and worker.poll() is None:
            assert time.monotonic() < deadline, self.log.read_text()
            await asyncio.sleep(0.1)

    async def collect(self, worker: Running, quiet_s: float = QUIET_S) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.brokers,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        await consumer.start()
        consumer.assign([TopicPartition(self.target, number) for number in range(PARTITIONS)])
        last_event = time.monotonic()
        while self.lost and time.monotonic() < last_event + quiet_s and worker.poll() is None:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                self.numbers |= {json.loads(record.value)["number"] for record in records}
                last_event = time.monotonic()
        await consumer.stop()

    async def run(self, quiet_s: float = QUIET_S) -> None:
        await self.feed()
        with self.worker() as worker:
            await self.bounce(worker)
            await self.collect(worker, quiet_s)


async def _full(race: Race) -> None:
    await race.run()
    assert not race.lost, race.log.read_text()[-4_000:]
    if not race.lines("resume_refused"):
        raise NotProvoked("nothing was resumed too late")


async def _guard(race: Race) -> None:
    await race.feed()
    with race.worker() as worker:
        await race.bounce(worker)
        try:
            code = await asyncio.to_thread(worker.wait, 30)
        except subprocess.TimeoutExpired as error:
            raise NotProvoked("the worker found no hole") from error
    assert code == 1
    assert race.lines("records_lost")
    with race.worker() as worker:
        await race.collect(worker)
    assert not race.lost, race.log.read_text()[-4_000:]


async def _bare(race: Race) -> None:
    await race.run(SHORT_QUIET_S)
    if not race.lost:
        raise NotProvoked("nothing was lost without protection")


Check = Callable[[Race], Awaitable[None]]


async def _tried(variant: str, check: Check, bootstrap: str, folder: Path) -> None:
    for number in range(TRIES):
        race = Race(variant, number, bootstrap, folder)
        await asyncio.to_thread(_create, bootstrap, race)
        try:
            await check(race)
        except NotProvoked:
            if number == TRIES - 1:
                raise
        else:
            return


def _create(bootstrap: str, race: Race) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    for topic in (race.source, race.target, f"{race.source}.dead"):
        admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    admin.close()


def test_the_gate_prevents_and_the_guard_catches_what_faust_loses(tmp_path: Path) -> None:
    checks: dict[str, Check] = {"full": _full, "guard": _guard, "bare": _bare}

    async def all_variants(bootstrap: str) -> None:
        await asyncio.gather(
            *(_tried(name, check, bootstrap, tmp_path) for name, check in checks.items())
        )

    with EmbeddedBroker() as broker:
        asyncio.run(all_variants(broker.bootstrap))

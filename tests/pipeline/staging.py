"""Stages that echo: their processes, their topics, and what is sent through them."""

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.ops.forking import Running
from streams.runtime.settings import Settings
from tests.support.forks import forks

Message = tuple[bytes | None, bytes | None]


@dataclass
class Process:
    """One echo processor."""

    popen: Running
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it logged under this name; every line must be JSON."""
        answer = [json.loads(line) for line in self.log.read_bytes().split(b"\n")[:-1]]
        return [line for line in answer if line.get("event") == event]

    def wait_for(self, event: str, patience_s: float = 90) -> dict[str, Any]:
        wait_until(lambda: self.lines(event) or self.popen.poll() is not None, patience_s)
        assert self.lines(event), self.log.read_text()
        return self.lines(event)[-1]

    def ready(self) -> dict[str, Any]:
        port = self.wait_for("processor_started")["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def end(self, number: int = signal.SIGTERM, patience_s: float = 20) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(patience_s)


@dataclass
class Stage:
    """A source topic, a target topic, and the processes between them."""

    name: str
    settings: Settings
    folder: Path
    processes: list[Process] = field(default_factory=list)

    @property
    def source(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        return f"{self.name}.out"

    def start(self, **changes: Any) -> Process:
        log = self.folder / f"{len(self.processes)}.log"
        settings = self.settings.model_copy(update=changes)
        with log.open("wb") as stderr:
            popen = forks().start(
                "tests.pipeline.echo",
                [self.source, self.target],
                os.environ | settings.environment(),
                stderr,
            )
        self.processes.append(Process(popen, log))
        return self.processes[-1]

    def send(self, messages: Sequence[Message], headers: Sequence[tuple[str, bytes]] = ()) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.settings.brokers, max_request_size=4_000_000
        )
        sent = [
            producer.send(self.source, key=key, value=value, headers=list(headers))
            for key, value in messages
        ]
        for result in sent:
            result.get(20)
        producer.close()

    def send_nothing(self) -> None:
        """Send a message without key and value, which clients refuse to send."""

        async def send() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.settings.brokers)
            await producer.start()
            batch = producer.create_batch()
            batch.append(key=None, value=None, timestamp=None)
            await (await producer.send_batch(batch, self.source, partition=0))
            await producer.stop()

        asyncio.run(send())

    def read(self, topic: str, enough: Callable[[list[Any]], bool], patience_s: float) -> list[Any]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.brokers,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        there = consumer.partitions_for_topic(topic)
        consumer.assign([TopicPartition(topic, number) for number in there])
        records: list[Any] = []
        deadline = time.monotonic() + patience_s
        while not enough(records) and time.monotonic() < deadline:
            for batch in consumer.poll(timeout_ms=200).values():
                records += batch
        consumer.close()
        return records


def wait_until(holds: Callable[[], object], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ping(number: int, mode: str = "good") -> Message:
    track = f"t{number % 40}"
    value = {"track_id": track, "number": number, "mode": mode}
    return track.encode(), json.dumps(value).encode()


def seconds_between(first: dict[str, Any], second: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(line["timestamp"]) for line in (first, second))
    return (end - start).total_seconds()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def numbers(stage: Stage, count: int, patience_s: float = 120) -> set[int]:
    """Return the numbers that come out, once there are so many."""
    names: set[int] = set()

    def enough(records: list[Any]) -> bool:
        names.update(json.loads(record.value)["number"] for record in records)
        return len(names) >= count

    stage.read(stage.target, enough, patience_s)
    return names

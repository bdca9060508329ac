"""Uploads whose servers do not answer end, and the others do not wait for them: real servers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.contract import topics
from streams.contract.dead_letters import REASON
from streams.contract.output import Outgoing
from streams.contract.records import UploadReceived
from streams.media.fetch import Fetcher
from streams.media.fetch_http import Http
from streams.media.senders import FairSlots, Senders
from streams.runtime import metrics
from streams.runtime.kafka.acks import OrderedAcker
from streams.runtime.kafka.handler import each
from streams.runtime.kafka.handling import EventHandling, RecordTooLarge
from streams.runtime.settings import Settings
from streams.stages.fingerprint import NAME, WAITING, Fingerprinting
from tests.support.events import fingerprinted, received
from tests.unit.streams.media.test_fetch_http import PUBLIC, Handler, only_public, server

SLOTS = 5
GOOD, BAD = 600, 100
SETTINGS = Settings(retry_base_s=0.1, retry_cap_s=1.0)  # six attempts, as by default


@dataclass
class Broker:
    """The consumer's assignment and the producer."""

    expected: int
    ended: dict[str, tuple[str, float]] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    failures: list[BaseException] = field(default_factory=list)

    def generation(self) -> int:
        return 1

    def committed(self, partition: Any) -> int | None:
        return None

    async def commit(self, offsets: Mapping[Any, int]) -> None: ...

    async def offsets_from(self, partition: Any, start: int) -> tuple[int, int]:
        return 0, start

    async def stop(self, error: BaseException) -> None:
        self.failures.append(error)
        self.over.set()

    async def publish(self, messages: Sequence[Outgoing]) -> list[RecordTooLarge | None]:
        for message in messages:
            reason = dict(message.headers).get(REASON, b"fingerprinted").decode()
            self.ended[(message.key or b"").decode()] = reason, time.monotonic()
        if len(self.ended) == self.expected:
            self.over.set()
        return [None for _ in messages]


async def run(events: Sequence[UploadReceived], folder: Path) -> Broker:
    """Give uploads of one partition to the stage, as its process does."""

    async def decoded(path: Path, sha256: str, distributor: str) -> Any:
        done = fingerprinted()
        facts = SimpleNamespace(
            audio=done.audio, fingerprint=done.fingerprint, observation=done.observation
        )
        return SimpleNamespace(facts=vars(facts), acoustics=None, provenance=None)

    fetcher = Fetcher(
        *(frozenset({"http"}), (), 10_000, 2.0),
        Http(2.0, lambda host, port: [PUBLIC], only_public),
    )
    broker = Broker(len(events))
    with ThreadPoolExecutor(SLOTS + 2) as threads:
        stage = Fingerprinting(
            fetcher,
            cast(Any, SimpleNamespace(decode_and_store=decoded)),
            cast(Any, SimpleNamespace(all=dict)),
            *(threads, folder, FairSlots(SLOTS, spare=1), Senders(SLOTS, 2.0)),
        )
        handling = EventHandling(NAME, each(NAME, UploadReceived, stage.handle), broker, SETTINGS)
        limit = SETTINGS.in_flight * WAITING
        acker = OrderedAcker(NAME, broker, broker.stop, limit=limit, drain_s=1)
        acker.opened()

        async def deliveries() -> AsyncIterator[Any]:
            for offset, event in enumerate(events):
                message = SimpleNamespace(
                    **{"tp": (topics.UPLOADED, 0), "topic": topics.UPLOADED, "partition": 0},
                    **{"offset": offset, "generation_id": 1, "headers": (), "timestamp": 0},
                    **{"key": event.key.encode(), "value": event.to_bytes()},
                )
                yield SimpleNamespace(message=message, ack=lambda: True)

        await acker.run(deliveries(), handling)
        await broker.over.wait()
        await acker.close(1)
    return broker


def uploads(bad: Callable[[int], str], good: str) -> list[UploadReceived]:
    """Ordinary uploads of one server, every seventh replaced by a bad one."""
    step = (GOOD + BAD) // BAD
    return [
        received(f"T-{number}", uri=good if number % step else bad(number // step))
        for number in range(GOOD + BAD)
    ]


@pytest.mark.parametrize("many", [False, True], ids=["few hosts", "a host for each"])
def test_six_hundred_pass_while_a_hundred_do_not_answer(many: bool, tmp_path: Path) -> None:
    Handler.asked = []
    before = sum(one.value for one in samples())
    with server(PUBLIC) as port, socket.socket() as closed:
        closed.bind((PUBLIC, 0))

        def bad(number: int) -> str:
            kind = ("busy", "trickling", "refuses")[number % 3]
            at = closed.getsockname()[1] if kind == "refuses" else port
            return f"http://{kind}{number if many else ''}.example:{at}/{kind}"

        events = uploads(bad, f"http://music.example:{port}/a.wav")
        begun = time.monotonic()
        broker = asyncio.run(run(events, tmp_path))
    assert broker.failures == []
    good = [broker.ended[event.key] for event in events if "music" in event.upload.uri]
    dead = [broker.ended[event.key] for event in events if "music" not in event.upload.uri]
    assert {reason for reason, _ in good} == {"fingerprinted"}
    assert {reason for reason, _ in dead} == {"unreachable"}
    assert (
        max(at for _, at in good) - begun < 45
    )  # all together take over 70 s where each waits for the others
    assert sum(one.value for one in samples()) - before == len(dead)


def samples() -> list[Any]:
    (family,) = metrics.UNREACHABLE.collect()
    return [one for one in family.samples if one.name.endswith("_total")]

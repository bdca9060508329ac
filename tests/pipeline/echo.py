"""The smallest processor: it publishes what it receives, and fails on request.

``python -m tests.pipeline.echo SOURCE TARGET``, with ``EARMARK_*`` around it.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from detector.errors import BadInput, Fatal, Transient
from streams.contract.output import Output
from streams.contract.records import Record, stable_id
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings


class Ping(Record):
    track_id: str
    number: int
    mode: str = "good"

    @property
    def upload_id(self) -> str:
        return stable_id("upl", self.track_id, str(self.number))


class Echo(Record):
    echo_id: str
    track_id: str
    number: int
    padding: str = ""


def echo(target: str) -> Handler:
    tries: Counter[str] = Counter()

    async def handle(ping: Ping) -> Sequence[Output]:
        tries[ping.upload_id] += 1
        match ping.mode:
            case "bad":
                raise BadInput("told_to", "told to be bad")
            case "bug":
                raise ZeroDivisionError("told to have a bug")
            case "flaky" if tries[ping.upload_id] <= 2:
                raise Transient("told to be flaky")
            case "away":
                raise Transient("told to be away for good")
            case "fatal":
                raise Fatal("told to stop")
            case "crawl":
                await asyncio.sleep(0.05)
            case "slow":
                await asyncio.sleep(1.0)
            case "stuck":
                await asyncio.sleep(3_600)
        padding = "x" * 950_000 if ping.mode == "huge" else ""
        echo_id = stable_id("ech", ping.upload_id)
        answer = Echo(echo_id=echo_id, track_id=ping.track_id, number=ping.number, padding=padding)
        if ping.mode == "pair":
            return [
                Output(target, answer),
                Output(target, answer.model_copy(update={"padding": "x" * 9_000})),
            ]
        return [Output(target, answer)]

    return each("echo", Ping, handle)


def processor(source: str, target: str) -> Processor:
    @asynccontextmanager
    async def opened(settings: Settings, health: Health) -> AsyncIterator[Handler]:
        yield echo(target)

    return Processor(f"echo-{source}", source, opened)


if __name__ == "__main__":
    sys.exit(run(processor(sys.argv[1], sys.argv[2]), Settings.from_env()))

"""Follow uploads to their end: a decision, or a dead letter on any topic."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from kafka import TopicPartition

from streams.contract import dead_letters, topics
from streams.contract.records import InvalidRecord, TrackDecided, parse
from streams.runtime.kafka.clients import open_reader
from streams.runtime.kafka.fetch_wait import FetchWait
from streams.runtime.settings import Settings


@dataclass(frozen=True)
class Ended:
    """How one upload ended, and when (seconds since the epoch, by the broker's record)."""

    upload_id: str
    at: float
    end: TrackDecided | dead_letters.DeadLetter

    def seconds_after(self, sent_at: float | None) -> float | None:
        """Return how long it took; None: not known, or it had ended before it was sent again."""
        return None if sent_at is None or self.at < sent_at else self.at - sent_at

    @property
    def decision(self) -> TrackDecided | None:
        """The decision, unless it ended as a dead letter."""
        return self.end if isinstance(self.end, TrackDecided) else None

    @property
    def outcome(self) -> str:
        """The detector's outcome, or ``dead letter``."""
        return self.decision.analysis.outcome.value if self.decision else "dead letter"


class Watcher:
    """Reads decisions and dead letters from its creation on; outside of any consumer group."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = open_reader(settings)
        self._wait = FetchWait(settings.fetch_max_wait_ms, self._set_wait)
        partitions = [
            TopicPartition(topic, number)
            for topic in (topics.DECIDED, *topics.DEAD)
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        self._consumer.assign(partitions)
        # Tansu's end offset may lie a batch too low, never too high: old ends are ignored anyway
        ends = self._consumer.end_offsets(partitions)
        for partition in partitions:
            self._consumer.seek(partition, max(0, ends[partition] - 1))

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def poll(self, timeout_s: float) -> Iterator[Ended]:
        """Yield what has ended; wait up to ``timeout_s`` for the first."""
        polled = self._consumer.poll(timeout_ms=int(timeout_s * 1_000))
        if polled:
            self._wait.busy()
        else:
            self._wait.update()
        yield from filter(None, map(_read, itertools.chain(*polled.values())))

    def _set_wait(self, wait_ms: int) -> None:
        self._consumer._fetcher.config["fetch_max_wait_ms"] = wait_ms  # read for each fetch


def _read(message: Any) -> Ended | None:
    at = message.timestamp / 1_000 if message.timestamp else time.time()
    if message.topic == topics.DECIDED:
        try:
            decision = parse(TrackDecided, message.value)
        except InvalidRecord:
            return None  # the ledger's matter
        return Ended(decision.upload_id, at, decision)
    letter = dead_letters.read(message.topic, message.key, message.value, message.headers or ())
    try:
        upload_id = orjson.loads(message.value or b"")["upload_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None  # its bytes are not readable enough
    return Ended(upload_id, at, letter) if isinstance(upload_id, str) else None

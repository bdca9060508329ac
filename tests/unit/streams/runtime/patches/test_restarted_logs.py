"""Records below what Faust read last are a new log's; ``test_expired_offsets`` plays a real one."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.runtime import metrics
from streams.runtime.patches import restarted_logs

PARTITION = TP("tracks.uploaded", 0)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[TP, list[Any]]]:
    """What the client fetches next."""
    records: dict[TP, list[Any]] = {}

    async def getmany(self: Any, *arguments: Any, **options: Any) -> Any:
        return records

    monkeypatch.setattr(restarted_logs, "_getmany", getmany)
    yield records
    restarted_logs.remove()


@pytest.mark.usefixtures("unpatched")
@pytest.mark.parametrize(
    ("read", "first", "anew"),
    [(None, 0, False), (12, 12, False), (12, 30, False), (12, 0, True), (12, 11, True)],
)
def test_offsets_of_the_former_log_are_forgotten(
    fetched: dict[TP, list[Any]], read: int | None, first: int, anew: bool
) -> None:
    consumer = SimpleNamespace(
        _read_offset=defaultdict(lambda: None, {PARTITION: read}),
        _committed_offset=defaultdict(lambda: None, {PARTITION: read}),
        _acked={PARTITION: [14]},
        _acked_index={PARTITION: {14}},
        _gap={PARTITION: "12-13"},
    )
    restarted: list[TP] = []
    before = metrics.LOGS_RESTARTED.labels("unit")._value.get()
    restarted_logs.install("unit", restarted.append)
    fetched[PARTITION] = [SimpleNamespace(offset=first)]
    thread: Any = SimpleNamespace(consumer=consumer)
    records = asyncio.run(AIOKafkaConsumerThread.getmany(thread, None, 1.0))
    assert records == fetched
    assert restarted == [PARTITION] * anew
    assert metrics.LOGS_RESTARTED.labels("unit")._value.get() == before + anew
    assert consumer._read_offset[PARTITION] == (None if anew else read)
    assert consumer._committed_offset[PARTITION] == (None if anew else read)
    assert bool(consumer._acked) is bool(consumer._acked_index) is bool(consumer._gap) is not anew

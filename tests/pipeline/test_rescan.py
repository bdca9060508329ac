"""A rescan waits: it sends nothing while the pipeline has new uploads to do."""

import threading
import time
from collections.abc import Iterator

import orjson
import pytest
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from rich.console import Console

from streams.contract import topics
from streams.contract.records import Upload
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.inputs import Skipped
from streams.ops.submit import rescan
from streams.ops.up import Named
from streams.runtime.kafka.clients import open_producer, open_reader
from streams.runtime.kafka.offsets import behind
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook

pytestmark = pytest.mark.pipeline


@pytest.fixture
def settings() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        settings = Settings(
            brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50, partitions=2
        )
        ensure_topics(settings)
        yield settings


def upload(name: str) -> Upload:
    return Upload(track_id=name, uri=f"file:///{name}.wav")


def sent(settings: Settings) -> list[str]:
    """Return the tracks that lie on the topic of uploads."""
    reader = open_reader(settings)
    partitions = [TopicPartition(topics.UPLOADED, number) for number in range(2)]
    reader.assign(partitions)
    reader.seek_to_beginning()
    result: list[str] = []
    quiet = 0
    while quiet < 3:
        polled = [one for some in reader.poll(200).values() for one in some]
        result += [one.key.decode() for one in polled]
        quiet = 0 if polled else quiet + 1
    reader.close()
    return result


def done_by_fingerprint(settings: Settings) -> None:
    """Commit all that lies there, as the processor does when it has its outputs."""
    consumer = KafkaConsumer(
        bootstrap_servers=settings.brokers,
        group_id=f"{settings.group_prefix}.fingerprint",
        enable_auto_commit=False,
    )
    partitions = [TopicPartition(topics.UPLOADED, number) for number in range(2)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    consumer.commit({one: OffsetAndMetadata(ends[one], "", -1) for one in partitions})
    consumer.close()


def die(settings: Settings, upload_id: str) -> None:
    """Say that an upload could not be processed, which is an end of it."""
    with open_producer(settings, "test") as producer:
        value = orjson.dumps({"upload_id": upload_id})
        producer.send(topics.dead(topics.UPLOADED), value=value, key=b"old").get(20)


def test_nothing_is_sent_while_another_upload_waits(settings: Settings) -> None:
    items: list[Named | Skipped] = [("old", upload("old-1")), ("old", upload("old-2"))]
    results: list[int] = []

    def run() -> None:
        results.append(rescan(settings, items, at_once=1, console=Console(quiet=True)))

    def until_sent(*tracks: str) -> None:
        deadline = time.monotonic() + 20
        while sorted(sent(settings)) != sorted(tracks):
            assert time.monotonic() < deadline

    with IngestHook(settings) as hook, open_admin(settings) as admin:
        assert behind(admin, settings, "fingerprint") == 0
        hook.submit(upload("new"))
        assert behind(admin, settings, "fingerprint") == 1
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        time.sleep(1.5)
        assert sent(settings) == ["new"]
        done_by_fingerprint(settings)
        until_sent("new", "old-1")
        assert behind(admin, settings, "fingerprint") == 1
        # the next waits for the end of the one under way
        time.sleep(1.5)
        assert sorted(sent(settings)) == ["new", "old-1"]
        done_by_fingerprint(settings)
        die(settings, upload("old-1").upload_id)
        until_sent("new", "old-1", "old-2")
        assert thread.is_alive(), "the last has not ended"
        die(settings, upload("old-2").upload_id)
        thread.join(20)
    assert results == [0]

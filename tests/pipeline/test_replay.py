"""A file that is missing, then is there: dead letter, replay, one decision; and again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kafka import TopicPartition
from typer.testing import CliRunner

from detector.errors import Transient
from streams.cli import main
from streams.contract import dead_letters, topics
from streams.contract.records import Upload, stable_id
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Supervisor
from streams.runtime.kafka.clients import open_producer, open_reader
from streams.runtime.settings import Settings
from streams.stages.ingest import IngestHook
from streams.store import dead_letter_store
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetter, DeadLetterFilter
from streams.store.queries import counts, decision
from tests.support.audio import write_wav
from tests.support.forks import forks

pytestmark = pytest.mark.pipeline


def eventually(results: Callable[[], Any], patience_s: float = 60) -> Any:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if result := results():
                return result
        except Transient:  # the ledger's writer holds it
            pass
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def messages_on(settings: Settings, topic: str, count: int) -> list[Any]:
    """The first ``count`` messages of a topic."""
    reader = open_reader(settings)
    reader.assign([TopicPartition(topic, n) for n in reader.partitions_for_topic(topic) or ()])
    result: list[Any] = []
    deadline = time.monotonic() + 60
    while len(result) < count and time.monotonic() < deadline:
        result += [one for some in reader.poll(timeout_ms=200).values() for one in some]
    reader.close()
    return result


def test_a_replay_is_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as broker:
        settings = Settings(
            brokers=broker.bootstrap,
            session_timeout_s=6,
            fetch_max_wait_ms=50,
            file_roots=str(tmp_path),
            store=f"file://{tmp_path}/artefacts",
            index=f"file://{tmp_path}/index",
            ledger=f"sqlite:///{tmp_path}/ledger.db",
            decode_workers=1,
        )
        ensure_topics(settings)
        for name, value in settings.environment().items():
            monkeypatch.setenv(name, value)
        workers = ["fingerprint", "classify", "decide", "ledger"]
        with Supervisor(workers, settings, tmp_path / "logs", forks()) as supervisor:
            assert supervisor.wait_ready(120) == []
            the_story(settings, tmp_path)


def the_story(settings: Settings, folder: Path) -> None:
    ledger = Ledger.open(settings.ledger)
    uri = (folder / "late.wav").as_uri()
    track_id = stable_id("trk", uri)

    def with_status(status: str) -> list[DeadLetter]:
        return dead_letter_store.find(ledger, DeadLetterFilter(track_id=track_id, status=status))

    with IngestHook(settings) as hook:
        upload_id = hook.submit(Upload(track_id=track_id, uri=uri)).upload_id
    (first,) = eventually(lambda: with_status("open"))
    assert (first.reason, first.upload_id) == ("missing_file", upload_id)

    dlq("replay", "--reason", "missing_file")  # too early: it dies once more
    (second,) = eventually(lambda: with_status("open"))
    assert second.attempts == 1
    assert dict(second.headers)[dead_letters.REPLAY_OF].decode() == first.dead_letter_id
    assert (second.key, second.value) == (first.key, first.value)

    noise = np.random.default_rng(1).normal(0, 0.1, (1, 44_100 * 6)).astype(np.float32)
    write_wav(folder / "late.wav", noise)
    dlq("replay", "--reason", "missing_file", "--since", "1h")
    decided = eventually(lambda: decision(ledger, upload_id=upload_id))
    assert with_status("open") == []

    dlq("replay", second.dead_letter_id)
    messages = messages_on(settings, topics.DECIDED, 2)
    assert [dict(one.headers)[dead_letters.REPLAY_ATTEMPT] for one in messages] == [b"2", b"3"]
    assert {one.value for one in messages} == {decided.to_bytes()}
    # In the same partition and behind both: once the ledger refuses this, it has read them.
    producer = open_producer(settings, "test")
    producer.send(topics.DECIDED, key=track_id.encode(), value=b"no decision").get(20)
    producer.close()
    (refused,) = eventually(lambda: with_status("open"))
    assert (refused.processor, refused.reason) == ("ledger", "invalid_record")
    assert counts(ledger)["decisions"] == 1
    assert counts(ledger)["uploads"] == 1


def dlq(*words: str) -> None:
    done = CliRunner().invoke(main.app, ["dead-letters", *words])
    assert done.exit_code == 0, done.output
    assert "1 replayed, 0 not" in done.output

"""The ledger out of the topics of a real broker."""

import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer
from sqlalchemy import select
from typer.testing import CliRunner, Result

from streams.cli.ledger import app
from streams.contract import topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.kafka.clients import open_consumer, open_producer
from streams.runtime.settings import Settings
from streams.services import ledger_rebuild
from streams.services.ledger_verification import faults
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.tables import METADATA
from tests.support.ledger_rows import whole_story

pytestmark = pytest.mark.pipeline

OF_THE_BROKER = ("recorded_at", "opened_at", "dead_letter_id")  # its time, its place


def rows(ledger: Ledger) -> dict[str, list[str]]:
    """Return all that came of topics, but for when and where the broker took it."""
    contents = {}
    with ledger.reading() as connection:
        for table in METADATA.sorted_tables:
            if not table.info.get("people") or table.name == "task_states":
                columns = [one for one in table.c if one.name not in OF_THE_BROKER]
                contents[table.name] = sorted(map(repr, connection.execute(select(*columns)).all()))
    return contents


def test_a_lost_ledger_comes_back_out_of_the_topics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = whole_story()
    before = Ledger.open(f"sqlite:///{tmp_path}/before.db")
    project(before, messages)
    with EmbeddedBroker(log_file=tmp_path / "broker.log") as broker:
        settings = Settings(brokers=broker.bootstrap)
        ensure_topics(settings)
        producer = open_producer(settings, "test")
        for message in messages:
            producer.send(message.topic, message.value, message.key, headers=list(message.headers))
        producer.send(topics.DECIDED, b"no record", b"T-1")
        producer.flush(30)
        producer.close()
        url = f"sqlite:///{tmp_path}/after.db"
        monkeypatch.setenv("EARMARK_LEDGER", url)
        monkeypatch.setenv("EARMARK_BROKERS", broker.bootstrap)
        state = ["--state", str(tmp_path / "state")]
        first = CliRunner().invoke(app, ["rebuild", *state])
        again = CliRunner().invoke(app, ["rebuild", *state])
    assert first.exit_code == 0, first.output
    assert "1 messages could not be read and were passed over" in first.output
    after = Ledger.open(url)
    assert rows(after) == rows(before)
    assert list(faults(after)) == []
    assert "0 rows added" in again.output, again.output


def test_the_last_batch_of_a_topic_is_read_whole(
    tmp_path: Path, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker's own end of a topic lies after the first record of that batch."""
    monkeypatch.setattr(ledger_rebuild, "BATCH", 1)
    settings = Settings(brokers=broker.bootstrap)
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=100)) as producer:
        for _ in range(3):
            producer.send(topics.CREDITS_DERIVED, b"no record", b"T-1")
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    assert ledger_rebuild.rebuild(ledger, settings) == (Counter(), 3)


def test_it_is_refused_while_a_process_decides_by_the_ledger(
    tmp_path: Path, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("EARMARK_BROKERS", broker.bootstrap)

    state = ["--state", str(tmp_path / "state")]
    export = tmp_path / "ledger.jsonl"
    assert CliRunner().invoke(app, ["export", str(export), *state]).exit_code == 0

    def rebuilt(*source: str) -> Result:
        return CliRunner().invoke(app, ["rebuild", *source, *state])

    settings = Settings(brokers=broker.bootstrap, session_timeout_s=6, fetch_max_wait_ms=50)
    with closing(open_consumer(settings, "redecide", [topics.DECIDED])) as consumer:
        deadline = time.monotonic() + 150  # as in test_offsets
        while not consumer.assignment():
            consumer.poll(timeout_ms=200)
            assert time.monotonic() < deadline, "no assignment"
        for refused in (rebuilt(), rebuilt("--from", str(export))):
            assert refused.exit_code != 0
            assert "stop decide and redecide" in f"{refused.output}{refused.exception}"
    while (allowed := rebuilt()).exit_code:  # until the broker has seen it leave
        assert time.monotonic() < deadline, allowed.output
    assert "rows added" in allowed.output
    restored = rebuilt("--from", str(export))
    assert "rows added" in restored.output, f"{restored.output}{restored.exception}"

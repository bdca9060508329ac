"""``earmark topics skip`` moves processes past one record, on the embedded broker."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract import dead_letters, topics
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.runtime.kafka.clients import open_consumer, open_producer, open_reader, poll
from streams.runtime.kafka.offsets import Move, position, rewind
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.store import audit
from streams.store.database import Ledger
from tests.unit.streams.runtime.patches.test_record_batches import RawKey, built, edited

pytestmark = pytest.mark.pipeline

FIRST = f"{topics.UPLOADED}/0/0"
VALUE = b"\xffpoison"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        settings = Settings(
            brokers=broker.bootstrap,
            session_timeout_s=6,
            fetch_max_wait_ms=50,
            partitions=1,
            ledger=f"sqlite:///{tmp_path}/ledger.db",
        )
        ensure_topics(settings)
        with open_producer(settings, "test") as producer:
            for value in (VALUE, b"second"):
                headers = [(RawKey(), b"1")]
                producer.send(topics.UPLOADED, key=b"T", value=value, headers=headers).get(20)
        yield settings


def test_a_batch_that_no_client_can_read_is_passed_over(settings: Settings) -> None:
    batch = bytearray(edited(built(b"a", b"b", b"c"), crc=7))
    with (
        mock.patch.object(DefaultRecordBatchBuilder, "build", return_value=batch),
        open_producer(settings, "test") as producer,
    ):
        assert producer.send(topics.UPLOADED, key=b"T", value=b"lost").get(20).offset == 2
    with open_admin(settings) as admin:
        rewind(admin, "earmark.fingerprint", [Move(topics.UPLOADED, 0, 0, 2, 5)])
    arguments = ["topics", "skip", f"{topics.UPLOADED}/0/2", "--why", "it stops us", "--by", "ada"]
    arguments += ["--process", "fingerprint"]
    run = CliRunner().invoke(app, arguments, env=settings.environment())
    assert run.output == f"fingerprint is moved past {topics.UPLOADED}/0/2\n"
    with open_admin(settings) as admin:
        assert position(admin, "earmark.fingerprint", topics.UPLOADED, 0) == 5
    reader = open_reader(settings, topics.dead(topics.UPLOADED))
    while not (buried := poll(reader, 200, 10)):
        pass
    reader.close()
    letter = dead_letters.read(topics.UPLOADED, None, buried[0].value, buried[0].headers)
    assert (letter.origin, letter.reason, letter.omitted) == (
        *(f"{topics.UPLOADED}/0/4", "skipped", True),
    )


def test_a_record_is_passed_over_and_kept(settings: Settings) -> None:
    def skip(place: str, *options: str) -> str:
        arguments = ["topics", "skip", place, *options]
        run = CliRunner().invoke(app, arguments, env=settings.environment())
        return run.output or str(run.exception)

    why = ("--why", "it stops us", "--by", "ada")
    assert "is no TOPIC/PARTITION/OFFSET" in skip("tracks.uploaded/0", *why)
    assert "fingerprint stands at 0" in skip(f"{topics.UPLOADED}/0/1", *why)
    member = open_consumer(settings, "fingerprint", [topics.UPLOADED])
    while not (batch := poll(member, 200, 10)):
        pass
    assert [message.value for message in batch] == [VALUE, b"second"]
    assert "fingerprint has members" in skip(FIRST, *why)
    member.close(autocommit=False)

    assert f"fingerprint would be moved past {FIRST}" in skip(FIRST, *why, "--dry-run")
    printed = skip(FIRST, *why, "--process", "fingerprint")
    assert printed == f"fingerprint is moved past {FIRST}\n"
    assert "fingerprint stands at 1" in skip(FIRST, *why, "--process", "fingerprint")

    reader = open_reader(settings, topics.dead(topics.UPLOADED))
    while not (buried := poll(reader, 200, 10)):
        pass
    reader.close()
    (message,) = buried
    letter = dead_letters.read(message.topic, message.key, message.value, message.headers)
    assert (letter.value, letter.key, letter.origin) == (VALUE, b"T", FIRST)
    assert (letter.processor, letter.reason, letter.detail) == (
        *("fingerprint", "skipped", "ada: it stops us"),
    )
    ledger = Ledger.open(settings.ledger)
    (entry,) = audit.listed(ledger, FIRST, None, 10).rows
    assert (entry["actor"], entry["action"]) == ("ada", "record_skipped")
    ledger.close()

    member = open_consumer(settings, "fingerprint", [topics.UPLOADED])
    while not (batch := poll(member, 200, 10)):
        pass
    assert [message.value for message in batch] == [b"second"]
    member.close(autocommit=False)

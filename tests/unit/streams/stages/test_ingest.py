"""Answers of the hook about each upload, with and without a broker that takes it."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from detector.errors import BadInput, Transient
from streams.contract import topics
from streams.contract.records import Contributor, UploadReceived, parse
from streams.runtime.settings import Settings
from streams.services.upload_inputs import (
    RefusedUpload,
    upload_from_file,
)
from streams.stages import ingest
from streams.stages.ingest import DeliveryFailed, IngestHook
from tests.support.events import UPLOADED_AT, upload


class Sent:
    """A producer's future that is over."""

    partition, offset = 1, 7

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def get(self, timeout: float) -> "Sent":
        if self.error:
            raise self.error
        return self


class Producer:
    """Takes everything but what is about track ``away``, ``late`` or ``large``."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.closed = False

    def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def send(self, topic: str, value: bytes, key: bytes, headers: list[Any]) -> Sent:
        if key == b"away":
            raise KafkaTimeoutError("no metadata")
        self.sent.append((topic, key, value))
        failures = {b"late": KafkaTimeoutError("late"), b"large": MessageSizeTooLargeError("large")}
        return Sent(failures.get(key))

    def close(self, timeout: float) -> None:
        self.closed = True


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    made = Producer()
    monkeypatch.setattr(ingest, "open_producer", lambda settings, client_id: made)
    return made


@pytest.fixture
def hook(producer: Producer) -> Iterator[IngestHook]:
    with IngestHook(Settings()) as opened:
        yield opened
    assert producer.closed


def test_a_delivery_says_where_the_upload_lies(hook: IngestHook, producer: Producer) -> None:
    item = upload(title="One")
    delivery = hook.submit(item, UPLOADED_AT)
    assert (delivery.track_id, delivery.upload_id) == ("T-1", item.upload_id)
    assert (delivery.partition, delivery.offset, delivery.error) == (1, 7, None)
    ((topic, key, value),) = producer.sent
    assert (topic, key) == (topics.UPLOADED, b"T-1")
    answer = parse(UploadReceived, value)
    assert answer == UploadReceived(upload_id=item.upload_id, upload=item, uploaded_at=UPLOADED_AT)


def test_the_time_is_now_unless_it_is_given(hook: IngestHook) -> None:
    delivery = hook.submit(upload())
    assert abs(datetime.now(UTC) - delivery.uploaded_at) < timedelta(seconds=10)


def test_a_delivery_of_the_future_is_refused(hook: IngestHook) -> None:
    with pytest.raises(RefusedUpload, match="uploaded_at"):
        hook.submit(upload(), datetime(2999, 1, 1, tzinfo=UTC))


def test_the_same_upload_has_the_same_id_whenever_it_comes(hook: IngestHook) -> None:
    assert hook.submit(upload()).upload_id == hook.submit(upload(), UPLOADED_AT).upload_id


def test_many_uploads_have_a_result_each(hook: IngestHook, producer: Producer) -> None:
    huge = tuple(Contributor(name="n" * 256) for _ in range(5_000))
    bad = [
        upload("relative", uri="one.wav"),
        upload("scheme", uri="gopher://host/one.wav"),
        upload("surrogate").model_copy(update={"title": "\ud800"}),
        upload("untyped").model_copy(update={"isrc": "not an isrc"}),
        upload("huge", contributors=huge),
        upload("large"),
    ]
    passing = [upload("away"), upload("late")]
    good = [upload(f"good-{number}") for number in range(ingest.WINDOW + 1)]
    everything = [*good[:1], *bad, *good[1:2], *passing, *good[2:]]
    deliveries = hook.submit_many(iter(everything))
    assert [one.track_id for one in deliveries] == [one.track_id for one in everything]
    for delivery, values in zip(deliveries, everything, strict=True):
        expected = (
            RefusedUpload if values in bad else DeliveryFailed if values in passing else type(None)
        )
        assert isinstance(delivery.error, expected), values.track_id
        assert (delivery.offset is None) is (delivery.error is not None)
    reasons = {one.track_id: getattr(one.error, "reason", None) for one in deliveries}
    assert reasons["relative"] == reasons["scheme"] == "refused_scheme"
    assert reasons["surrogate"] == reasons["untyped"] == reasons["huge"] == "invalid_upload"
    assert len({one.upload_id for one in deliveries}) == len(everything)


def test_one_upload_raises_its_error(hook: IngestHook) -> None:
    with pytest.raises(RefusedUpload) as refused:
        hook.submit(upload(uri="one.wav"))
    assert isinstance(refused.value, BadInput)
    with pytest.raises(DeliveryFailed) as failed:
        hook.submit(upload("late"))
    assert isinstance(failed.value, Transient)


def test_schemes_are_the_operators(producer: Producer) -> None:
    with IngestHook(Settings(uri_schemes="s3, file")) as hook:
        assert hook.submit(upload(uri="s3://bucket/one.wav")).error is None


def test_a_hook_that_is_not_open_says_so() -> None:
    with pytest.raises(DeliveryFailed, match="not open"):
        IngestHook(Settings()).submit(upload())


def test_no_broker_is_a_passing_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.kafka.clients.BOOTSTRAP_MS", 200)
    with socket.socket() as taken:  # bound and not listening: no answer there
        taken.bind(("127.0.0.1", 0))
        settings = Settings(brokers=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(DeliveryFailed, match="no broker answers"), IngestHook(settings):
            pass


@pytest.mark.parametrize("name", [b"caf\xe9 \xff.wav", b"100% #1?.wav", "été.wav".encode()])
def test_any_file_name_works(tmp_path: Path, name: bytes, hook: IngestHook) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    try:
        with open(path, "wb") as file:  # noqa: PTH123 - a name of bytes
            file.write(b"audio")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    delivery = upload_from_file(Path(os.fsdecode(path)))
    assert unquote_to_bytes(urlsplit(delivery.uri).path) == path
    assert hook.submit(delivery).error is None

import hashlib
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
from streams.contract.records import Contributor, Upload, UploadReceived, parse
from streams.runtime.settings import Settings
from streams.services.upload_inputs import (
    RefusedUpload,
    read_manifest,
    upload_from_fields,
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


# --- uploads from fields, files and manifests ----------------------------------------------


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"track_id": "T"}, "uri: Field required"),
        ({"track_id": "T", "uri": "file:///a", "declard": {}}, "declard: no such field"),
        (
            {"track_id": "T", "uri": "file:///a", "declared": {"contains_ia": "All"}},
            "declared.contains_ia: no such field",
        ),
        ({"track_id": "T", "uri": "file:///a", "isrc": 7}, "isrc: "),
    ],
)
def test_fields_are_checked(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(RefusedUpload) as caught:
        upload_from_fields(fields)
    assert caught.value.reason == "invalid_upload"
    assert text in caught.value.detail


def test_a_file_becomes_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a song.wav").write_bytes(b"audio")
    monkeypatch.chdir(tmp_path)
    delivery = upload_from_file("a song.wav", isrc="USRC17607839")
    assert delivery.uri == f"{tmp_path.resolve().as_uri()}/a%20song.wav"
    assert delivery.sha256 == hashlib.sha256(b"audio").hexdigest()
    assert (delivery.title, delivery.isrc) == ("a song", "USRC17607839")
    (tmp_path / "link.wav").symlink_to("a song.wav")
    assert upload_from_file(tmp_path / "link.wav").track_id == delivery.track_id
    assert upload_from_file(tmp_path / "a song.wav", track_id="mine").track_id == "mine"


def test_a_large_file_is_not_hashed(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    path.write_bytes(b"12345")
    assert upload_from_file(path, max_hash_bytes=4).sha256 is None
    assert upload_from_file(path, max_hash_bytes=5).sha256 is not None


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


@pytest.mark.parametrize(
    ("name", "reason"), [("absent.wav", "no_such_file"), (".", "unreadable_file")]
)
def test_what_is_no_file(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(RefusedUpload) as caught:
        upload_from_file(tmp_path / name)
    assert caught.value.reason == reason


def test_a_name_with_a_nul_is_no_file() -> None:
    with pytest.raises(RefusedUpload):
        upload_from_file("a\0b.wav")


def test_a_manifest_gives_uploads_and_faults_by_line() -> None:
    lines: list[str | bytes] = [
        '\ufeff{"track_id": "T-1", "uri": "file:///a.wav", "artists": ["A"]}\n',
        "\n",
        b'{"track_id": "T-2", "uri": "file:///b.wav"}\r\n',
        '{"track_id": "T-3"\n',
        "[]\n",
        '{"track_id": "T-4"}\n',
        '{"track_id": "T-5", "uri": "file:///e.wav", "titel": "x"}',
        b"\xff\n",
        '{"track_id": "T-6", "uri": "file:///f.wav", "title": "\ud800"}',
    ]
    result = list(read_manifest(lines))
    assert [number for number, _ in result] == [1, 3, 4, 5, 6, 7, 8, 9]
    good = [item for _, item in result if isinstance(item, Upload)]
    assert [one.track_id for one in good] == ["T-1", "T-2"]
    faults = [item.reason for _, item in result if isinstance(item, RefusedUpload)]
    assert faults == [
        *("invalid_json", "invalid_json"),
        *("invalid_upload", "invalid_upload"),
        *("invalid_json", "invalid_json"),
    ]

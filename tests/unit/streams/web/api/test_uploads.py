"""Uploads by HTTP: bodies, files, idempotency, limits."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from streams.stages.ledger import project
from streams.store import dead_letter_store
from streams.store.tables import UPLOADS
from streams.web.api import multipart
from tests.support.console import Console
from tests.support.ledger_rows import letter
from tests.support.uploading import WAV, waiting


def files(console: Console) -> list[Path]:
    return [path for path in Path(console.resources.uploads.root).rglob("*") if path.is_file()]


def test_an_address_is_taken_in(console: Console, program: TestClient) -> None:
    answer = program.post("uploads", json={"track_id": "T-1", "uri": "file:///deliveries/1.flac"})
    assert answer.status_code == 202
    (received,) = waiting(console)
    assert received.upload.uri == "file:///deliveries/1.flac"
    assert answer.json() == {"upload_id": received.upload_id, "track_id": "T-1"}
    status = program.get(answer.headers["location"].removeprefix("/v1/")).json()
    assert (status["status"], status["decision_id"]) == ("received", None)


def test_a_file_is_taken_in_and_kept_by_its_hash(console: Console, program: TestClient) -> None:
    form = {"metadata": json.dumps({"isrc": "DEA123400001", "declared": {"contains_ai": "Partly"}})}
    answer = program.post("uploads", files={"file": ("../My song.wav", WAV)}, data=form)
    assert answer.status_code == 202, answer.text
    (received,) = waiting(console)
    assert received.upload.title == "My song"
    assert received.upload.declared.contains_ai == "Partly"
    assert [path.read_bytes() for path in files(console)] == [WAV]
    assert received.upload.uri == files(console)[0].as_uri()
    with console.resources.fetcher.open_seekable(
        received.upload.uri
    ) as kept:  # its own uploads, always
        assert kept.read(4) == b"RIFF"


def test_the_same_file_twice_is_one_upload(console: Console, program: TestClient) -> None:
    ids = {
        program.post("uploads", files={"file": ("a.wav", WAV)}).json()["upload_id"] for _ in "ab"
    }
    assert len(ids) == 1
    assert len(files(console)) == 1
    assert len(waiting(console)) == 2, "sent again, it goes out again: a broker may have forgotten"


def test_what_is_refused_leaves_no_file_behind(console: Console, program: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    assert program.post("uploads", files={"file": ("a.wav", WAV)}, headers=headers).is_success
    other = {"file": ("b.wav", WAV + b"x")}
    for data in ({"metadata": '{"x": 1'}, {"metadata": '{"isrc": "?"}'}):
        assert program.post("uploads", files=other, data=data).status_code in (
            400,
            422,
        )
    again = program.post("uploads", files=other, headers=headers)
    assert (again.status_code, again.json()["code"]) == (422, "key_reused")
    assert [path.read_bytes() for path in files(console)] == [WAV]


def test_bodies_are_bounded_before_anybody_is_asked_who_they_are(console: Console) -> None:
    stranger = TestClient(console.app, raise_server_exceptions=False)

    def unannounced() -> Iterator[bytes]:
        for _ in range(multipart.SMALL_BYTES // 2**16 + 2):
            yield b"[" * 2**16

    with capture_logs() as lines:
        _too_large_everywhere(stranger, unannounced)
    assert lines == [], "unknown callers cause no errors"


def _too_large_everywhere(stranger: TestClient, unannounced: Callable[[], Iterator[bytes]]) -> None:
    for path in ("/v1/appeals", "/v1/webhooks", "/login"):
        kind = "application/x-www-form-urlencoded" if path == "/login" else "application/json"
        headers = {"Content-Type": kind}
        body = b"[" * (multipart.SMALL_BYTES + 1)
        assert stranger.post(path, content=body, headers=headers).status_code == 413, path
        answer = stranger.post(path, content=unannounced(), headers=headers)  # without a length
        assert answer.status_code == 413, path


def test_an_idempotency_key_decides_once(console: Console, program: TestClient) -> None:
    body = {"track_id": "T-1", "uri": "file:///deliveries/1.flac"}
    first, again = (
        program.post("uploads", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(waiting(console)) == 1
    other = program.post(
        "uploads", json=body | {"track_id": "T-2"}, headers={"Idempotency-Key": "k"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    stranger = console.program("ingest")  # another key's namespace
    answer = stranger.post(
        "uploads", json=body | {"track_id": "T-2"}, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 422, "invalid_upload"),
        (b"{}", 422, "invalid_upload"),
        (b'{"track_id": "T", "uri": "x", "surprise": 1}', 422, "invalid_upload"),
        (b'{"track_id": "T", "uri": "x", "isrc": "no"}', 422, "invalid_upload"),
        (b'{"track_id": "T\\u0000", "uri": "file:///x"}', 422, "invalid_upload"),
        (b'{"track_id": "T", "uri": "x"}', 422, "refused_scheme"),
        (b'{"track_id": "T", "uri": "s3://deliveries/1.flac"}', 422, "refused_scheme"),
        (b'{"track_id": "T", "uri": "http://169.254.169.254/"}', 422, "refused_scheme"),
        (b'{"track_id": "' + b"x" * 300_000 + b'"}', 413, "too_large"),
        (b"\xff\xfe", 400, "invalid_json"),
    ],
)
def test_bad_json_is_a_problem(
    console: Console, program: TestClient, body: bytes, status: int, code: str
) -> None:
    answer = program.post("uploads", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert waiting(console) == []


def test_what_a_killed_process_left_is_cleaned_when_old(console: Console) -> None:
    import os

    kept = console.resources.uploads
    old, new = kept.spool / "old", kept.spool / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    kept.clean()
    assert [path.name for path in kept.spool.iterdir()] == ["new"]


def test_other_bodies_are_not_read(program: TestClient) -> None:
    answer = program.post("uploads", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_what_is_sent_again_after_it_died_is_under_way_again(
    console: Console, program: TestClient
) -> None:
    sent = program.post("uploads", json={"track_id": "T-1", "uri": "file:///one.wav"})
    upload_id = sent.json()["upload_id"]

    def status() -> str:
        return str(program.get(f"uploads/{upload_id}").json()["status"])

    def dies(at: datetime, offset: int) -> None:
        with console.resources.ledger.reading() as connection:
            text = connection.execute(sqlalchemy.select(UPLOADS.c.record)).scalar_one()
        died = letter(text.encode(), offset)
        project(console.resources.ledger, [replace(died, timestamp_ms=int(at.timestamp() * 1000))])

    dies(datetime.now(UTC), 3)
    assert status() == "dead_letter"
    time.sleep(0.01)
    program.post("uploads", json={"track_id": "T-1", "uri": "file:///one.wav"})
    assert status() == "received"
    dies(datetime.now(UTC) + timedelta(seconds=1), 4)
    assert status() == "dead_letter"
    newest = dead_letter_store.find(
        console.resources.ledger, dead_letter_store.DeadLetterFilter(upload_id=upload_id)
    )[-1]
    action = dead_letter_store.Action(
        *(newest.dead_letter_id, "replayed", "me", "to see", 1),
        recorded_at=datetime.now(UTC),
        upload_id=newest.upload_id,
        track_id=newest.track_id,
    )
    with console.resources.ledger.transaction() as connection:
        dead_letter_store.record(connection, [action])
    assert status() == "received"

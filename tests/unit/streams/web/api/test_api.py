"""The HTTP API over a real database; what it takes in waits in the outbox."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from streams.contract import topics
from streams.contract.records import UploadReceived, parse
from streams.media.kept_audio import KeptUploads
from streams.services import timeline
from streams.stages.ledger import project
from streams.store import audit, dead_letter_store, queries
from streams.store.account_tables import AUDIT, OUTBOX
from streams.store.tables import UPLOADS
from streams.web.api import callers, multipart
from streams.web.api.callers import RateLimit
from tests.support.console import Console
from tests.support.stories import tell
from tests.unit.streams.store.test_database import letter

WAV = b"RIFF" + bytes(range(256)) * 40


def waiting(console: Console) -> list[UploadReceived]:
    with console.resources.ledger.reading() as connection:
        rows = connection.execute(sqlalchemy.select(OUTBOX).order_by(OUTBOX.c.sequence)).all()
    assert {row.topic for row in rows} <= {topics.UPLOADED}
    return [parse(UploadReceived, bytes(row.value)) for row in rows]


def files(console: Console) -> list[Path]:
    return [path for path in Path(console.resources.uploads.root).rglob("*") if path.is_file()]


@pytest.fixture
def program(console: Console) -> TestClient:
    return console.program("ingest")


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


def form_of(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


def part(name: str, content: bytes, extra: bytes = b"") -> bytes:
    header = f'Content-Disposition: form-data; name="{name}"; filename="f"'.encode()
    return header + extra + b"\r\n\r\n" + content


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (form_of(part("file", WAV), end=b""), 400),
        (form_of(part("file", WAV))[:200], 400),
        (b"no form at all", 400),
        (form_of(part("metadata", b"{}")), 422),
        (form_of(part("file", b"")), 422),
        (form_of(part("file", WAV), part("file", WAV)), 422),
        (form_of(part("file", WAV), part("surprise", b"1")), 422),
        (form_of(part("file", WAV), *[part("metadata", b"{}")] * 9), 422),
        (form_of(part("file", WAV), part("metadata", b'{"uri": "file:///etc/passwd"}')), 422),
        (form_of(part("file", WAV), part("metadata", b"[]")), 422),
        (form_of(part("file", WAV), part("metadata", b"x" * 300_000)), 413),
        (form_of(part("file", WAV, b"\r\nX: " + b"y" * 10_000)), 400),
    ],
)
def test_a_bad_form_leaves_nothing_behind(
    console: Console, program: TestClient, body: bytes, status: int
) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = program.post("uploads", content=body, headers=kind)
    assert answer.status_code == status, answer.text
    assert list(console.resources.uploads.spool.iterdir()) == []
    assert waiting(console) == []


def test_a_file_over_the_cap_is_refused_announced_or_not(
    console: Console, program: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = KeptUploads(
        console.resources.uploads.filesystem,
        console.resources.uploads.root,
        console.resources.uploads.spool,
        99,
    )
    monkeypatch.setattr(multipart, "OVERHEAD_BYTES", 50)
    object.__setattr__(console.resources, "uploads", small)
    body = form_of(part("file", WAV))
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    announced = program.post("uploads", content=body, headers=kind)
    streamed = program.post("uploads", content=iter([body[:500], body[500:]]), headers=kind)
    assert [announced.status_code, streamed.status_code] == [413, 413]
    assert list(small.spool.iterdir()) == []


def test_what_a_killed_process_left_is_cleaned_when_old(console: Console) -> None:
    import os

    kept = console.resources.uploads
    old, new = kept.spool / "old", kept.spool / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert kept.clean() == 1
    assert [path.name for path in kept.spool.iterdir()] == ["new"]


def test_other_bodies_are_not_read(program: TestClient) -> None:
    answer = program.post("uploads", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_a_track_from_upload_to_labels(console: Console, program: TestClient) -> None:
    decided, _ = tell(console.resources.ledger, "T/1 ü")
    track = program.get("tracks/T%2F1%20%C3%BC")
    assert track.json()["decision"]["decision_id"] == decided.decision_id
    status = program.get(f"uploads/{decided.upload_id}").json()
    assert (status["status"], status["outcome"], status["extent"]) == (
        *("decided", "ai_likely", "All"),
    )
    assert program.get(f"uploads/{decided.upload_id}/decision").json()["track_id"] == "T/1 ü"
    assert program.get(f"decisions/{decided.decision_id}").json() == json.loads(
        decided.model_dump_json()
    )
    assert len(program.get("tracks/T%2F1%20%C3%BC/labels").json()["items"]) == 2


def test_the_story_of_a_track_is_told_without_what_is_internal(
    console: Console, program: TestClient
) -> None:
    tell(console.resources.ledger, "T/1")
    answer = program.get("tracks/T%2F1/story")
    assert answer.json()["track_id"] == "T/1"
    kinds = [entry["kind"] for entry in answer.json()["entries"]]
    assert kinds[0] == "upload"
    assert {"analysis", "label", "decision"} < set(kinds)
    assert not timeline.INTERNAL & set(kinds)
    assert answer.json()["entries"][0].keys() == {"at", "kind", "sentence", "details", "subject"}
    (received,) = (row for row in queries.story(console.resources.ledger, "T/1")
                   if row.table == "uploads")  # fmt: skip
    assert received.record["upload"]["uri"] not in answer.text, "it may hold a signature"


def test_pages_neither_skip_nor_repeat(console: Console, program: TestClient) -> None:
    for number in range(7):
        tell(console.resources.ledger, f"T-{number}", at_ms=1_795_000_000_000 + number // 2 * 1_000)
    seen, cursor = [], ""
    while True:
        page = program.get(f"uploads?limit=2{cursor}").json()
        seen += [one["upload"]["track_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == [f"T-{number}" for number in range(7)]
    assert seen[0] == "T-6"


@pytest.mark.parametrize("cursor", ["x", "bm9uZQ", "W10", "WyJhIiwiYiJd", "/etc/passwd", "%00"])
def test_a_cursor_of_somebody_else_is_a_problem(program: TestClient, cursor: str) -> None:
    assert program.get(f"uploads?cursor={cursor}").status_code == 400


def test_what_is_not_there_is_404(program: TestClient) -> None:
    for path in (
        *("uploads/upl_0", "uploads/upl_0/decision", "tracks/none", "tracks/none/story"),
        "decisions/dec_0",
        *(
            "decisions/dec_0/statement",
            "decisions/dec_0/evidence",
            "decisions/dec_0/evidence.png",
            "appeals/apl_0",
            "nowhere",
        ),
    ):
        answer = program.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (
            *(404, "application/problem+json"),
        )


def test_the_rate_of_a_key_is_limited() -> None:
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    assert [limit.wait_s("a") for _ in range(60)] == [0] * 60
    assert limit.wait_s("a") == pytest.approx(1, abs=0.01)
    assert limit.wait_s("b") == 0
    now[0] += 1.01
    assert limit.wait_s("a") == 0
    assert limit.wait_s("a") > 0


def test_many_strangers_do_not_give_a_caller_its_tokens_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callers, "MOST_BUCKETS", 100)
    limit = RateLimit(2, lambda: 0.0)
    for number in range(500):
        limit.wait_s(f"stranger {number}")
        waits = limit.wait_s("busy") > 0
        assert waits is (number > 1)


def test_too_many_requests_are_told_when_to_come_back(console: Console) -> None:
    program = console.program("viewer")
    limit = RateLimit(2)
    mounted = next(
        cast(Any, route).app
        for route in console.inner.routes
        if getattr(route, "path", "") == "/v1"
    )
    mounted.state.rate_limit = limit
    statuses = [program.get("uploads").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert int(program.get("uploads").headers["retry-after"]) > 0


def test_an_appeal_is_handed_in_once(console: Console, program: TestClient) -> None:
    decided, _ = tell(console.resources.ledger)
    body = {
        "decision_id": decided.decision_id,
        "appellant": {"type": "artist", "id": "artist-7"},
        "grounds": "not_ai",
        "statement": "I played every note. <script>alert(1)</script>",
        "evidence": [{"type": "stems", "uri": "https://example.org/stems.zip"}],
    }
    answer = program.post("appeals", json=body)
    assert answer.status_code == 201, answer.text
    assert program.get(f"appeals/{answer.json()['appeal_id']}").json()["state"] == "received"
    again = program.post("appeals", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "already_open")
    for wrong in ({"decision_id": "dec_0"}, {"grounds": "just because"}, {"statement": ""}):
        assert program.post("appeals", json=body | wrong).status_code in (404, 422)


def test_everything_is_audited(console: Console, program: TestClient) -> None:
    program.post("uploads", json={"track_id": "T-1", "uri": "file:///deliveries/1.flac"})
    program.get("uploads")
    console.resources.views.stop()
    with console.resources.ledger.reading() as connection:
        actions = set(connection.scalars(sqlalchemy.select(AUDIT.c.action)))
    assert {"key_created", "uploaded", "api_read"} <= actions
    assert audit.verify(console.resources.ledger).fault is None


def test_the_document_says_what_is_there(program: TestClient) -> None:
    document = program.get("openapi.json").json()
    assert document["servers"] == [{"url": "/v1"}]
    assert {"Upload", "Problem", "TrackDecided"} <= document["components"]["schemas"].keys()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"ApiKey": []}], f"{method} {path}"
            assert {"401", "403", "429", "503"} <= operation["responses"].keys()


def test_the_console_needs_no_pytorch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, streams.web.console.server; "
        "print([m for m in ('torch', 'matplotlib', 'faust') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_progress_needs_no_row_but_one(console: Console) -> None:
    decided, _ = tell(console.resources.ledger)
    assert queries.decision(console.resources.ledger, decided.decision_id) == decided


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

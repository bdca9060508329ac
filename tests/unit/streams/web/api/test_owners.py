"""Whose an API key is: what it writes and reads of its distributors, and of no other one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from streams.services.accounts import keys
from streams.services.accounts.roles import Role
from streams.services.accounts.users import AccountError
from streams.store import audit, queries
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts
from streams.web.api import intake
from tests.support.console import Console
from tests.support.events import classified
from tests.support.stories import hear, tell
from tests.unit.streams.web.test_routes import VALUES, _api

ONE = {"track_id": "T-1", "uri": "https://a.example/one.wav"}
APPEAL = {
    "appellant": {"type": "artist", "id": "artist-7"},
    "grounds": "not_ai",
    "statement": "I played every note.",
}
WAV = b"RIFF" + bytes(range(256)) * 40


@pytest.fixture
def console(opened: Callable[..., Console], migrated: Path, tmp_path: Path) -> Console:
    shutil.copyfile(migrated, tmp_path / "ledger.db")
    return opened(f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https,file")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def appealed(program: TestClient, decision_id: str) -> str:
    answer = program.post("appeals", json=APPEAL | {"decision_id": decision_id})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["appeal_id"])


def test_every_route_hides_what_is_of_another_distributor(console: Console) -> None:
    ledger = console.resources.ledger
    decided, _ = tell(ledger, distributor="A")
    hear(ledger, decided, "b" * 64)
    own, other = console.program("ingest", "A"), console.program("ingest", "B", "C")
    ids = {"upload_id": decided.upload_id, "decision_id": decided.decision_id}
    values = VALUES | ids | {"appeal_id": appealed(own, decided.decision_id)}
    shown = 0
    for method, path, _ in _api():
        if method != "GET":
            continue
        target = path.replace(":path", "").format_map(values).lstrip("/")
        own_answer, other_answer = own.get(target), other.get(target)
        if path.startswith("/webhooks"):
            assert other_answer.status_code == 403
        elif other_answer.status_code == 200:
            assert other_answer.json()["items"] == [], path
            assert len(own_answer.json()["items"]) > 0, path
        else:
            assert other_answer.status_code == 404, path
        shown += own_answer.status_code == 200
    assert shown >= 9


def test_of_one_track_each_sees_its_own_deliveries(console: Console) -> None:
    ledger = console.resources.ledger
    of_a, _ = tell(ledger, distributor="A")
    of_b, _ = tell(ledger, distributor="B")
    for name, decided in (("A", of_a), ("B", of_b)):
        program = console.program("viewer", name)
        track = program.get("tracks/T-1").json()
        assert track["upload_ids"] == [decided.upload_id]
        assert track["decision"]["decision_id"] == decided.decision_id
        labels = program.get("tracks/T-1/labels").json()["items"]
        decisions = program.get("tracks/T-1/decisions").json()["items"]
        assert [one["decision_id"] for one in decisions] == [decided.decision_id]
        assert len(labels) == 2
        kinds = [one["kind"] for one in program.get("tracks/T-1/story").json()["entries"]]
        assert kinds.count("upload") == 1


def test_a_key_hands_in_what_is_of_its_distributors(console: Console) -> None:
    program, several = console.program("ingest", "A"), console.program("ingest", "A", "B")
    assert program.post("uploads", json=ONE).status_code == 202
    (upload,) = program.get("uploads").json()["items"]
    assert upload["upload"]["distributor"] == "A"
    other = ONE | {"track_id": "T-2", "distributor": "B"}
    assert code(program.post("uploads", json=other)) == (403, "not_your_distributor")
    assert several.post("uploads", json=other).status_code == 202
    missing = code(several.post("uploads", json=ONE | {"track_id": "T-3"}))
    assert missing == (422, "distributor_missing")
    form = {"metadata": json.dumps({"distributor": "B"})}
    answer = program.post("uploads", files={"file": ("one.wav", WAV)}, data=form)
    assert code(answer) == (403, "not_your_distributor")
    assert [one for one in Path(console.resources.uploads.root).rglob("*") if one.is_file()] == []


def test_a_bound_key_names_no_file_of_the_platform(console: Console) -> None:
    """The platform would read it with its own rights, whosever it is."""
    upload = ONE | {"uri": "file:///deliveries/b/one.wav"}
    answer = console.program("ingest", "A").post("uploads", json=upload)
    assert code(answer) == (403, "not_your_address")
    assert console.program("ingest").post("uploads", json=upload).status_code == 202


@pytest.mark.parametrize("before", ["A", None])
def test_the_track_id_of_another_distributor_is_refused(
    console: Console, before: str | None
) -> None:
    """Another one's, or the platform's own."""
    tell(console.resources.ledger, distributor=before)
    stranger = console.program("ingest", "B")
    assert code(stranger.post("uploads", json=ONE)) == (409, "foreign_track_id")
    assert console.program("ingest").post("uploads", json=ONE).status_code == 202
    if before:
        assert console.program("ingest", before).post("uploads", json=ONE).status_code == 409
    else:
        assert stranger.post("uploads", json=ONE | {"track_id": "T-2"}).status_code == 202


def test_or_it_is_taken_in_for_a_review(opened: Callable[..., Console], tmp_path: Path) -> None:
    console = opened(
        f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https", foreign_track_id="review"
    )
    tell(console.resources.ledger, distributor="A")
    assert console.program("ingest", "B").post("uploads", json=ONE).status_code == 202
    track_facts = TrackFacts(console.resources.ledger)
    for name, foreign in (("A", False), ("B", True)):  # also of what comes by the hook
        event = classified(distributor=name)
        assert track_facts.facts(event, event.uploaded_at, "any").foreign is foreign


def test_one_file_of_two_distributors_is_two_tracks(console: Console) -> None:
    answers = [
        console.program("ingest", name).post("uploads", files={"file": ("one.wav", WAV)})
        for name in ("A", "B", "A")
    ]
    first, second, again = (one.json() for one in answers)
    assert first["track_id"] != second["track_id"]
    assert first == again


def test_an_appeal_is_read_by_its_sender_and_by_who_decides(console: Console) -> None:
    decided, _ = tell(console.resources.ledger, distributor="A")
    sender, stranger = console.program("ingest", "A"), console.program("ingest", "B")
    body = APPEAL | {"decision_id": decided.decision_id}
    assert code(stranger.post("appeals", json=body)) == (404, "no_such_decision")
    appeal_id = appealed(sender, decided.decision_id)
    successor = console.program("viewer", "A")  # the key of the same holder that comes after
    for reader in (sender, successor, console.program("lead"), console.program("admin")):
        assert reader.get(f"appeals/{appeal_id}").status_code == 200
    for reader in (stranger, console.program("ingest"), console.program("ingest", "A", "B")):
        assert code(reader.get(f"appeals/{appeal_id}")) == (404, "no_such_appeal")


def test_an_appeal_to_the_platform_is_the_platforms(console: Console) -> None:
    decided, _ = tell(console.resources.ledger, distributor="A")
    appeal_id = appealed(console.program("ingest"), decided.decision_id)
    assert console.program("viewer").get(f"appeals/{appeal_id}").status_code == 200
    assert console.program("ingest", "A").get(f"appeals/{appeal_id}").status_code == 404


def test_uploads_of_a_key_are_limited(opened: Callable[..., Console], tmp_path: Path) -> None:
    console = opened(f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https", api_uploads_per_hour=2)
    for program, most in (
        (console.program("ingest"), 2),
        (console.program("ingest", per_hour=3), 3),
    ):
        answers = [program.post("uploads", json=ONE) for _ in range(most + 1)]
        assert [one.status_code for one in answers] == [202] * most + [429]
        assert 3_500 < int(answers[-1].headers["retry-after"]) <= 3_601
        assert program.get("uploads").status_code == 200


def test_hours_of_audio_of_a_key_are_limited(
    opened: Callable[..., Console], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four hours of silence are cheap to send, and a minute of work."""
    monkeypatch.setattr(intake, "FRESH_S", -1.0)
    console = opened(
        f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https", api_audio_hours_per_day=0.001
    )
    ledger, program = console.resources.ledger, console.program("ingest")
    upload_id = program.post("uploads", json=ONE).json()["upload_id"]
    assert program.post("uploads", json=ONE).status_code == 202  # none of it is decoded yet
    decided, _ = tell(ledger)
    hear(ledger, decided.model_copy(update={"upload_id": upload_id}), "b" * 64)
    assert code(program.post("uploads", json=ONE)) == (429, "too_many_requests")
    assert console.program("ingest").post("uploads", json=ONE).status_code == 202


def test_a_file_that_a_refused_request_removes_is_asked_for_again(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request kept the file, another of the same content was refused and removes it."""
    program, uploads = console.program("ingest"), console.resources.uploads
    take_in = intake.take_in

    def removed(*arguments: Any, kept: str, **more: Any) -> Any:
        uploads.forget(kept)
        return take_in(*arguments, kept=kept, **more)

    monkeypatch.setattr(intake, "take_in", removed)
    answer = program.post("uploads", files={"file": ("one.wav", WAV)})
    assert code(answer) == (503, "try_again")
    assert program.get("uploads").json()["items"] == []
    monkeypatch.undo()
    assert program.post("uploads", files={"file": ("one.wav", WAV)}).status_code == 202


def test_a_refused_file_stays_where_an_upload_names_it(console: Console) -> None:
    program, uploads = console.program("ingest"), console.resources.uploads
    program.post("uploads", files={"file": ("one.wav", WAV)})
    with uploads.arrive() as arriving:
        arriving.write(WAV)
        file = arriving.whole()
    intake._forget(console.resources, file)
    assert uploads.has(file.sha256)


@pytest.mark.parametrize(
    ("role", "distributors", "per_hour"),
    [
        (Role.ADMIN, ["A"], None),
        (Role.LEAD, ["A"], None),
        (Role.INGEST, ["x" * 257], None),
        (Role.INGEST, ["a\x01b"], None),
        (Role.INGEST, [str(number) for number in range(101)], None),
        (Role.INGEST, [], 0),
    ],
)
def test_keys_that_will_not_do(
    ledger: Ledger, role: Role, distributors: list[str], per_hour: int | None
) -> None:
    with pytest.raises(AccountError):
        keys.create(
            *(ledger, "a key", role, "test"), distributors=distributors, uploads_per_hour=per_hour
        )
    assert keys.all_keys(ledger) == []


def test_the_page_of_keys_binds_them(console: Console) -> None:
    browser = console.browser("admin")
    fields = {"name": "B and A", "role": "ingest", "uploads_per_hour": "60"}
    page = browser.submit("/admin/keys", distributors=" B \r\nA\r\n\r\nA", **fields)
    assert page.status_code == 200
    (key,) = keys.all_keys(console.resources.ledger)
    assert (key.distributors, key.uploads_per_hour) == (("A", "B"), 60)
    assert "A, B" in browser.get("/admin/keys").text
    part = audit.listed(console.resources.ledger, key.key_id, None, 10)
    assert json.loads(part.rows[0]["detail"])["distributors"] == ["A", "B"]


def test_whose_an_upload_is(ledger: Ledger) -> None:
    decided, _ = tell(ledger, distributor="A")
    assert queries.is_of(ledger, decided.upload_id, ())
    assert queries.is_of(ledger, decided.upload_id, ("A", "B"))
    assert not queries.is_of(ledger, decided.upload_id, ("B",))

"""What a key may hand in: of its distributors, and so much of it."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from streams.contract import topics
from streams.contract.records import Upload
from streams.media.kept_audio import Arriving
from streams.stages.ledger import project
from streams.store.account_tables import AUDIT
from streams.store.track_facts import TrackFacts
from streams.web.api import intake, resources
from tests.support.answers import code
from tests.support.console import Console
from tests.support.events import classified, message, received
from tests.support.ledger_rows import letter
from tests.support.stories import hear, tell
from tests.support.uploading import WAV

ONE = {"track_id": "T-1", "uri": "https://a.example/one.wav"}


@pytest.fixture
def console(opened: Callable[..., Console], migrated: Path, tmp_path: Path) -> Console:
    shutil.copyfile(migrated, tmp_path / "ledger.db")
    return opened(f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https,file")


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


@pytest.mark.parametrize(
    ("claim", "refusal"),
    [
        ({"ddex": {"message_id": "m", "ern_version": "4.3.2", "sender_dpid": "B"}}, "distributor"),
        ({"uploader": {"account_id": "of B"}}, "statement"),
        ({"uploader": {"fraud_score": 0.99, "profile_mismatch": True}}, "statement"),
    ],
)
def test_a_bound_key_states_nothing_in_the_name_of_others(
    console: Console, claim: dict[str, Any], refusal: str
) -> None:
    """An agreement of that sender would count, and a fraud score would be the platform's."""
    program = console.program("ingest", "A")
    assert code(program.post("uploads", json=ONE | claim)) == (403, f"not_your_{refusal}")
    assert console.program("ingest").post("uploads", json=ONE | claim).status_code == 202


def test_the_record_states_that_a_distributor_states_it(console: Console) -> None:
    own = {"ddex": {"message_id": "m", "ern_version": "4.3.2", "sender_dpid": "A"}}
    program = console.program("ingest", "A")
    answer = program.post("uploads", json=ONE | own)
    assert answer.status_code == 202
    (upload,) = program.get("uploads").json()["items"]
    assert upload["upload"]["stated_by"] == "distributor"
    by_platform = ONE | own | {"distributor": "A", "track_id": "T-2"}
    assert console.program("ingest").post("uploads", json=by_platform).status_code == 202
    latest = program.get("uploads").json()["items"][0]
    assert latest["upload"]["track_id"] == "T-2"
    assert "stated_by" not in latest["upload"]


def test_a_key_of_several_distributors_is_one_sender_whatever_it_states(console: Console) -> None:
    """Else it had the turns of many, and its bad files looked like a fault of ours."""

    def uploaded(*owners: str, **fields: str) -> Upload:
        program = console.program("ingest", *owners)
        stated = ONE | {"track_id": f"T-{len(uploads)}"} | fields
        assert program.post("uploads", json=stated).status_code == 202
        uploads.append(Upload.model_validate(program.get("uploads").json()["items"][0]["upload"]))
        return uploads[-1]

    uploads: list[Upload] = []
    first = uploaded("A", "B", distributor="A")
    assert first.sender not in ("", "A", "B")
    assert uploaded("B", "A", distributor="B", holder="B").sender == first.sender
    assert uploaded("C", "A", distributor="C").sender != first.sender
    assert uploaded("A", holder="Z").sender == "A"
    assert first.upload_id == first.model_copy(update={"holder": None}).upload_id


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
        assert console.program("ingest", before).post("uploads", json=ONE).status_code == 202
    else:
        assert stranger.post("uploads", json=ONE | {"track_id": "T-2"}).status_code == 202


def test_a_delivery_without_audio_or_of_long_ago_takes_no_track_id(console: Console) -> None:
    """A program that may write to the topic chooses the time of a delivery."""
    ledger, owner = console.resources.ledger, console.program("ingest", "B")
    evil = received("T-1", distributor="Evil")
    before = evil.model_copy(update={"uploaded_at": datetime(1900, 1, 2, tzinfo=UTC)})
    project(ledger, [message(topics.UPLOADED, before, timestamp_ms=1)])
    assert owner.post("uploads", json=ONE).status_code == 202
    tell(ledger, distributor="B")
    tell(
        *(ledger, "T-1"), distributor="Evil", at_ms=1_795_000_900_000,
        uploaded_at=datetime(1900, 1, 3, tzinfo=UTC), uri="https://evil.example/1.wav",
    )  # fmt: skip
    assert owner.post("uploads", json=ONE | {"title": "mended"}).status_code == 202
    facts = TrackFacts(ledger)
    for name, foreign in (("B", False), ("Evil", True)):
        event = classified(distributor=name)
        assert facts.facts(event, event.uploaded_at, "any").foreign is foreign


def test_the_platform_gives_a_track_id_back(console: Console) -> None:
    ledger, owner = console.resources.ledger, console.program("ingest", "B")
    tell(ledger, distributor="Squatter")
    assert code(owner.post("uploads", json=ONE)) == (409, "foreign_track_id")
    body = {"distributor": "B"}
    for refused in (owner, console.program("ingest"), console.program("lead")):
        assert refused.post("tracks/T-1/owner", json=body).status_code == 403
    assert console.program("admin").post("tracks/T-1/owner", json=body).status_code == 204
    assert owner.post("uploads", json=ONE).status_code == 202
    squatter = console.program("ingest", "Squatter")
    assert code(squatter.post("uploads", json=ONE)) == (409, "foreign_track_id")
    event = classified(distributor="Squatter")
    assert TrackFacts(ledger).facts(event, event.uploaded_at, "any").foreign
    with ledger.reading() as connection:
        row = connection.execute(select(AUDIT).filter_by(action="track_id_given")).one()
    assert (row.subject, row.detail) == ("T-1", '{"distributor": "B"}')


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


def test_a_quota_counts_uploads_while_they_arrive(
    opened: Callable[..., Console], tmp_path: Path
) -> None:
    """Thirty at once came through a quota of one."""
    console = opened(f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https")
    program = console.program("ingest", per_hour=1)
    during: list[int] = []

    def slowly() -> Iterator[bytes]:
        yield b"{"
        during.append(program.post("uploads", json=ONE).status_code)
        yield json.dumps(ONE)[1:].encode()

    headers = {"Content-Type": "application/json"}
    assert program.post("uploads", content=slowly(), headers=headers).status_code == 202
    assert during == [429]
    other = console.program("ingest", per_hour=1)
    assert other.post("uploads", json={}).status_code == 422  # gives its place back
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: other.post("uploads", json=ONE).status_code, range(8)))
    assert sorted(codes) == [202, *[429] * 7]


def test_few_uploads_of_a_key_arrive_at_once(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may fill the disk with a file."""
    monkeypatch.setattr(resources, "MOST_OF_CALLER", 0)
    answer = console.program("ingest").post("uploads", json=ONE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


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


def test_files_that_cannot_be_decoded_count_as_the_longest_track(
    opened: Callable[..., Console], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "FRESH_S", -1.0)
    console = opened(
        f"sqlite:///{tmp_path}/ledger.db", uri_schemes="https", api_audio_hours_per_day=7
    )
    program = console.program("ingest")
    for number, status in enumerate((202, 202, 429)):
        answer = program.post("uploads", json=ONE | {"track_id": f"T-{number}"})
        assert answer.status_code == status
        if status == 202:  # four hours
            project(console.resources.ledger, [letter(answer.content, number, "not_audio")])
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
    with Arriving(uploads) as arriving:
        arriving.write(WAV)
        file = arriving.whole()
    intake._forget(console.resources, file)
    assert uploads.has(file.sha256)

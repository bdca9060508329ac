"""Whose an API key is: what it writes and reads of its distributors, and of no other one."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from streams.contract.records import Match
from tests.support.answers import code
from tests.support.console import Console
from tests.support.stories import hear, tell
from tests.unit.streams.web.test_routes import VALUES, _api

APPEAL = {
    "appellant": {"type": "artist", "id": "artist-7"},
    "grounds": "not_ai",
    "statement": "I played every note.",
}


def appealed(program: TestClient, decision_id: str) -> str:
    answer = program.post("appeals", json=APPEAL | {"decision_id": decision_id})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["appeal_id"])


def test_every_route_hides_what_is_of_another_distributor(
    opened: Callable[..., Console], url: str
) -> None:
    console = opened(url, link_key="k" * 40)
    ledger = console.resources.ledger
    decided, _ = tell(ledger, distributor="A")
    hear(ledger, decided, "b" * 64)
    own, other = console.program("ingest", "A"), console.program("ingest", "B", "C")
    ids = {"upload_id": decided.upload_id, "decision_id": decided.decision_id}
    assert own.post("links", json={"decision_id": decided.decision_id}).status_code == 201
    values = VALUES | ids | {"appeal_id": appealed(own, decided.decision_id)}
    shown = 0
    for method, path, _ in _api():
        if method != "GET":
            continue
        target = path.replace(":path", "").format_map(values).lstrip("/")
        own_answer, other_answer = own.get(target), other.get(target)
        if path.startswith(("/webhooks", "/rights")):  # of the platform's own keys alone
            assert other_answer.status_code == 403
        elif other_answer.status_code == 200:
            assert other_answer.json()["items"] == [], path
            assert len(own_answer.json()["items"]) > 0, path
        else:
            assert other_answer.status_code == 404, path
        shown += own_answer.status_code == 200
    assert shown >= 10


@pytest.mark.parametrize("kind", ["catalogue", "stay_down", "registered_ai"])
def test_no_route_shows_a_bound_key_what_its_upload_is_found_in(
    console: Console, kind: str
) -> None:
    """Else a piece of an unreleased track would be enough to learn whose and where it is."""
    secrets = ("B-album-07", "bank of B", "0123456789abcdef" * 4, "61.25", "known.score")
    match = Match.model_validate(
        {"match_class": "contained", "bank": secrets[1], "bank_kind": kind, "item_id": secrets[0]}
        | {"sentence": "It is in B-album-07.", "content_sha256": secrets[2], "score": 0.9}
        | {"known_start_s": 61.25, "start_s": 0.0, "overlap_s": 30.0}
    )
    ledger = console.resources.ledger
    decided, _ = tell(ledger, f"T-{kind}", distributor="A", matches=(match,))
    hear(ledger, decided, "b" * 64)
    ids = {"upload_id": decided.upload_id, "decision_id": decided.decision_id}
    values = VALUES | ids | {"track_id": decided.track_id}
    bound, platform = console.program("ingest", "A"), console.program("ingest")
    open_to_platform = 0
    for method, path, _ in _api():
        target = path.replace(":path", "").format_map(values).lstrip("/")
        if method == "GET":
            answer = bound.get(target)
            assert [one for one in secrets if one in answer.text] == [], path
            open_to_platform += all(one in platform.get(target).text for one in secrets)
            assert "matches" not in answer.text or '"overlap_s":30.0' in answer.text
    assert open_to_platform == 4  # of an upload, of a track, by its id, in a list


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

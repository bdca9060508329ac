"""Appeals by HTTP."""

from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from streams.contract.records import TrackDecided
from streams.services import appeals
from streams.web.api.callers import RateLimit
from tests.support.console import Console
from tests.support.stories import tell


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
    stems = {"type": "stems", "uri": "https://example.org/stems.zip", "note": "n" * 2_000}
    large = {"evidence": [stems] * 40}
    answer = program.post("appeals", json=body | large)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    for wrong in ({"decision_id": "dec_0"}, {"grounds": "just because"}, {"statement": ""}):
        assert program.post("appeals", json=body | wrong).status_code in (404, 422)


def test_open_appeals_of_a_decision_and_of_a_bound_key_are_limited(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read again when the next one comes; people could not answer them either."""
    monkeypatch.setattr(appeals, "MOST_OF_DECISION", 3)
    monkeypatch.setattr(appeals, "MOST_OF_KEY", 5)
    ledger = console.resources.ledger
    decided = [tell(ledger, f"T-many-{number}", distributor="A")[0] for number in range(2)]
    bound, own = console.program("ingest", "A"), console.program("ingest")

    def send(program: TestClient, decision: TrackDecided, name: str) -> object:
        appellant = {"type": "artist", "id": name}
        body = {"decision_id": decision.decision_id, "appellant": appellant, "grounds": "not_ai"}
        answer = program.post("appeals", json=body | {"statement": "I played it."})
        return answer.json().get("code", answer.status_code)

    sent = [send(bound, decided[0], f"a-{number}") for number in range(4)]
    assert sent == [201, 201, 201, "too_many_open"]
    assert send(bound, decided[1], "a-0") == 201
    monkeypatch.setattr(appeals, "MOST_OF_KEY", 4)
    assert send(bound, decided[1], "a-1") == "too_many_open"
    assert send(own, decided[1], "a-1") == 201


def test_appeals_of_a_key_have_a_rate(console: Console, program: TestClient) -> None:
    (api,) = (one for one in console.inner.routes if getattr(one, "path", "") == "/v1")
    cast(Any, api).app.state.appeal_limit = RateLimit(1)
    body = {"decision_id": "dec_0", "appellant": {"type": "artist", "id": "a"}}
    body |= {"grounds": "not_ai", "statement": "x"}
    assert [program.post("appeals", json=body).status_code for _ in range(2)] == [404, 429]

"""Appeals by HTTP."""

from starlette.testclient import TestClient

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
    for wrong in ({"decision_id": "dec_0"}, {"grounds": "just because"}, {"statement": ""}):
        assert program.post("appeals", json=body | wrong).status_code in (404, 422)

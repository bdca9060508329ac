"""The HTTP API over a real database; what it takes in waits in the outbox."""

import sqlalchemy
from starlette.testclient import TestClient

from streams.store import audit
from streams.store.account_tables import AUDIT
from tests.support.console import Console
from tests.support.stories import tell


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

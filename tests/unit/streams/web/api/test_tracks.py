"""Tracks by HTTP: analyses, labels, stories, pages."""

import json

from starlette.testclient import TestClient

from streams.services import timeline
from streams.store import queries
from tests.support.console import Console
from tests.support.stories import tell


def test_a_track_from_upload_to_labels(console: Console, program: TestClient) -> None:
    decided, _ = tell(console.resources.ledger, "T/1 ü")
    track = program.get("tracks/T%2F1%20%C3%BC")
    assert track.json()["decision"]["decision_id"] == decided.decision_id
    status = program.get(f"uploads/{decided.upload_id}").json()
    assert (status["status"], status["outcome"], status["extent"]) == (
        *("decided", "identified", "All"),
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


def test_progress_needs_no_row_but_one(console: Console) -> None:
    decided, _ = tell(console.resources.ledger)
    assert queries.decision(console.resources.ledger, decision_id=decided.decision_id) == decided

"""The pages of dead letters."""

from streams.stages.ledger import project
from streams.store import dead_letter_store
from streams.store.dead_letter_store import DeadLetterFilter
from tests.support.console import Console
from tests.support.ledger_rows import letter


def test_a_letter_is_dropped_with_a_reason_and_never_without(console: Console) -> None:
    ledger = console.resources.ledger
    project(ledger, [letter(b"no \xff record" + b"x" * 5_000)])
    (dead,) = dead_letter_store.find(ledger, DeadLetterFilter())
    admin, path = console.browser("admin"), f"/admin/dead-letters/{dead.dead_letter_id}"
    assert "no \\xff record" in admin.get(path).text
    assert admin.submit(path, what="drop", why="").status_code == 422
    assert dead_letter_store.get(ledger, dead.dead_letter_id).status == "open"
    assert admin.submit(path, what="drop", why="a test file").status_code == 303
    assert dead.dead_letter_id not in admin.get("/admin/dead-letters").text
    assert "a test file" in admin.get(path).text
    (noted,) = dead_letter_store.actions(ledger, dead.dead_letter_id)
    assert (noted.action, noted.who, noted.why) == ("dropped", "admin", "a test file")
    assert admin.get("/admin/dead-letters/ddl_none").status_code == 404

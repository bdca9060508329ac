"""No page asks the database more for more rows: one number of statements, whatever is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from streams.contract.records.reviews import Appellant
from streams.services import appeals
from streams.web.console import admin as admin_pages
from tests.support.console import Console
from tests.support.stories import tell

MOST = 22  # statements of the dearest page (the story of a track), session included


@contextmanager
def counted(engine: sqlalchemy.Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)


def fill(console: Console, start: int, count: int) -> None:
    for number in range(start, start + count):
        decided, _ = tell(
            console.resources.ledger,
            f"T-{number}",
            title="One song",  # the same content: all are duplicates of each other
            distributor="Label A",
            uploaded_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number),
        )
        appeals.receive(
            console.resources.ledger,
            decided.decision_id,
            appellant=Appellant(type="artist", id=f"artist-{number}"),
            grounds="not_ai",
            statement="I played it.",
            by="test",
        )


PAGES = [
    "/check",
    "/queue",
    "/queue?show=late",
    "/tracks",
    "/tracks?search=song",
    "/queue?search=song",
    "/appeals",
]
PAGES += ["/quality", "/admin", "/admin/keys", "/admin/webhooks", "/admin/versions", "/admin/audit"]
PAGES += ["/admin/dead-letters", "TASK", "/tracks/T-1"]


def test_the_number_of_statements_does_not_depend_on_the_rows(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_pages, "COUNTED_S", 0.0)
    admin = console.browser("admin")
    numbers: list[dict[str, int]] = []
    for start, count in ((0, 3), (3, 30)):
        fill(console, start, count)
        with console.resources.ledger.reading() as connection:
            task = connection.scalar(
                sqlalchemy.text("SELECT task_id FROM task_states WHERE track_id = 'T-1'")
            )
        counts = {}
        for path in PAGES:
            with counted(console.resources.ledger.engine) as statements:
                answer = admin.get(path.replace("TASK", f"/tasks/{task}"))
            assert answer.status_code == 200, path
            own = [one for one in statements if "audit_log" not in one or path == "/admin/audit"]
            counts[path] = len([one for one in own if not one.startswith(("BEGIN", "INSERT"))])
        numbers.append(counts)
    few, many = numbers
    for path in PAGES:
        assert abs(few[path] - many[path]) <= 1, (path, few[path], many[path])  # the audit's thread
        assert many[path] <= MOST, (path, many[path])


@pytest.mark.parametrize("path", ["uploads", "tracks/T-1", "tracks/T-1/labels"])
def test_nor_do_those_of_the_api(console: Console, path: str) -> None:
    program = console.program("viewer")
    fill(console, 0, 30)
    with counted(console.resources.ledger.engine) as statements:
        assert program.get(path).status_code == 200
    assert len([one for one in statements if one.startswith("SELECT")]) <= 6
